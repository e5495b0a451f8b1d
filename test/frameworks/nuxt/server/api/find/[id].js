import { tool } from 'agentops-edge'

export default defineEventHandler((event) => tool('search', async () => `cats of ${event.context.params.id}`))
