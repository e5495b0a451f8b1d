/** What hands a session's trace on to agents of Cloudflare's Agents SDK that a request is routed to. */
import { traceContext } from '../propagation/outbound.ts'
import { guard } from '../runtime/diag.ts'

/** Options of `routeAgentRequest`. */
export interface TraceRoute {
  onBeforeRequest(request: Request): Request
  onBeforeConnect(request: Request): Request
}

const traced = (request: Request): Request =>
  guard('handing on the context', () => {
    const headers = new Headers(request.headers)
    for (const [name, value] of Object.entries(traceContext() ?? {})) headers.set(name, value)
    return new Request(request, { headers })
  }) ?? request

/**
 * The agent's session goes on in the trace of the Worker's, for requests and for WebSockets that are opened.
 *
 * ```ts
 * return (await routeAgentRequest(request, env, traceRoute)) ?? new Response(null, { status: 404 })
 * ```
 */
export const traceRoute: TraceRoute = { onBeforeRequest: traced, onBeforeConnect: traced }
