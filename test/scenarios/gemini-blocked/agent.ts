/** Gemini does not answer such a prompt. */
import { type Agent, askGemini } from '../desk.ts'

export const agent: Agent = (desk) => askGemini(desk, 'Something that it must not answer.')
