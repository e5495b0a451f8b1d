/** Bedrock's Converse, and what its answers share with Nova's. */
import { type Json, list, type Wire } from './wire.ts'

export const bedrock: Wire = {
  operation: 'chat',
  path: /\/converse(-stream)?$/,
  provider: 'aws.bedrock',
  read(part, answer) {
    const choice = answer.choice()
    for (const [at, { text, toolUse }] of list(part.output?.message?.content).entries()) {
      answer.say(choice, text)
      use(at, toolUse, true)
    }
    const { contentBlockIndex: at, start, delta, message, usage } = part
    answer.say(choice, delta?.text)
    for (const { toolUse } of [Object(start), Object(delta)]) use(at, toolUse)
    answer.finish(choice, part.stopReason)
    if (part.__type || typeof message === 'string') answer.fail(part, part.__type)
    const { inputTokens, outputTokens, totalTokens, cacheReadInputTokens, cacheWriteInputTokens } = Object(usage)
    answer.count({
      uncached: inputTokens,
      completion: outputTokens,
      total: totalTokens,
      cache_read: cacheReadInputTokens,
      cache_creation: cacheWriteInputTokens,
    })

    function use(at: unknown, used: Json, isWhole?: boolean): void {
      if (used) answer.call(choice, at, { id: used.toolUseId, name: used.name, args: used.input }, isWhole)
    }
  },
}
