import type OpenAI from 'openai'
import type { Answer, Tokens } from '../say.ts'

type Item = OpenAI.Responses.ResponseFunctionToolCall | OpenAI.Responses.ResponseOutputMessage

const call = (call_id: string, name: string, args: object): Item => ({
  type: 'function_call',
  id: `fc_${call_id}`,
  call_id,
  name,
  arguments: JSON.stringify(args),
  status: 'completed',
})
const said = (text: string): Item => ({
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text, annotations: [] }],
})

/** Of OpenAI's Responses, of which the last event has it whole. */
function respond(output: Item[], [input, tokens]: Tokens): Answer {
  const response = {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    model: 'gpt-4o-mini-2024-07-18',
    status: 'completed',
    output,
    usage: {
      input_tokens: input,
      input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      output_tokens: tokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input + tokens,
    },
  }
  const begun = { ...response, status: 'in_progress', output: [], usage: null }
  return {
    path: '/v1/responses',
    tokens: [input, tokens],
    whole: response,
    stream: [
      { type: 'response.created', sequence_number: 0, response: begun },
      ...output.map((item, n) => {
        return { type: 'response.output_item.done', sequence_number: n + 1, output_index: n, item }
      }),
      { type: 'response.completed', sequence_number: output.length + 1, response },
    ],
  }
}

export const answers: Answer[] = [
  respond(
    [call('call_1', 'get_weather', { city: 'Oslo' }), call('call_2', 'get_price', { item: 'umbrella' })],
    [40, 21],
  ),
  respond([call('call_3', 'get_weather', { city: 'Rome' })], [70, 11]),
  respond([said('Sun in Oslo and Rome.')], [90, 8]),
]
