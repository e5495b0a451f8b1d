/** Bedrock's Converse, and what its answers share with Nova's. */
import { type Json, list, type Wire } from './wire.ts'

export const bedrock: Wire = {
  path: /\/converse(-stream)?$/,
  provider: 'aws.bedrock',
  read(part, answer) {
    const choice = answer.choice()
    for (const [at, one] of list(part.output?.message?.content).entries()) take(at, one, true)
    take(part.contentBlockIndex, part.start)
    take(part.contentBlockIndex, part.delta)
    answer.finish(choice, part.stopReason)
    if (part.__type || typeof part.message === 'string') answer.fail(part, part.__type)
    const usage = Object(part.usage)
    answer.count({
      uncached: usage.inputTokens,
      completion: usage.outputTokens,
      total: usage.totalTokens,
      cache_read: usage.cacheReadInputTokens,
      cache_creation: usage.cacheWriteInputTokens,
    })

    function take(at: unknown, block: Json, isWhole?: boolean): void {
      const { text, toolUse } = Object(block)
      answer.say(choice, text)
      if (toolUse) answer.call(choice, at, { id: toolUse.toolUseId, name: toolUse.name, args: toolUse.input }, isWhole)
    }
  },
}
