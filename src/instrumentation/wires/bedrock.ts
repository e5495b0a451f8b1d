/** Bedrock's Converse, and what its answers share with Nova's. */
import { type Json, list, type Wire } from './wire.ts'

export const bedrock: Wire = {
  path: /\/converse(-stream)?$/,
  provider: 'aws.bedrock',
  read(part, answer) {
    const choice = answer.choice()
    for (const [at, { text, toolUse }] of list(part.output?.message?.content).entries()) {
      answer.say(choice, text)
      use(at, toolUse, true)
    }
    const { contentBlockIndex: at, delta } = part
    answer.say(choice, delta?.text)
    use(at, part.start?.toolUse)
    use(at, delta?.toolUse)
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

    function use(at: unknown, used: Json, isWhole?: boolean): void {
      if (used) answer.call(choice, at, { id: used.toolUseId, name: used.name, args: used.input }, isWhole)
    }
  },
}
