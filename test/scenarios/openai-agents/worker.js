/**
 * OpenAI's Agents SDK as its documentation has it, over the Responses API: an agent with tools and a guardrail, in a
 * conversation; `/?base=<url of the models>`, with `&stream` and `&contents`.
 */
import { Agent, OpenAIProvider, Runner, tool } from '@openai/agents'
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
const polite = {
  name: 'polite',
  execute: async () => ({ tripwireTriggered: false, outputInfo: {} }),
}

export default scenario({ openaiAgents: openaiAgents() }, async ({ base, stream }) => {
  const openAIClient = new OpenAI({ apiKey: 'key', baseURL: `${base}/v1`, maxRetries: 0 })
  const runner = new Runner({ modelProvider: new OpenAIProvider({ openAIClient }), groupId: 'group-7' })
  const agent = new Agent({
    name: 'weather_agent',
    model: 'gpt-4o-mini',
    tools: [weather, price],
    inputGuardrails: [polite],
  })
  const result = await runner.run(agent, 'Where is the sun?', { stream })
  if (stream) await result.completed
  return result.finalOutput
})
