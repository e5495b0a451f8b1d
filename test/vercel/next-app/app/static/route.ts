import { tool } from 'agentops-edge'
import { withAgentOps } from 'agentops-edge/vercel'

export const dynamic = 'force-static'

export const GET = withAgentOps(async () => Response.json(await tool('once', async () => 'built')))
