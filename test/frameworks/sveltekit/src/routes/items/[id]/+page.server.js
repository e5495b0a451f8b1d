import { tool } from 'agentops-edge'

export const load = async ({ params }) => ({ said: await tool('search', async () => `cats of ${params.id}`) })
