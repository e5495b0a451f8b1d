/** What is known is looked up before the model is asked. */
import { tool } from 'agentops-edge'
import { type Agent, ask, openai } from '../desk.ts'

export const agent: Agent = async (desk) => {
  const input = 'When do you open?'
  const page = await tool('look_up', { input }, async () => {
    const model = 'text-embedding-3-small'
    await openai(desk).embeddings.create({ model, input, encoding_format: 'float' })
    return 'We open at nine.'
  })
  await ask(desk, [
    { role: 'system', content: page },
    { role: 'user', content: input },
  ])
}
