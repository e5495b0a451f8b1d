/**
 * An agent behind one route: `POST /ask` with `{"question": "…"}` streams the answer as the model writes it. Each
 * request is one session: its tools, model calls and errors are recorded, and sent when the answer has ended.
 */
import { setEndState } from 'agentops-edge'
import { agentops } from 'agentops-edge/hono'
import { Hono } from 'hono'
import { streamText } from 'hono/streaming'
import { answer } from './agent.ts'
import type { ModelEnv } from './model.ts'
import type { ToolEnv } from './tools.ts'

const MAX_QUESTION_CHARS = 4000

const app: Hono<{ Bindings: ModelEnv & ToolEnv }> = new Hono()

app.use(agentops())

app.post('/ask', async (c) => {
  const body: unknown = await c.req.json().catch(() => undefined)
  const question = (body as { question?: unknown } | null | undefined)?.question
  if (typeof question !== 'string' || !question.trim()) {
    return c.json({ error: 'expected JSON with a question: {"question": "What do Ada\'s orders cost?"}' }, 400)
  }
  if (question.length > MAX_QUESTION_CHARS) {
    return c.json({ error: `expected a question of at most ${MAX_QUESTION_CHARS} characters` }, 400)
  }
  return streamText(
    c,
    async (stream) => {
      const client = new AbortController()
      stream.onAbort(() => client.abort(new Error('the client left')))
      const work = answer(c.env, question, client.signal, (text) => stream.write(text))
      // Where the client leaves, the session waits until the agent has stopped.
      c.var.agentops.hold(work)
      await work
      await stream.writeln('')
    },
    // The status has been sent by now: what is left is to say it in the text, and to end the session as a failure.
    async (error, stream) => {
      setEndState('Fail', error.message)
      await stream.write(`Sorry, there is no answer: ${error.message}\n`)
    },
  )
})

export default app
