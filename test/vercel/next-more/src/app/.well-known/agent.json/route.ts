import { tool } from 'agentops-edge'

export const dynamic = 'force-dynamic'

export const GET = async () => Response.json(await tool('card', async () => 'cats'))
