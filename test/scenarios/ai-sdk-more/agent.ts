/** What the AI SDK does beside: embeddings, an object, and a generation without a name whose tool asks an agent that has one. */
import { createOpenAI } from '@ai-sdk/openai'
import {
  embed,
  embedMany,
  generateObject,
  generateText,
  jsonSchema,
  stepCountIs,
  streamObject,
  streamText,
  tool,
} from 'ai'
import type { Agent } from '../desk.ts'

const inputSchema = jsonSchema<Record<string, string>>({ type: 'object' })

export const agent: Agent = async ({ base, stream }) => {
  const openai = createOpenAI({ apiKey: 'key', baseURL: `${base}/v1` })
  const embedding = openai.embedding('text-embedding-3-small')
  await embed({ model: embedding, value: 'a table outside' })
  await embedMany({ model: embedding, values: ['Oslo'] })

  const model = openai.chat('gpt-4o-mini')
  const place = { model, schema: inputSchema, prompt: 'Where?' }
  if (!stream) await generateObject(place)
  else for await (const _ of streamObject(place).partialObjectStream);

  const colleague = tool({
    inputSchema,
    execute: async ({ question = '' }) =>
      (await generateText({ model, prompt: question, telemetry: { functionId: 'colleague' } })).text,
  })
  const options = { model, prompt: 'Warm?', tools: { ask_colleague: colleague }, stopWhen: stepCountIs(3) }
  await (stream ? streamText(options).consumeStream() : generateText(options))
}
