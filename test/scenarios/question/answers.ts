import { type Answer, chat } from '../say.ts'

export const answers: Answer[] = [chat({ text: 'Paris.' }, [14, 3])]
