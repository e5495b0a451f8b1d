/**
 * The backend as one Hono app, on any runtime: takes sessions into a store, shows them on a page, and gives them back as
 * AgentOps' reading API does. Who may ask is said by its `access`.
 */
import { Hono, type MiddlewareHandler } from 'hono'
import { describe, warn } from '../runtime/diag.ts'
import { BusyError } from './busy.ts'
import { ingest } from './ingest.ts'
import { live } from './live.ts'
import type { ReadSpans } from './otlp.ts'
import { filterOf, pages } from './page/pages.tsx'
import { reading, traceIdOf } from './reading.ts'
import type { TraceStore } from './trace-store.ts'
import { v2 } from './v2.ts'

/** Who may send, and who may look: `team()`, or one of your own. */
export interface Access {
  /** Goes before everything. */
  guard: MiddlewareHandler
  /** Pages of its own, such as a login. */
  app?: Hono
  /** Signs tokens. Default: a random one, for one process. */
  secret?: string
  /** Whether agents may send with this token or key. Default: with any, and without. */
  accepts?(token: string): Promise<boolean>
}

/** What `createBackend()` puts together. */
export interface BackendAppOptions {
  store: TraceStore
  access: Access
  /** Takes spans in place of the store: a queue. Resolves when they are kept. */
  take?(read: ReadSpans): Promise<void>
  /** Bytes of a span, as JSON, that the store has room for; larger ones are refused. Default: any. */
  maxSpanBytes?: number
}

/** Spans that a session's JSON holds. */
const MAX_SPANS = 10_000

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/**
 * The page and the ingest over a store, as a Hono app. A store that is busy is answered 429 with `Retry-After`; what
 * fails is said, and answered 500.
 */
export function createBackend({ store, access, take, maxSpanBytes }: BackendAppOptions): Hono {
  const { secret = crypto.randomUUID(), accepts } = access
  const app = new Hono()
  app.onError((error, c) => {
    if (error instanceof BusyError) return c.text(error.message, 429, { 'retry-after': `${error.retryAfter}` })
    warn(`the backend: ${new URL(c.req.url).pathname.slice(0, 100)} failed: ${describe(error)}`)
    return c.text('this failed; the log of the backend says why', 500)
  })
  app.notFound((c) =>
    c.text(`nothing takes ${c.req.method} ${c.req.path.slice(0, 100)}: OTLP goes to /v1/traces by POST`, 404),
  )
  app.use(async (c, next) => {
    await next()
    c.res.headers.set('content-security-policy', POLICY)
    c.res.headers.set('x-content-type-options', 'nosniff')
    c.res.headers.set('referrer-policy', 'no-referrer')
    c.res.headers.set('cross-origin-resource-policy', 'same-origin')
  })
  app.use(access.guard)
  if (access.app) app.route('/', access.app)
  const intake = { secret, accepts, maxSpanBytes, take: take ?? ((read: ReadSpans) => store.write(read)) }
  app.route('/', ingest(intake))
  app.route('/', v2(intake))
  app.route('/', reading(store, secret))
  app.get('/live', (c) => live(c, store))
  app.get('/api/sessions', async (c) => c.json(await store.sessions(filterOf(c))))
  app.get('/api/traces/:id', async (c) => {
    const id = traceIdOf(c.req.param('id'))
    const [session, spans] = await Promise.all([store.session(id), store.raw(id, { limit: MAX_SPANS })])
    return session ? c.json({ session, spans }) : c.json({ error: 'no such session' }, 404)
  })
  app.route('/', pages(store))
  return app
}
