/** A Worker with a queue for its spool, and what of it arrived at the scripted backend. */
import { onTestFinished } from 'vitest'
import type { SpoolState } from '../fixtures/spool-worker.ts'
import type { Received } from './scripted.ts'
import type { Scripted } from './scripted-client.ts'
import { startWorker } from './workerd.ts'

export interface SpoolWorker {
  url: string
  logs: string[]
  /** One session; gives its id. */
  ask(...texts: (string | number)[]): Promise<string>
  /** Messages that no spool has sent, in one batch. */
  put(messages: readonly unknown[]): Promise<void>
  /** From its next batch on the consumer gives the backend the default time for an answer. */
  bePatient(): Promise<void>
  state(): Promise<SpoolState>
}

export interface SpoolWorkerOptions {
  options: object
  drainOptions?: object
  format?: 'protobuf' | 'v2'
}

/** Stopped after the test. */
export async function startSpoolWorker({ options, drainOptions, format }: SpoolWorkerOptions): Promise<SpoolWorker> {
  const worker = await startWorker({
    entry: 'test/fixtures/spool-worker.ts',
    bindings: {
      OPTIONS: JSON.stringify(options),
      ...(drainOptions && { DRAIN_OPTIONS: JSON.stringify(drainOptions) }),
      ...(format && { FORMAT: format }),
    },
    queueProducers: { SPOOL: 'spool' },
    // As the README demands, but for the timeout: it is the pace of the retries here.
    queueConsumers: { spool: { maxRetries: 100, maxBatchSize: 100, maxBatchTimeout: 0.1 } },
  })
  onTestFinished(() => worker.stop())
  const { url, logs } = worker
  return {
    url,
    logs,
    async ask(...texts) {
      const response = await fetch(`${url}/ask`, { method: 'POST', body: JSON.stringify({ texts }) })
      if (response.status !== 200) throw new Error(`/ask answered ${response.status}`)
      return ((await response.json()) as { session: string }).session
    },
    async put(messages) {
      const { status } = await fetch(`${url}/put`, { method: 'POST', body: JSON.stringify(messages) })
      if (status !== 204) throw new Error(`/put answered ${status}`)
    },
    async bePatient() {
      await fetch(`${url}/patience`, { method: 'POST' })
    },
    state: async () => (await (await fetch(`${url}/state`)).json()) as SpoolState,
  }
}

/** Names of the spans that the backend accepted, by trace, sorted. A span that arrived twice is an error. */
export async function acceptedOf(backend: Scripted): Promise<Map<string, string[]>> {
  const seen = new Set<string>()
  const names = new Map<string, string[]>()
  for (const { accepted, spans } of await backend.spans()) {
    for (const { traceId, spanId, name } of accepted ? spans : []) {
      if (seen.has(traceId + spanId)) throw new Error(`${name} arrived twice`)
      seen.add(traceId + spanId)
      names.set(traceId, [...(names.get(traceId) ?? []), name].sort())
    }
  }
  return names
}

export function tracesOf(sessions: readonly string[]): string[] {
  return sessions.map((session) => session.replaceAll('-', '')).sort()
}

export function accepted({ answered }: Received): boolean {
  return answered === 200
}
