import { tool } from 'agentops-edge'
import { withAgentOps } from 'agentops-edge/vercel'

export const revalidate = 1

export const GET = withAgentOps(async () => Response.json(await tool('again', async () => 'built')))
