import { type Answer, chat, embeddings } from '../say.ts'

export const answers: Answer[] = [
  embeddings(4),
  embeddings(9),
  chat({ text: '{"city":"Oslo"}' }, [20, 6]),
  chat({ calls: [['call_1', 'ask_colleague', { question: 'how warm?' }]] }, [30, 9]),
  chat({ text: 'warm' }, [12, 2]),
  chat({ text: 'It is warm.' }, [50, 5]),
]
