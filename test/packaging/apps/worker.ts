import { tool } from 'agentops-edge'
import { agentops } from 'agentops-edge/hono'
import { Hono } from 'hono'

const app = new Hono()
app.use(agentops())
app.get('/ask', async (c) => c.text(await tool('search', { q: 'cats' }, async () => 'found')))

export default app
