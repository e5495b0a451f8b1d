/** Claude thinks first, and has the system's prompt in its cache. */
import { type Agent, askClaude } from '../desk.ts'

export const agent: Agent = (desk) => askClaude(desk, 'Is 91 a prime?')
