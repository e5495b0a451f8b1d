import { tool } from 'agentops-edge'

export const config = { runtime: 'edge' }

export default async function handler() {
  return Response.json(await tool('edge api', async () => 'cats'))
}
