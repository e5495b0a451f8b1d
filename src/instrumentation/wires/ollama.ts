/** Ollama's own API: lines of JSON where it streams, which it does unless it is told not to. */
import { type Answer, type Json, list, type Wire } from './wire.ts'

function read(part: Json, answer: Answer): void {
  const { error, message, response, done_reason, model } = part
  if (error) answer.fail(error)
  answer.name({ model })
  const choice = answer.choice()
  const { content = response, tool_calls } = Object(message)
  answer.say(choice, content)
  for (const { id, function: called } of list(tool_calls)) {
    answer.call(choice, choice.calls.length, { id, name: called?.name, args: called?.arguments }, true)
  }
  answer.finish(choice, done_reason)
  answer.count({ prompt: part.prompt_eval_count, completion: part.eval_count })
}

const provider = 'ollama'

/** To be passed: `llmCalls({ wires: [ollama] })`. */
export const ollama: readonly Wire[] = [
  {
    path: /\/api\/chat$/,
    provider,
    ask: ({ messages, options, stream }) => ({ messages, settings: options, stream: stream !== false }),
    read,
  },
  {
    operation: 'text_completion',
    path: /\/api\/generate$/,
    provider,
    ask: ({ prompt, options, stream }) => ({ messages: prompt, settings: options, stream: stream !== false }),
    read,
  },
  { operation: 'embeddings', path: /\/api\/embed$/, provider, read },
]
