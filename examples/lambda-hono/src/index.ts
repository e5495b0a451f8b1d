import { tool } from 'agentops-edge'
import { agentops } from 'agentops-edge/hono'
import { withAgentOps } from 'agentops-edge/lambda'
import { Hono } from 'hono'
import { handle } from 'hono/aws-lambda'

const app = new Hono()
app.use(agentops()) // names the session by its route
app.get('/items/:id', async (c) => {
  const item = await tool('look up', { id: c.req.param('id') }, async () => ({ id: c.req.param('id'), price: 4.5 }))
  return c.json(item)
})

export const handler: ReturnType<typeof handle> = withAgentOps(handle(app), { serviceName: 'lambda-hono-desk' })
