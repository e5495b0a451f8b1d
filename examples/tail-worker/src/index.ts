/** An agent whose sessions survive an outage of their backend: what cannot be sent, its Tail Worker sends. */
import { llm, tool } from 'agentops-edge'
import { agentops } from 'agentops-edge/hono'
import { tailSpool } from 'agentops-edge/spool'
import { Hono } from 'hono'

const app: Hono = new Hono()
app.use(agentops({ spool: tailSpool() }))

app.post('/ask', async (c) => {
  const { question } = await c.req.json<{ question: string }>()
  const pages = await tool('search', { question }, async () => [`a page about ${question}`])
  const page = await tool('read', { page: pages[0] }, async () => `what ${pages[0]} says`)
  if (question === 'why?') throw new Error('nobody knows')
  return c.text(
    await llm('summary-model', { prompt: page }, async (event) => {
      // Call your model here.
      event.promptTokens = 12
      event.completionTokens = 3
      return `a summary of ${page}\n`
    }),
  )
})

export default app
