/** An agent over OpenAI's responses that writes nothing down: each request brings only what came of the tools. */
import type OpenAI from 'openai'
import { type Agent, openai, TRIP, told } from '../desk.ts'

export const agent: Agent = async (desk) => {
  const { responses } = openai(desk)
  const tools = Object.keys(TRIP).map((name) => ({
    type: 'function' as const,
    name,
    parameters: { type: 'object' },
    strict: false,
  }))
  let input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: 'Take me to dinner in Oslo.' }]
  let previous_response_id: string | undefined
  for (;;) {
    const body = { model: 'gpt-4o-mini', tools, input, previous_response_id }
    const { id, output } = desk.stream ? await responses.stream(body).finalResponse() : await responses.create(body)
    const calls = output.flatMap((item) => (item.type === 'function_call' ? [item] : []))
    if (!calls.length) return
    previous_response_id = id
    input = await Promise.all(
      calls.map(async ({ call_id, name, arguments: json }) => {
        const output = await told(TRIP[name] as never)(JSON.parse(json))
        return { type: 'function_call_output' as const, call_id, output }
      }),
    )
  }
}
