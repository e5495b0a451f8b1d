/** Workers AI: its own shapes, and OpenAI's, which some of its models answer in. */
import { toText } from '../../runtime/serialize.ts'
import { chat, spend } from './openai.ts'
import { responses } from './responses.ts'
import { list, type Wire } from './wire.ts'

export const workersAi: Wire = {
  operation: 'chat',
  path: /\/(ai\/run|workers-ai)\/@[^:]+$/,
  provider: 'cloudflare.workers_ai',
  read(part, answer) {
    for (const { code, message } of list(part.errors)) answer.fail({ message }, code)
    const result = Object(part.result ?? part)
    if (result.choices) return chat.read(result, answer)
    if (result.output) return responses.read({ object: 'response', ...result }, answer)
    const choice = answer.choice()
    // In JSON mode it is an object; speech, translations and summaries have names of their own.
    const { response, text, translated_text, summary, description } = result
    answer.say(choice, toText(response ?? text ?? translated_text ?? summary ?? description))
    for (const [at, { id, name, arguments: args, function: called }] of list(result.tool_calls).entries()) {
      answer.call(choice, at, { id, name: name ?? called?.name, args: args ?? called?.arguments }, true)
    }
    answer.finish(choice, result.finish_reason)
    spend(answer, result.usage)
  },
}
