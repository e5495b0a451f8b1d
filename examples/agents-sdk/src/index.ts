/** Agents of Cloudflare's Agents SDK: a desk, a chat and an MCP server. What reaches one from outside is a session. */
import { instrument, instrumentDurableObject, rpcContext, traceRoute } from 'agentops-edge/workers'
import { getAgentByName, routeAgentRequest } from 'agents'
import { ChatAgent } from './chat.ts'
import { DeskAgent } from './desk.ts'
import { WeatherServer } from './tools.ts'
import { type Env, options } from './weather.ts'

export const Desk = instrumentDurableObject(DeskAgent, options)
export const Chat = instrumentDurableObject(ChatAgent, options)
export const WeatherTools = instrumentDurableObject(WeatherServer, options)

export default instrument<ExportedHandler<Env>>({
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url)
    if (pathname === '/mcp') return WeatherServer.serve('/mcp').fetch(request, env, ctx)
    if (pathname.startsWith('/forecast/')) {
      const desk = await getAgentByName(env.Desk, 'main')
      return new Response(await desk.forecast(pathname.slice(10), rpcContext()))
    }
    if (pathname.startsWith('/tell/')) {
      const chat = await getAgentByName(env.Chat, pathname.slice(6))
      const parts = [{ type: 'text' as const, text: await request.text() }]
      const { status } = await chat.saveMessages([{ id: crypto.randomUUID(), role: 'user', parts }])
      return new Response(status)
    }
    return (await routeAgentRequest(request, env, traceRoute)) ?? new Response('see README.md', { status: 404 })
  },
})
