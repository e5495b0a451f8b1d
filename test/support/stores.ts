/** The backend on each of its stores, as it is run: what they answer over HTTP has to be the same. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { clickhouseStore } from '../../src/collector/clickhouse/index.ts'
import { startBackend } from '../../src/collector/index.ts'
import { TABLES } from '../../src/collector/sql-schema.ts'
import { installPackage } from './package.ts'
import { type RunningWorker, startWorker } from './workerd.ts'

export interface RunningStore {
  /** Without a slash at the end. */
  url: string
  stop(): Promise<void>
}

export async function onSqlite(): Promise<RunningStore> {
  const { url, close } = await startBackend()
  return { url, stop: close }
}

/** The Worker of `examples/backend-worker`, with its queue, in workerd. */
export async function onD1(bindings: Record<string, string> = {}, miniflare: object = {}): Promise<RunningWorker> {
  const worker = await startWorker({
    entry: 'examples/backend-worker/src/index.ts',
    compatibilityFlags: ['nodejs_compat'],
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

/** The engine of `test/chdb`, as a process. */
export async function startClickHouse(): Promise<RunningStore> {
  const home = await installPackage('chdb')
  const server = spawn(process.execPath, [join(home, 'server.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const stop = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill('SIGTERM')
    await ended
  }
  const ended = once(server, 'exit').then(() => {
    throw new Error('the engine ended before it listened')
  })
  const [port] = (await Promise.race([once(createInterface(server.stdout), 'line'), ended])) as [string]
  ended.catch(() => {})
  return { url: `http://default:@127.0.0.1:${port}/default`, stop }
}

export async function onClickHouse(): Promise<RunningStore> {
  const engine = await startClickHouse()
  try {
    const { url, close } = await startBackend({ store: clickhouseStore({ url: engine.url }) })
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
