import { registerAgentOps } from 'agentops-edge/vercel'

export function register(): void {
  registerAgentOps({ serviceName: 'next-desk' })
}
