import { type Answer, chat } from '../say.ts'

export const answers: Answer[] = [
  chat({ calls: [['call_1', 'transfer_to_billing', {}]] }, [25, 6]),
  chat({ text: 'You get it back.' }, [31, 6]),
]
