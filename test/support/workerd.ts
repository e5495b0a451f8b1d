/** Runs a Worker in a real workerd, listening on a real port. Each call is a fresh isolate. */
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare'

export interface WorkerOptions {
  /** Path of the Worker's entry, from the project's root. */
  entry: string
  /** Default `['nodejs_als']`. */
  compatibilityFlags?: string[]
  /** Default `2025-09-01`: before `nodejs_compat` became a default. */
  compatibilityDate?: string
  bindings?: Record<string, string | number | boolean>
  /** Queues that the Worker sends to: binding → queue. */
  queueProducers?: Record<string, string>
  /** Queues that its `queue` handler takes from, by name. */
  queueConsumers?: Record<string, { maxBatchSize?: number; maxBatchTimeout?: number; maxRetries?: number }>
}

export interface RunningWorker {
  /** Without a slash at the end. */
  url: string
  /** What the Worker wrote to its console. */
  logs: string[]
  stop(): Promise<void>
}

const bundles = new Map<string, Promise<string>>()

/** The Worker as wrangler bundles it. */
export function bundleWorker(entry: string): Promise<string> {
  let bundle = bundles.get(entry)
  if (!bundle) {
    bundle = build({
      entryPoints: [entry],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      conditions: ['workerd', 'worker', 'browser'],
      external: ['node:*', 'cloudflare:*'],
    }).then(({ outputFiles }) => outputFiles[0]?.text ?? '')
    bundles.set(entry, bundle)
  }
  return bundle
}

export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const logs: string[] = []
  const miniflare = new Miniflare({
    ...convertV4MiniflareOptions({
      modules: [{ type: 'ESModule', path: 'worker.mjs', contents: await bundleWorker(options.entry) }],
      compatibilityDate: options.compatibilityDate ?? '2025-09-01',
      compatibilityFlags: options.compatibilityFlags ?? ['nodejs_als'],
      bindings: options.bindings ?? {},
      queueProducers: options.queueProducers ?? {},
      queueConsumers: options.queueConsumers ?? {},
      host: '127.0.0.1',
    }),
    log: new Log(LogLevel.NONE),
    handleStructuredLogs: ({ message }) => void logs.push(message),
  })
  const url = (await miniflare.ready).href.replace(/\/$/, '')
  return { url, logs, stop: () => miniflare.dispose() }
}
