import { registerAgentOps } from 'agentops-edge/vercel'

/** Each request is a session from its first span on, with Next.js' own spans inside. */
export function register(): void {
  registerAgentOps({ serviceName: 'next-desk' })
}
