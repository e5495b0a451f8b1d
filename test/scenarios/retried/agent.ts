/** The provider is busy; its client asks again. */
import { type Agent, ask } from '../desk.ts'

export const agent: Agent = (desk) => ask(desk, [{ role: 'user', content: 'Are you there?' }])
