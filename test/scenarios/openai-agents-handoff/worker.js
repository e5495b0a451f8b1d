/**
 * One agent of OpenAI's Agents SDK hands over to another, over chat completions, in a run with a name; tools side by side.
 * `/?base=<url of the models>`, with `&stream` and `&contents`.
 */
import { Agent, OpenAIChatCompletionsModel, Runner, tool } from '@openai/agents'
import { openaiAgents } from 'agentops-edge/instrumentation'
import OpenAI from 'openai'
import { z } from 'zod'
import { scenario } from '../framework.js'

const weather = tool({
  name: 'get_weather',
  description: 'The weather of a city',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `sun in ${city}`,
})
const price = tool({
  name: 'get_price',
  description: 'The price of an item',
  parameters: z.object({ item: z.string() }),
  execute: async () => {
    throw new RangeError('no price for an umbrella')
  },
})

export default scenario({ openaiAgents: openaiAgents() }, async ({ base, stream }) => {
  const client = new OpenAI({ apiKey: 'key', baseURL: `${base}/v1`, maxRetries: 0 })
  const model = new OpenAIChatCompletionsModel(client, 'gpt-4o-mini')
  const hands = new Agent({ name: 'hands', model, tools: [weather, price] })
  const triage = new Agent({ name: 'triage', model, handoffs: [hands] })
  const runner = new Runner({ groupId: 'group-8', workflowName: 'forecast' })
  const result = await runner.run(triage, 'Where is the sun?', { stream })
  if (stream) await result.completed
  return result.finalOutput
})
