/** The app that every subject serves. A subject gives it the one thing that differs: how a step becomes a span. */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { streamSSE } from 'hono/streaming'

export interface Env {
  /** Where OTLP goes, without `/v1/traces`. */
  OTEL_EXPORTER_OTLP_ENDPOINT: string
  OTEL_SERVICE_NAME: string
  SENTRY_DSN: string
}

export interface Step {
  name: string
  attributes: Record<string, string | number | boolean>
}

/** Runs `inner` inside a span of that step. */
export type Nest = (step: Step, inner: () => Promise<void>) => Promise<void>

export type App = Hono<{ Bindings: Env }>

const TEXT = 'The order desk answers questions about prices. '.repeat(11).slice(0, 500)
const CHUNKS = 20
const STEPS = 10

const step = (n: number): Step => ({
  name: 'search',
  attributes: {
    'gen_ai.tool.name': 'search',
    'gen_ai.tool.call.id': 'call_1',
    'step.number': n,
    'step.cached': false,
    'step.score': 0.87,
    'step.text': TEXT,
  },
})

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * - `/plain`: no child span.
 * - `/agent`: 10 nested spans of 6 attributes, one of them a text of 500 characters. `?wait=` holds the innermost for
 *   that many ms, so that requests are under way together.
 * - `/stream`: an SSE stream of 20 chunks.
 * - `/spans?count=`: that many spans, one after the other.
 */
export function createApp(nestOf: (c: Context) => Nest, ...middleware: MiddlewareHandler[]): App {
  const app: App = new Hono()
  for (const each of middleware) app.use(each)
  app.get('/plain', (c) => c.text('plain'))
  app.get('/agent', async (c) => {
    const nest = nestOf(c)
    const waitMs = Number(c.req.query('wait') ?? 0)
    const agent = (depth: number): Promise<void> => {
      if (depth < STEPS) return nest(step(depth), () => agent(depth + 1))
      return waitMs > 0 ? sleep(waitMs) : Promise.resolve()
    }
    await agent(0)
    return c.text('agent')
  })
  app.get('/stream', (c) =>
    streamSSE(c, async (stream) => {
      for (let n = 0; n < CHUNKS; n++) await stream.writeSSE({ data: `chunk ${n}` })
    }),
  )
  app.get('/spans', async (c) => {
    const nest = nestOf(c)
    const count = Number(c.req.query('count'))
    for (let n = 0; n < count; n++) await nest(step(n), async () => {})
    return c.text('spans')
  })
  return app
}
