import { llmCalls } from 'agentops-edge/instrumentation'
import { registerAgentOps } from 'agentops-edge/vercel'

export { onRequestError } from 'agentops-edge/vercel'

export function register(): void {
  registerAgentOps({ serviceName: 'next-more', instrumentations: { llm: llmCalls() } })
}
