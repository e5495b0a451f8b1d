/** OpenAI's images, speech and moderations. */
import { spend } from './openai.ts'
import type { Answer, Json, Wire } from './wire.ts'

function read(part: Json, answer: Answer): void {
  const { type, error, delta, text, usage } = part
  if (error) answer.fail(error)
  answer.name(part)
  if (type === 'transcript.text.delta') answer.say(answer.choice(), delta)
  else if (!type) answer.say(answer.choice(), text)
  spend(answer, usage)
}

/** To be passed: `llmCalls({ wires: [openaiMore] })`. Of what is sent as a form only that it was sent is known. */
export const openaiMore: readonly Wire[] = [
  {
    operation: 'generate_content',
    path: /\/images\/(generations|edits|variations)$/,
    read,
  },
  {
    operation: 'generate_content',
    path: /\/audio\/(speech|transcriptions|translations)$/,
    read,
  },
  { operation: 'moderation', path: /\/moderations$/, read },
]
