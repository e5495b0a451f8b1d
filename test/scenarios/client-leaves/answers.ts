import { type Answer, chat } from '../say.ts'

export const answers: Answer[] = [
  { ...chat({ text: 'Cats sleep, and then they sleep again.' }, [16, 900]), hang: true },
]
