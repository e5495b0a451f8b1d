import { tool } from 'agentops-edge'

export const runtime = 'edge'

export const GET = async (request: Request) =>
  Response.json(await tool('search', async () => new URL(request.url).pathname))
