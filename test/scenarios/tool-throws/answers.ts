import { type Answer, chat } from '../say.ts'

export const answers: Answer[] = [
  chat({ calls: [['call_1', 'read_mail', { folder: 'inbox' }]] }, [30, 9]),
  chat({ text: 'I cannot read it.' }, [55, 7]),
]
