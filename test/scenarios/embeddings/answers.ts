import { type Answer, chat, embeddings } from '../say.ts'

export const answers: Answer[] = [embeddings(5), chat({ text: 'At nine.' }, [21, 4])]
