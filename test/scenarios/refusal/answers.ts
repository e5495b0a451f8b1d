import { type Answer, chat } from '../say.ts'

export const answers: Answer[] = [chat({ refusal: 'I cannot help with that.' }, [15, 9])]
