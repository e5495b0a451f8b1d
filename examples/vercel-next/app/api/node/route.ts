import { agent, tool } from 'agentops-edge'
import { withAgentOps } from 'agentops-edge/vercel'
import { after } from 'next/server'

export const GET = withAgentOps(async (request: Request) => {
  const q = new URL(request.url).searchParams.get('q') ?? ''
  const hits = await agent('planner', () => tool('search', { q }, async () => [`a page about ${q}`]))
  after(() => console.log(`answered ${q}`))
  return Response.json({ hits })
})
