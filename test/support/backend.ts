/** The collector and Workers that export to it, for the tests of an adapter. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import type { CollectedSession, RunningCollector } from '../../src/collector/index.ts'
import { startStrictCollector } from './collector.ts'
import { waitFor } from './wait.ts'
import { type RunningWorker, startWorker, type WorkerOptions } from './workerd.ts'

export interface Backend {
  /** Requests to the collector, as `POST /v1/traces 3` (path and spans). */
  requests: string[]
  collector: RunningCollector
  /** Starts a Worker that exports to the collector; it is stopped after the file. */
  start(options: WorkerOptions): Promise<RunningWorker>
  /** The next session that has ended and that `which` accepts. */
  session(which?: (session: CollectedSession) => boolean): Promise<CollectedSession>
}

export function useBackend(): Backend {
  const workers: RunningWorker[] = []
  const requests: string[] = []
  const backend = { requests } as Backend
  beforeAll(async () => {
    backend.collector = await startStrictCollector(`${expect.getState().testPath}`, {
      limit: 100_000,
      onRequest: ({ method, url }, spans) => void requests.push(`${method} ${new URL(url).pathname} ${spans}`),
    })
  })
  afterEach(() => {
    backend.collector.store.clear()
    requests.length = 0
  })
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.stop()))
    await backend.collector.close()
  })
  backend.start = async (options) => {
    const bindings = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url, ...options.bindings }
    const worker = await startWorker({ ...options, bindings })
    workers.push(worker)
    return worker
  }
  backend.session = (which = () => true) =>
    waitFor('an ended session', () => backend.collector.store.list().find((session) => session.root && which(session)))
  return backend
}
