import { tool } from 'agentops-edge'
import { withAgentOps } from 'agentops-edge/vercel'

export const runtime = 'edge'

export const GET = withAgentOps(async (request: Request) =>
  Response.json(await tool('search', async () => new URL(request.url).pathname)),
)
