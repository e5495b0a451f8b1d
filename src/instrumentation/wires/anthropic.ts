/** Anthropic's Messages: its own, Claude's on Vertex, and through Bedrock's InvokeModel. */
import { isCount, type Json, list, match, sum, type Wire } from './wire.ts'

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
    // What summing up a conversation took is in no other count.
    const more = list(usage.iterations).filter(({ type }) => type === 'compaction')
    const of = (field: string): unknown => isCount(usage[field]) && sum(usage[field], ...more.map((one) => one[field]))
    answer.count({
      uncached: of('input_tokens'),
      completion: of('output_tokens'),
      cache_read: of('cache_read_input_tokens'),
      cache_creation: of('cache_creation_input_tokens'),
      reasoning: usage.output_tokens_details?.thinking_tokens,
    })

    /** In a stream its input begins as {}, or is there as a whole. */
    function open(at: unknown, { type, text, id, name, input }: Json, isWhole?: boolean): void {
      if (type === 'text') answer.say(choice, text)
      const isHosted = type !== 'tool_use'
      if (match(/tool_use$/, type)) answer.call(choice, at, { id, name, args: Object(input), isHosted }, isWhole)
    }
  },
}
