/**
 * Backends for the desk. `startBackend`: an SQLite file, a page, AgentOps' reading API. `startCollector`: sessions in
 * memory, for tests. Node only.
 *
 * @module
 */
import { type Collector, type CollectorOptions, createCollector } from './app.ts'
import { listen } from './listen.ts'

export { type Collector, type CollectorOptions, createCollector } from './app.ts'
export { type Backend, type BackendOptions, startBackend } from './backend.ts'
export type { CollectedSpan, PlainAttributes, PlainValue, RawSpan } from './otlp.ts'
export { type CollectedSession, SessionStore } from './store.ts'
export type {
  Facet,
  Facets,
  SessionFilter,
  SessionRow,
  SessionState,
  SpanRow,
  Stored,
  TraceStore,
} from './trace-store.ts'
export { renderWaterfall } from './waterfall.ts'

/** A collector that listens, until `close()`. */
export interface RunningCollector extends Collector {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  url: string
  close(): Promise<void>
}

/** Listens on the loopback interface. `port`: default 0, any free one. Rejects where the port is taken. */
export async function startCollector(options: CollectorOptions & { port?: number } = {}): Promise<RunningCollector> {
  const collector = createCollector(options)
  return { ...collector, ...(await listen(collector.app, options.port ?? 0)) }
}
