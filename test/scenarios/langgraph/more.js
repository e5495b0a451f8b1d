/** What people do with LangGraph beside a plain graph: pauses for a human, handoffs, tools that throw, events of a stream. */
import { registerConfigureHook, setContextVariable } from '@langchain/core/context'
import { tool } from '@langchain/core/tools'
import { Command, END, interrupt, MemorySaver, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
import { ToolNode } from '@langchain/langgraph/prebuilt'
import { ChatOpenAI } from '@langchain/openai'
import { langChain } from 'agentops-edge/instrumentation'
import { createAgent } from 'langchain'
import { z } from 'zod'
import { tasks } from '../tasks.js'

const modelOf = (base) =>
  new ChatOpenAI({ apiKey: 'key', model: 'gpt-4o-mini', maxRetries: 0, configuration: { baseURL: `${base}/v1` } })
const asked = { messages: [{ role: 'user', content: 'Where is the sun?' }] }
const schema = z.object({ city: z.string() })
const weather = tool(async ({ city }) => `sun in ${city}`, { name: 'get_weather', description: 'The weather', schema })
const failing = tool(
  async () => {
    throw new RangeError('no weather today')
  },
  { name: 'get_weather', description: 'The weather', schema },
)
const approved = tool(async ({ city }) => (interrupt({ book: city }) === 'yes' ? `booked ${city}` : 'not booked'), {
  name: 'book',
  description: 'Books a journey',
  schema,
})

/** A graph that asks its model and runs its tools. */
const looping = (base, tools, { name = 'planner', node = new ToolNode(tools), ...rest } = {}) =>
  new StateGraph(MessagesAnnotation)
    .addNode('think', async ({ messages }) => ({ messages: [await modelOf(base).bindTools(tools).invoke(messages)] }))
    .addNode('act', node)
    .addEdge(START, 'think')
    .addConditionalEdges('think', ({ messages }) => (messages.at(-1).tool_calls?.length ? 'act' : END))
    .addEdge('act', 'think')
    .compile({ name, ...rest })

const thread = (id = 'thread-1') => ({ configurable: { thread_id: id } })

export default tasks(
  { langChain: langChain({ registerConfigureHook, setContextVariable }) },
  {
    /** In a tool, two graphs deep; answered in the same request. */
    async interrupted(base) {
      const hands = new StateGraph(MessagesAnnotation)
        .addNode('tools', new ToolNode([approved]))
        .addEdge(START, 'tools')
        .compile({ name: 'hands' })
      const graph = looping(base, [approved], { node: hands, checkpointer: new MemorySaver() })
      await graph.invoke(asked, thread())
      await graph.invoke(new Command({ resume: 'yes' }), thread())
    },
    /** In a node of its own, streamed. */
    async node(_, query) {
      const graph = new StateGraph(MessagesAnnotation)
        .addNode('review', () => {
          interrupt('may I?')
          return {}
        })
        .addEdge(START, 'review')
        .compile({ name: 'desk', checkpointer: new MemorySaver() })
      if (query.has('stream')) for await (const _ of await graph.stream(asked, thread()));
      else await graph.invoke(asked, thread())
    },
    /** Before a node, as the graph is made. */
    async before(base) {
      const graph = looping(base, [weather], { checkpointer: new MemorySaver(), interruptBefore: ['act'] })
      await graph.invoke(asked, thread())
      await graph.invoke(null, thread())
    },
    /** ToolNode makes of it a message, or throws it on. */
    async throws(base, query) {
      const node = new ToolNode([failing], { handleToolErrors: !query.has('on') })
      await looping(base, [failing], { node })
        .invoke(asked)
        .catch(() => {})
    },
    async handoff(base) {
      const graph = new StateGraph(MessagesAnnotation)
        .addNode('triage', () => new Command({ goto: 'planner' }), { ends: ['planner'] })
        .addNode('planner', looping(base, [weather]))
        .addEdge(START, 'triage')
        .compile({ name: 'office' })
      await graph.invoke(asked)
    },
    /** A tool of one agent hands over to its sibling in the graph above. */
    async across(base) {
      const transfer = tool(
        async (_, config) =>
          new Command({
            goto: 'flights',
            graph: Command.PARENT,
            update: { messages: [{ role: 'tool', content: 'handed over', tool_call_id: config.toolCall.id }] },
          }),
        { name: 'transfer_to_flights', description: 'Hands over', schema: z.object({}) },
      )
      const hotels = createAgent({ model: modelOf(base), tools: [transfer], name: 'hotels' })
      const flights = createAgent({ model: modelOf(base), tools: [], name: 'flights' })
      const graph = new StateGraph(MessagesAnnotation)
        .addNode('hotels', hotels.graph, { ends: ['flights'] })
        .addNode('flights', flights.graph)
        .addEdge(START, 'hotels')
        .compile({ name: 'travel' })
      await graph.invoke(asked)
    },
    async events(base) {
      const graph = looping(base, [weather])
      for await (const _ of graph.streamEvents(asked, { version: 'v2' }));
    },
    /** Left while it runs. */
    async left(base) {
      const graph = looping(base, [weather])
      for await (const _ of await graph.stream(asked, { streamMode: 'updates' })) break
    },
    async aborted(base) {
      const leaving = AbortSignal.abort()
      await looping(base, [weather])
        .invoke(asked, { signal: leaving })
        .catch(() => {})
    },
    /** Two at once. */
    async both(base) {
      const graphs = ['first', 'second'].map((name) => looping(base, [weather], { name }))
      await Promise.all(graphs.map((graph) => graph.invoke(asked)))
    },
    /** It goes on behind the answer. */
    async later(base, _, ctx) {
      ctx.waitUntil(looping(base, [weather]).invoke(asked))
    },
  },
)
