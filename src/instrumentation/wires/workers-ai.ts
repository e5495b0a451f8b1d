/** Workers AI: its own shapes, and OpenAI's, which some of its models answer in. */
import { toText } from '../../runtime/serialize.ts'
import { chat } from './openai.ts'
import { responses } from './responses.ts'
import { list, type Wire } from './wire.ts'

export const workersAi: Wire = {
  path: /\/(ai\/run|workers-ai)\/@[^:]+$/,
  provider: 'cloudflare.workers_ai',
  read(part, answer) {
    for (const { code, message } of list(part.errors)) answer.fail({ message }, code)
    const result = Object(part.result ?? part)
    if (result.output) return responses.read(result, answer)
    // In JSON mode it is an object; speech, translations and summaries have names of their own.
    const { response, text, translated_text, summary, description, tool_calls, finish_reason } = result
    const content = toText(response ?? text ?? translated_text ?? summary ?? description)
    chat.read({ choices: [{ message: { content, tool_calls }, finish_reason }], ...result }, answer)
  },
}
