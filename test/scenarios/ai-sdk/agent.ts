/** The AI SDK's own loop: three steps, two tools side by side of which one fails, and the name that the user gives. */
import { createOpenAI } from '@ai-sdk/openai'
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai'
import type { Agent } from '../desk.ts'

const inputSchema = jsonSchema<Record<string, string>>({ type: 'object' })
const tools = {
  get_weather: tool({ inputSchema, execute: async ({ city }) => `dry in ${city}` }),
  read_mail: tool({
    inputSchema,
    execute: async (): Promise<string> => {
      throw new RangeError('the mailbox is locked')
    },
  }),
  book_table: tool({ inputSchema, execute: async ({ place }) => ({ place, number: 12 }) }),
}

export const agent: Agent = async ({ base, stream }) => {
  const options = {
    model: createOpenAI({ apiKey: 'key', baseURL: `${base}/v1` }).chat('gpt-4o-mini'),
    prompt: 'Book a table outside if it is dry.',
    tools,
    stopWhen: stepCountIs(5),
    telemetry: { functionId: 'planner' },
  }
  await (stream ? streamText(options).consumeStream() : generateText(options))
}
