import { llmCalls } from 'agentops-edge/instrumentation'
import { registerAgentOps } from 'agentops-edge/vercel'

export { onRequestError } from 'agentops-edge/vercel'

export function register(): void {
  if (process.env.PROBE === 'off') return
  registerAgentOps({
    serviceName: 'next-desk',
    failOnDisconnect: true,
    tags: (request) => ['outer', request?.headers.get('x-tenant') ?? 'nobody'],
    instrumentations: { llm: llmCalls() },
  })
}
