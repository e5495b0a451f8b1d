/** Cohere's API of version 2. */
import { type Answer, type Json, list, type Wire } from './wire.ts'

function read(part: Json, answer: Answer): void {
  const { type, delta, index } = part
  const { message = part.message, finish_reason = part.finish_reason, usage = part.usage, error } = Object(delta)
  // A refusal is a message alone.
  if (typeof message === 'string') answer.fail(part)
  if (error) answer.fail(error)
  answer.name(part)
  const choice = answer.choice()
  const { content, tool_calls } = Object(message)
  for (const { text } of list([content].flat())) answer.say(choice, text)
  for (const [at, { id, function: called }] of list([tool_calls ?? []].flat()).entries()) {
    answer.call(choice, index ?? at, { id, name: called?.name, args: called?.arguments })
  }
  if (type !== 'message-end' || finish_reason !== 'ERROR') answer.finish(choice, finish_reason)
  const { tokens = usage?.billed_units, cached_tokens } = Object(usage ?? part.meta)
  const { input_tokens: prompt, output_tokens: completion } = Object(tokens ?? part.meta?.billed_units)
  answer.count({ prompt, completion, cache_read: cached_tokens })
}

/** To be passed: `llmCalls({ wires: [cohere] })`. */
export const cohere: readonly Wire[] = [
  {
    path: /\/v2\/chat$/,
    provider: 'cohere',
    ask: ({ messages, p }) => ({ messages, settings: { top_p: p } }),
    read,
  },
  {
    operation: 'embeddings',
    path: /\/v2\/embed$/,
    provider: 'cohere',
    ask: ({ texts, inputs }) => ({ messages: texts ?? inputs }),
    read,
  },
]
