import { type Answer, chat, refused } from '../say.ts'

export const answers: Answer[] = [
  refused(429, 'rate_limit_exceeded', { 'retry-after-ms': '1' }),
  chat({ text: 'Yes.' }, [11, 2]),
]
