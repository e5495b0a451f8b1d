/** Anthropic's client runs the tools itself (`toolRunner`), and tells the model which has failed. */
import { type Agent, anthropic, TRIP } from '../desk.ts'

export const agent: Agent = async (desk) => {
  const tools = Object.entries(TRIP).map(([name, run]) => ({
    name,
    input_schema: { type: 'object' as const },
    parse: (input: unknown) => input as Record<string, unknown>,
    run,
  }))
  const messages = [{ role: 'user' as const, content: 'Take me to dinner in Oslo.' }]
  const body = { model: 'claude-sonnet-4-5', max_tokens: 2000, messages, tools }
  return anthropic(desk).beta.messages.toolRunner({ ...body, stream: desk.stream })
}
