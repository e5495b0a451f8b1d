import { tool } from 'agentops-edge'
import { withAgentOps } from 'agentops-edge/vercel'

export const runtime = 'edge'

export const GET = withAgentOps(async (request: Request) => {
  const q = new URL(request.url).searchParams.get('q') ?? ''
  return Response.json({ hits: await tool('search', { q }, async () => [`a page about ${q}`]) })
})
