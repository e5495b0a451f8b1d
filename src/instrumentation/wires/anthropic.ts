/** Anthropic's Messages: its own, Claude's on Vertex, and through Bedrock's InvokeModel. */
import { type Json, list, match, type Wire } from './wire.ts'

export const anthropic: Wire = {
  path: /\/messages$|anthropic.*(:(stream)?rawPredict|\/invoke(-with-response-stream)?)$/i,
  provider: 'anthropic',
  read(part, answer) {
    const { type, delta, index } = part
    const choice = answer.choice()
    if (part.error) answer.fail(part.error)
    const whole = Object(part.message ?? (type === 'message' ? part : undefined))
    answer.name(whole)
    for (const [at, block] of list(whole.content).entries()) open(at, block, true)
    if (type === 'content_block_start') open(index, Object(part.content_block))
    if (type === 'content_block_delta') {
      answer.say(choice, delta?.text)
      answer.call(choice, index, { args: delta?.partial_json })
    }
    answer.finish(choice, whole.stop_reason ?? delta?.stop_reason)
    const usage = Object(whole.usage ?? part.usage)
    answer.count({
      uncached: usage.input_tokens,
      completion: usage.output_tokens,
      cache_read: usage.cache_read_input_tokens,
      cache_creation: usage.cache_creation_input_tokens,
      reasoning: usage.output_tokens_details?.thinking_tokens,
    })

    /** In a stream its input begins as {}. */
    function open(at: unknown, { type, text, id, name, input }: Json, isWhole?: boolean): void {
      if (type === 'text') answer.say(choice, text)
      if (match(/tool_use$/, type)) {
        const args = isWhole ? input : undefined
        answer.call(choice, at, { id, name, args, isHosted: type !== 'tool_use' }, isWhole)
      }
    }
  },
}
