/**
 * The local backend: keeps sessions in an SQLite file, shows them on a page, and gives them back as AgentOps' reading API
 * does. One Hono app; it listens on the loopback interface only.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Hono } from 'hono'
import { describe, warn } from '../runtime/diag.ts'
import { toCollected } from './collected.ts'
import { onlyLocal } from './guard.ts'
import { ingest } from './ingest.ts'
import { listen } from './listen.ts'
import { live } from './live.ts'
import { filterOf, pages } from './page/pages.tsx'
import { reading, traceIdOf } from './reading.ts'
import { openSqlite, type SqliteOptions } from './sqlite.ts'
import type { CollectedSession } from './store.ts'
import type { TraceStore } from './trace-store.ts'
import { v2 } from './v2.ts'

export interface BackendOptions extends SqliteOptions {
  /** Default 0: any free one. */
  port?: number
  /** The database file; its folder has to be there. Default: one that goes with `close()`. */
  db?: string
  /** Called once for each session, when its root span has been stored. */
  onSession?: (session: CollectedSession) => void
  /** Names, with their port, beside this machine's own under which it may be asked, such as `host.docker.internal:4318`. */
  hosts?: readonly string[]
}

export interface Backend {
  app: Hono
  store: TraceStore
  /** `http://127.0.0.1:<port>`, without a slash at the end: the page, and the endpoint to send to. */
  url: string
  close(): Promise<void>
}

/** Spans that `onSession` and a session's JSON hold. */
const MAX_SPANS = 10_000

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/** Rejects where the port is taken, or the file cannot be used: it is left as it is then. */
export async function startBackend(options: BackendOptions = {}): Promise<Backend> {
  const folder = options.db === undefined ? await mkdtemp(join(tmpdir(), 'agentops-edge-')) : undefined
  const discard = async (): Promise<void> => {
    if (folder) await rm(folder, { recursive: true, force: true })
  }
  try {
    const store = await openSqlite(options.db ?? join(folder ?? '', 'sessions.db'), options)
    const app = createApp(store, options.hosts)
    if (options.onSession) follow(store, options.onSession)
    try {
      const { url, close } = await listen(app, options.port ?? 0)
      return {
        app,
        store,
        url,
        async close() {
          await close()
          await store.close()
          await discard()
        },
      }
    } catch (error) {
      await store.close()
      throw error
    }
  } catch (error) {
    await discard()
    throw error
  }
}

function createApp(store: TraceStore, hosts: readonly string[] = []): Hono {
  const secret = crypto.randomUUID()
  const app = new Hono()
  app.onError((error, c) => {
    warn(`the local backend: ${new URL(c.req.url).pathname.slice(0, 100)} failed: ${describe(error)}`)
    return c.text('this failed; the log of the backend says why', 500)
  })
  app.use(onlyLocal(hosts))
  app.use(async (c, next) => {
    await next()
    c.res.headers.set('content-security-policy', POLICY)
    c.res.headers.set('x-content-type-options', 'nosniff')
    c.res.headers.set('referrer-policy', 'no-referrer')
    c.res.headers.set('cross-origin-resource-policy', 'same-origin')
  })
  const intake = { secret, take: (read: Parameters<TraceStore['write']>[0]) => store.write(read) }
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

function follow(store: TraceStore, onSession: (session: CollectedSession) => void): void {
  store.subscribe(({ ended }) => {
    for (const traceId of ended) {
      const told = async (): Promise<void> => {
        const [row, raw] = await Promise.all([store.session(traceId), store.raw(traceId, { limit: MAX_SPANS })])
        if (row) onSession(toCollected(row.sessionId, traceId, raw))
      }
      told().catch((error) => warn(`onSession failed (${describe(error)})`))
    }
  })
}
