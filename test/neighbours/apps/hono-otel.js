import { httpInstrumentationMiddleware } from '@hono/otel'
import { agentops } from 'agentops-edge/hono'
import { Hono } from 'hono'
import { work } from './work.js'

const app = new Hono()
app.use(agentops())
app.use(httpInstrumentationMiddleware())
app.get('/ask', async (c) => {
  await work()
  return c.text('answered')
})

export default app
