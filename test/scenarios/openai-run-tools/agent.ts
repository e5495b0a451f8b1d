/** OpenAI's client runs the tools itself (`runTools`): nobody shows them but its requests. */
import { type Agent, openai, TRIP, told } from '../desk.ts'

export const agent: Agent = async (desk) => {
  const tools = Object.entries(TRIP).map(([name, run]) => ({
    type: 'function' as const,
    function: { name, description: name, parameters: { type: 'object' }, parse: JSON.parse, function: told(run) },
  }))
  const messages = [{ role: 'user' as const, content: 'Take me to dinner in Oslo.' }]
  const body = { model: 'gpt-4o-mini', messages, tools }
  const { completions } = openai(desk).chat
  const runner = desk.stream
    ? completions.runTools({ ...body, stream: true, stream_options: { include_usage: true } })
    : completions.runTools(body)
  return runner.finalContent()
}
