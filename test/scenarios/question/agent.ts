/** One question, one answer. */
import { type Agent, ask } from '../desk.ts'

export const agent: Agent = (desk) => ask(desk, [{ role: 'user', content: 'What is the capital of France?' }])
