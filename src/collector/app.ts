/**
 * The backend's HTTP side, as AgentOps and any OTLP collector speak it: `POST /v3/auth/token` exchanges a key for a
 * token, `POST /v1/traces` takes OTLP JSON, `POST /v1/metrics` takes anything. A request without a token is taken, as a plain collector would; a wrong
 * token is refused, as AgentOps would.
 */
import { Hono } from 'hono'
import { sign, verify } from 'hono/jwt'
import { describe, guard } from '../runtime/diag.ts'
import { isUuid } from '../runtime/uuid.ts'
import { readOtlp } from './otlp.ts'
import { type CollectedSession, SessionStore } from './store.ts'
import { renderWaterfall } from './waterfall.ts'

export interface CollectorOptions {
  /** Called once for each session, when its root span arrives. */
  onSession?: (session: CollectedSession) => void
  /** Called for every request that was taken, before its answer. */
  onRequest?: (request: Request, spans: number) => void
  /** Sessions kept in memory. Default 1000. */
  limit?: number
}

export interface Collector {
  app: Hono
  store: SessionStore
}

const TOKEN_LIFETIME_S = 30 * 24 * 3600
// The OpenTelemetry Collector's own limit: what is larger there should be noticed here.
const MAX_UNZIPPED_BYTES = 20 * 1024 * 1024

export function createCollector({ onSession, onRequest, limit = 1000 }: CollectorOptions = {}): Collector {
  const store = new SessionStore(limit)
  const secret = crypto.randomUUID()
  const app = new Hono()

  app.post('/v3/auth/token', async (c) => {
    const { api_key: key } = (await c.req.json().catch(() => null)) ?? {}
    if (key === undefined) return c.json({ error: 'api_key is missing' }, 422)
    if (!isUuid(key)) return c.json({ error: 'Invalid API key format' }, 400)
    const claims = { exp: Math.floor(Date.now() / 1000) + TOKEN_LIFETIME_S, aud: 'authenticated', project_id: 'local' }
    onRequest?.(c.req.raw, 0)
    return c.json({ token: await sign(claims, secret, 'HS256'), project_id: 'local', project_prem_status: 'free' })
  })

  // Taken, so that nothing is said to be lost; they are not shown.
  app.post('/v1/metrics', async (c) => {
    if (!(await isAuthorized(c.req.header('authorization'), secret))) return c.text('Unauthorized', 401)
    onRequest?.(c.req.raw, 0)
    return c.json({})
  })

  app.post('/v1/traces', async (c) => {
    if (!(await isAuthorized(c.req.header('authorization'), secret))) return c.text('Unauthorized', 401)
    const type = c.req.header('content-type') ?? ''
    if (/^application\/x-protobuf\b/i.test(type)) {
      return c.text('this collector reads OTLP as JSON only: export with the format `otlp-json`', 415)
    }
    if (!/^application\/json\b/i.test(type)) return c.text('expected application/json', 415)
    let spans: ReturnType<typeof readOtlp>
    try {
      spans = readOtlp(await readJson(c.req.raw))
    } catch (error) {
      return c.json({ code: 3, message: `no OTLP trace request: ${describe(error)}` }, 400)
    }
    onRequest?.(c.req.raw, spans.length)
    for (const session of store.add(spans)) guard('onSession', () => onSession?.(session))
    return c.json({ partialSuccess: {} })
  })

  app.get('/sessions', (c) =>
    c.json(
      store.list().map(({ id, traceId, root, spans }) => ({ id, traceId, name: root?.name, spans: spans.length })),
    ),
  )
  app.get('/sessions/:id', (c) => {
    const session = store.get(c.req.param('id'))
    return session ? c.text(`${renderWaterfall(session)}\n`) : c.text('no such session', 404)
  })
  app.get('/', (c) => c.text('agentops-edge collector: POST /v1/traces, POST /v3/auth/token, GET /sessions[/:id]\n'))

  return { app, store }
}

async function isAuthorized(authorization: string | undefined, secret: string): Promise<boolean> {
  if (authorization === undefined) return true
  try {
    await verify(authorization.replace(/^Bearer /, ''), secret, 'HS256')
    return true
  } catch {
    return false
  }
}

async function readJson(request: Request): Promise<unknown> {
  const gzip = /^gzip$/i.test(request.headers.get('content-encoding') ?? '') && request.body
  if (!gzip) return request.json()
  return new Response(gzip.pipeThrough(new DecompressionStream('gzip')).pipeThrough(limit(MAX_UNZIPPED_BYTES))).json()
}

/** Fails once more than `bytes` have passed, before the rest of a small body that unpacks into a huge one is unpacked. */
function limit(bytes: number): TransformStream<Uint8Array, Uint8Array> {
  let passed = 0
  return new TransformStream({
    transform(chunk, controller) {
      passed += chunk.byteLength
      if (passed > bytes) throw new RangeError(`the body unpacks to more than ${bytes} bytes`)
      controller.enqueue(chunk)
    },
  })
}
