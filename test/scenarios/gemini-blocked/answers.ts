import { BlockedReason } from '@google/genai'
import { type Answer, blocked } from '../say.ts'

export const answers: Answer[] = [blocked(BlockedReason.PROHIBITED_CONTENT, 8)]
