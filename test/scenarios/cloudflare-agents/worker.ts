/** An agent of Cloudflare's Agents SDK, which a Worker asks by RPC, or routes a request to; `/<way>?base=<url of the models>`, with `&stream` and `&contents`. */
import { action, currentSession } from 'agentops-edge'
import { cloudflareAgents, fetchCalls, llmCalls } from 'agentops-edge/instrumentation'
import { genAi } from 'agentops-edge/semconv'
import { instrument, instrumentDurableObject, type RpcContext, rpcContext, traceRoute } from 'agentops-edge/workers'
import { Agent, callable, getAgentByName, routeAgentRequest } from 'agents'
import { solve } from '../desk.ts'

interface Env {
  DeskAgent: DurableObjectNamespace<DeskAgent>
  GEN_AI_URL: string
}
interface Asked {
  base: string
  stream: boolean
  contents: boolean
}

const asked = ({ searchParams }: URL): Asked => ({
  base: `${searchParams.get('base')}`,
  stream: searchParams.has('stream'),
  contents: searchParams.has('contents'),
})

/** Which requests are recorded with contents: an object's events do not say it. */
const contents = new Set<string>()

class DeskAgent extends Agent<Env> {
  async ask(given: Asked, _caller?: RpcContext): Promise<string | null> {
    return solve(given, 'Where is the sun?', {
      get_weather: ({ city }: { city: string }) => `sun in ${city}`,
      get_price() {
        throw new RangeError('no price today')
      },
    })
  }

  override async onRequest(request: Request): Promise<Response> {
    return new Response(await this.ask(asked(new URL(request.url))))
  }

  async remind(_caller?: RpcContext): Promise<void> {
    await this.schedule(3600, 'noted', 'Oslo')
  }

  noted(): void {}

  @callable()
  async greet(who: string): Promise<string> {
    return action('greet', () => `hello ${who}`)
  }

  @callable()
  async fails(): Promise<never> {
    throw new RangeError('the desk is closed')
  }
}

const options = (env: Env): object => ({
  instrumentations: { fetch: fetchCalls(), llm: llmCalls(), cloudflareAgents: cloudflareAgents() },
  recordValues: contents.size > 0,
  captureContent: contents.size > 0,
  exporters: [{ endpoint: env.GEN_AI_URL, semconv: genAi }],
})

const Desk: typeof DeskAgent = instrumentDurableObject(DeskAgent, options as never)

export { Desk as DeskAgent }

const worker: ExportedHandler<Env> = instrument<ExportedHandler<Env>>(
  {
    async fetch(request, env) {
      const url = new URL(request.url)
      const given = asked(url)
      contents.clear()
      if (given.contents) contents.add('on')
      if (url.pathname === '/rpc') {
        const desk = await getAgentByName(env.DeskAgent as never, 'ada')
        return Response.json([currentSession()?.id, await (desk as unknown as DeskAgent).ask(given, rpcContext())])
      }
      if (url.pathname === '/remind') {
        const desk = await getAgentByName(env.DeskAgent as never, 'ada')
        await (desk as unknown as DeskAgent).remind(rpcContext())
        return Response.json([currentSession()?.id])
      }
      const response = await routeAgentRequest(request, env, traceRoute)
      if (response?.status === 101) return response
      return Response.json([currentSession()?.id, await response?.text()])
    },
  },
  options as never,
)
export default worker
