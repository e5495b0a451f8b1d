import { tool } from 'agentops-edge'
import { withAgentOps } from 'agentops-edge/vercel'

export const GET = withAgentOps(async () => new Response(await tool('search', { q: 'cats' }, async () => 'found')))
