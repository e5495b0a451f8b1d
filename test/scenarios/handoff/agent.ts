/** One agent hands over to another. */
import { agent as runAgent, tool } from 'agentops-edge'
import { type Agent, ask } from '../desk.ts'

export const agent: Agent = async (desk) => {
  const question = { role: 'user' as const, content: 'I was charged twice.' }
  await runAgent('triage', async () => {
    await ask(desk, [question], ['transfer_to_billing'])
    tool('transfer_to_billing', {}, () => 'billing')
  })
  await runAgent('billing', () => ask(desk, [{ role: 'system', content: 'You refund.' }, question]))
}
