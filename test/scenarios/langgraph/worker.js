/** A graph of the user's own, with a subgraph, a chain, and an event of his in a tool. */
import { registerConfigureHook, setContextVariable } from '@langchain/core/context'
import { RunnableLambda } from '@langchain/core/runnables'
import { tool } from '@langchain/core/tools'
import { END, MemorySaver, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
import { ToolNode } from '@langchain/langgraph/prebuilt'
import { ChatOpenAI } from '@langchain/openai'
import { action } from 'agentops-edge'
import { langChain } from 'agentops-edge/instrumentation'
import { z } from 'zod'
import { scenario } from '../framework.js'

const weather = tool(
  async ({ city }) => {
    await action('look out', () => {})
    return `sun in ${city}`
  },
  {
    name: 'get_weather',
    description: 'The weather of a city',
    schema: z.object({ city: z.string() }),
  },
)
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
    const ask = RunnableLambda.from(({ messages }) => messages).pipe(model.bindTools([weather, price]))
    const acting = new StateGraph(MessagesAnnotation)
      .addNode('tools', new ToolNode([weather, price]))
      .addEdge(START, 'tools')
      .compile({ name: 'hands' })
    const planner = new StateGraph(MessagesAnnotation)
      .addNode('think', async (state) => ({ messages: [await ask.invoke(state)] }))
      .addNode('act', acting)
      .addEdge(START, 'think')
      .addConditionalEdges('think', ({ messages }) => (messages.at(-1).tool_calls?.length ? 'act' : END))
      .addEdge('act', 'think')
      .compile({ name: 'planner', checkpointer: new MemorySaver() })
    const asked = { messages: [{ role: 'user', content: 'Where is the sun?' }] }
    const config = { configurable: { thread_id: 'thread-8' } }
    if (!stream) return (await planner.invoke(asked, config)).messages.at(-1).content
    let last
    // So the models stream, too.
    const streamMode = ['messages', 'values']
    for await (const [mode, part] of await planner.stream(asked, { ...config, streamMode }))
      if (mode === 'values') last = part
    return last.messages.at(-1).content
  },
)
