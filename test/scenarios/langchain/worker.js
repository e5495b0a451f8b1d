/** LangChain's agent as its documentation has it; `/<…>?base=<url of the models>`, with `&stream` and `&contents`. */
import { registerConfigureHook, setContextVariable } from '@langchain/core/context'
import { ChatOpenAI } from '@langchain/openai'
import { langChain } from 'agentops-edge/instrumentation'
import { createAgent, tool } from 'langchain'
import { z } from 'zod'
import { scenario } from '../framework.js'

const weather = tool(async ({ city }) => `sun in ${city}`, {
  name: 'get_weather',
  description: 'The weather of a city',
  schema: z.object({ city: z.string() }),
})
const price = tool(
  async () => {
    throw new RangeError('no price for an umbrella')
  },
  { name: 'get_price', description: 'The price of an item', schema: z.object({ item: z.string() }) },
)

export default scenario(
  { langChain: langChain({ registerConfigureHook, setContextVariable }) },
  async ({ base, stream }) => {
    const configuration = { baseURL: `${base}/v1` }
    const model = new ChatOpenAI({
      apiKey: 'key',
      model: 'gpt-4o-mini',
      maxRetries: 0,
      configuration,
    })
    const agent = createAgent({ model, tools: [weather, price], name: 'weather_agent' })
    const asked = { messages: [{ role: 'user', content: 'Where is the sun?' }] }
    const config = { configurable: { thread_id: 'thread-7' } }
    if (!stream) return (await agent.invoke(asked, config)).messages.at(-1).content
    let last
    // So the models stream, too.
    const streamMode = ['messages', 'values']
    for await (const [mode, part] of await agent.stream(asked, { ...config, streamMode }))
      if (mode === 'values') last = part
    return last.messages.at(-1).content
  },
)
