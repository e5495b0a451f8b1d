/** The backend on each of its stores, as it is run: what they answer over HTTP has to be the same. */
import { clickhouseStore } from '../../src/collector/clickhouse/index.ts'
import { startBackend } from '../../src/collector/index.ts'
import { TABLES } from '../../src/collector/sql-schema.ts'
import { startClickHouse } from './clickhouse.ts'
import { type RunningWorker, startWorker } from './workerd.ts'

export interface RunningStore {
  /** Without a slash at the end. */
  url: string
  stop(): Promise<void>
}

export async function onSqlite(maxWaiting?: number): Promise<RunningStore> {
  const { url, close } = await startBackend({ maxWaiting })
  return { url, stop: close }
}

/** The Worker of `examples/backend-worker`, with its queue, in workerd. */
export async function onD1(
  bindings: Record<string, string> = {},
  miniflare: object = {},
  entry = 'examples/backend-worker/src/index.ts',
): Promise<RunningWorker> {
  const worker = await startWorker({
    entry,
    compatibilityFlags: [],
    bindings,
    queueProducers: { INGEST: 'ingest' },
    queueConsumers: { ingest: { maxBatchSize: 20, maxBatchTimeout: 0, maxRetries: 5 } },
    miniflare: { d1Databases: { DB: 'sessions' }, ...miniflare },
  })
  try {
    await worker.sql('DB', TABLES)
  } catch (error) {
    await worker.stop()
    throw error
  }
  return worker
}

export async function onClickHouse(maxWaiting?: number): Promise<RunningStore> {
  const engine = await startClickHouse()
  try {
    const { url, close } = await startBackend({
      store: clickhouseStore({ url: engine.url, maxWaiting, isGrouping: true }),
    })
    return {
      url,
      async stop() {
        await close()
        await engine.stop()
      },
    }
  } catch (error) {
    await engine.stop()
    throw error
  }
}

export async function onClickHouseFromWorker(): Promise<RunningStore> {
  const engine = await startClickHouse()
  try {
    const entry = 'test/fixtures/clickhouse-worker.ts'
    const { url, stop } = await startWorker({ entry, compatibilityFlags: [], bindings: { CLICKHOUSE_URL: engine.url } })
    return {
      url,
      async stop() {
        await stop()
        await engine.stop()
      },
    }
  } catch (error) {
    await engine.stop()
    throw error
  }
}
