/** Mastra's agent as its documentation has it. */
import { createOpenAI } from '@ai-sdk/openai'
import { Mastra } from '@mastra/core'
import { Agent } from '@mastra/core/agent'
import { createTool } from '@mastra/core/tools'
import { Observability } from '@mastra/observability'
import { mastraBridge } from 'agentops-edge/instrumentation'
import { z } from 'zod'
import { scenario } from '../framework.js'

const weather = createTool({
  id: 'get_weather',
  description: 'The weather of a city',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sun in ${city}`,
})
const price = createTool({
  id: 'get_price',
  description: 'The price of an item',
  inputSchema: z.object({ item: z.string() }),
  execute: async () => {
    throw new RangeError('no price for an umbrella')
  },
})

const bridge = mastraBridge()

export default scenario({}, async ({ base, stream, captured }) => {
  const agent = new Agent({
    id: 'weather-agent',
    name: 'Weather Agent',
    instructions: 'Say where the sun is.',
    model: createOpenAI({ apiKey: 'key', baseURL: `${base}/v1` }).chat('gpt-4o-mini'),
    tools: { get_weather: weather, get_price: price },
  })
  const configs = { default: { serviceName: 'weather', bridge } }
  const mastra = new Mastra({
    agents: { weather: agent },
    logger: false,
    observability: captured ? new Observability({ configs }) : undefined,
  })
  const memory = { thread: 'thread-9', resource: 'user-1' }
  const asked = 'Where is the sun?'
  if (!stream) return (await mastra.getAgent('weather').generate(asked, { memory })).text
  let said = ''
  for await (const part of (await mastra.getAgent('weather').stream(asked, { memory })).textStream) said += part
  return said
})
