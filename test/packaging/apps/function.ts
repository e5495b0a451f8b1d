import { tool } from 'agentops-edge'
import { withAgentOps } from 'agentops-edge/lambda'

export const handler = withAgentOps(async (event: { rawPath: string }) => {
  const found = await tool('search', { q: event.rawPath }, async () => 'found')
  return { statusCode: 200, body: found }
})
