/**
 * The local backend: keeps sessions in an SQLite file, shows them on a page, and gives them back as AgentOps' reading API
 * does. One Hono app; it listens on the loopback interface only.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hono } from 'hono'
import { describe, warn } from '../runtime/diag.ts'
import { createBackend } from './backend-app.ts'
import { toCollected } from './collected.ts'
import { onlyLocal } from './guard.ts'
import { listen } from './listen.ts'
import { openSqlite, type SqliteOptions } from './sqlite.ts'
import type { CollectedSession } from './store.ts'
import type { TraceStore } from './trace-store.ts'

/** Where a backend listens, and where it keeps sessions; all optional. */
export interface BackendOptions extends SqliteOptions {
  /** Where sessions are kept in place of a file; it is closed with the backend. */
  store?: TraceStore
  /** Default 0: any free one. */
  port?: number
  /** The database file; its folder has to be there. Default: one that goes with `close()`. */
  db?: string
  /** Called once for each session, when its root span has been stored. */
  onSession?: (session: CollectedSession) => void
  /** Names, with their port, beside this machine's own under which it may be asked, such as `host.docker.internal:4318`. */
  hosts?: readonly string[]
}

/** A backend that runs, until `close()`: what it has answered 200 is in its store. */
export interface Backend {
  app: Hono
  store: TraceStore
  /** `http://127.0.0.1:<port>`, without a slash at the end: the page, and the endpoint to send to. */
  url: string
  close(): Promise<void>
}

/** Spans that `onSession` is given. */
const MAX_SPANS = 10_000

/** Rejects where the port is taken, or the file cannot be used: it is left as it is then. */
export async function startBackend(options: BackendOptions = {}): Promise<Backend> {
  const folder =
    options.db === undefined && !options.store ? await mkdtemp(join(tmpdir(), 'agentops-edge-')) : undefined
  const discard = async (): Promise<void> => {
    if (folder) await rm(folder, { recursive: true, force: true })
  }
  try {
    const store = options.store ?? (await openSqlite(options.db ?? join(folder ?? '', 'sessions.db'), options))
    const app = createBackend({ store, access: { guard: onlyLocal(options.hosts) } })
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
