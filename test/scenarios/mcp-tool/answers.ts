import { type Answer, chat } from '../say.ts'

export const answers: Answer[] = [
  chat({ calls: [['call_1', 'search', { q: 'cats' }]] }, [28, 8]),
  chat({ text: 'It is cats.html.' }, [47, 7]),
]
