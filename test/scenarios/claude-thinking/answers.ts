import { type Answer, claude } from '../say.ts'

export const answers: Answer[] = [claude('91 is 7 times 13.', 'No.', { fresh: 9, read: 100, written: 20, output: 30 })]
