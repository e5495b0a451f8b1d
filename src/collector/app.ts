/** The backend that keeps sessions in memory: what comes in (`ingest.ts`), and the newest sessions as JSON and text. */
import { Hono } from 'hono'
import { guard } from '../runtime/diag.ts'
import { onlyLocal } from './guard.ts'
import { ingest } from './ingest.ts'
import { type CollectedSession, SessionStore } from './store.ts'
import { renderWaterfall } from './waterfall.ts'

/** Who is told of what arrives, and how much is kept; all optional. */
export interface CollectorOptions {
  /** Called once for each session, when its root span arrives. */
  onSession?: (session: CollectedSession) => void
  /** Called for every request that was taken, before its answer. */
  onRequest?: (request: Request, spans: number) => void
  /** Sessions kept in memory. Default 1000. */
  limit?: number
}

/** What `createCollector()` gives: the app that takes, and the store that keeps. */
export interface Collector {
  app: Hono
  store: SessionStore
}

/**
 * A collector that listens nowhere: its Hono `app` takes OTLP, AgentOps' tokens and its v2 API, `store` has what
 * arrived. It answers under this machine's names only.
 */
export function createCollector({ onSession, onRequest, limit = 1000 }: CollectorOptions = {}): Collector {
  const store = new SessionStore(limit)
  const app = new Hono()
  app.use(onlyLocal())
  const take = ({ spans }: { spans: Parameters<SessionStore['add']>[0] }): void => {
    for (const session of store.add(spans)) guard('onSession', () => onSession?.(session))
  }
  app.route('/', ingest({ secret: crypto.randomUUID(), onRequest, take }))

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
