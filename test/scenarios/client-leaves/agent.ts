/** The agent has heard enough, or does not want the answer any more: no failure. */
import { type Agent, openai } from '../desk.ts'

export const agent: Agent = async (desk) => {
  const body = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'Tell me all about cats.' }] }
  const { completions } = openai(desk).chat
  if (!desk.stream) return (await completions.create(body).asResponse()).body?.cancel()
  for await (const { choices } of await completions.create({ ...body, stream: true })) {
    if (choices[0]?.delta.content) return
  }
}
