/** What the Agents SDK offers beside methods: `/<task>` asks the desk by RPC; `/mcp` is an MCP server of the SDK's. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { action, currentSession, tool } from 'agentops-edge'
import { cloudflareAgents, fetchCalls, llmCalls } from 'agentops-edge/instrumentation'
import { instrument, instrumentDurableObject, instrumentWorkflow, rpcContext } from 'agentops-edge/workers'
import { Agent, getAgentByName } from 'agents'
import { McpAgent } from 'agents/mcp'
import { AgentWorkflow } from 'agents/workflows'
import { z } from 'zod'

const options = { instrumentations: { fetch: fetchCalls(), llm: llmCalls(), cloudflareAgents: cloudflareAgents() } }

class Helper extends Agent {
  async look(city) {
    return tool('get_weather', { city }, () => `sun in ${city}`)
  }
}
const HelperAgent = instrumentDurableObject(Helper, options)

class Trip extends AgentWorkflow {
  async run(event, step) {
    const { city } = event.payload
    await step.do('plan', async () => action('plan', () => `to ${city}`))
    await this.waitForApproval(step, { timeout: '1 minute' })
    return step.do('book', async () => tool('book', { city }, () => `booked ${city}`))
  }
}
const TripWorkflow = instrumentWorkflow(Trip, options)

class Weather extends McpAgent {
  server = new McpServer({ name: 'weather', version: '1.0.0' })

  async init() {
    const inputSchema = { city: z.string() }
    this.server.registerTool('get_weather', { description: 'The weather', inputSchema }, async ({ city }) => ({
      content: [{ type: 'text', text: await tool('look_out', { city }, () => `sun in ${city}`) }],
    }))
  }
}
const WeatherServer = instrumentDurableObject(Weather, options)

class Desk extends Agent {
  async helped(_) {
    const helper = await this.subAgent(HelperAgent, 'grace')
    return helper.look('Oslo', rpcContext())
  }

  async started(_) {
    return this.runWorkflow('TRIP', { city: 'Oslo' }, { agentBinding: 'DeskAgent' })
  }

  async approved(id) {
    await this.approveWorkflow(id, { reason: 'the boss said yes' })
  }

  async stateOf(id) {
    return (await this.getWorkflowStatus('TRIP', id)).status
  }

  async mcpTool(origin) {
    const { id } = await this.addMcpServer('weather', `${origin}/mcp`)
    await this.mcp.waitForConnections({ timeout: 5000 })
    const { content } = await this.mcp.callTool({ serverId: id, name: 'get_weather', arguments: { city: 'Oslo' } })
    return JSON.stringify(content)
  }

  async queued(_) {
    await this.queue('explode', 'Oslo', { retry: { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 2 } })
  }

  async planned(_) {
    await this.schedule(1, 'explode', 'Rome', { retry: { maxAttempts: 1 } })
  }

  async explode(city) {
    throw new RangeError(`no way to ${city}`)
  }

  onError() {}

  async fiber(_) {
    await this.runFiber('research', async () => {
      await tool('search', () => 3)
    })
  }
}
const DeskAgent = instrumentDurableObject(Desk, options)

// The SDK looks for an agent among the Worker's exports, by its class's name.
export { DeskAgent as Desk, HelperAgent as Helper, TripWorkflow as Trip, WeatherServer as Weather }

const worker = instrument(
  {
    async fetch(request, env, ctx) {
      const { pathname, searchParams, origin } = new URL(request.url)
      if (pathname === '/mcp') return WeatherServer.serve('/mcp').fetch(request, env, ctx)
      const desk = await getAgentByName(env.DeskAgent, 'ada')
      const said = await desk[pathname.slice(1)]?.(searchParams.get('id') ?? origin, rpcContext())
      return Response.json([currentSession()?.id, said ?? null])
    },
  },
  options,
)
export default worker
