import { registerAgentOps } from 'agentops-edge/vercel'

export { onRequestError } from 'agentops-edge/vercel'

/** Each request is a session: pages, route handlers, actions, API routes, the proxy. */
export function register(): void {
  registerAgentOps({ serviceName: 'next-desk' })
}
