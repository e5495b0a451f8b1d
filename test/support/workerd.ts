/** Runs a Worker in a real workerd, listening on a real port. Each call is a fresh isolate. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare'

export interface WorkerOptions {
  /** Path of the Worker's entry from the project's root, or of the `functions` of a Pages project. */
  entry: string
  /** In place of `entry`: what is bundled already, the first of which is the Worker. */
  modules?: { type: 'ESModule' | 'CompiledWasm'; path: string; contents: string | Uint8Array<ArrayBuffer> }[]
  /** Default `['nodejs_als']`. */
  compatibilityFlags?: string[]
  /** Default `2025-09-01`: before `nodejs_compat` became a default. */
  compatibilityDate?: string
  bindings?: Record<string, string | number | boolean>
  /** Queues that the Worker sends to: binding → queue. */
  queueProducers?: Record<string, string>
  /** Queues that its `queue` handler takes from, by name. */
  queueConsumers?: Record<string, { maxBatchSize?: number; maxBatchTimeout?: number; maxRetries?: number }>
  /** Further options of the Worker as Miniflare 4 takes them: namespaces, objects, workflows. */
  miniflare?: object
  /** Where a Workflow's or an object's storage outlives the Worker. Default: nowhere. */
  persistence?: string
  /** Further Workers with the same bindings, by name, for `serviceBindings`. */
  others?: Record<string, { entry: string; miniflare?: object }>
  /** Whether `heapUsed` is to be asked. */
  inspect?: boolean
  /** Entry of a second Worker, with the same bindings, whose `tail` handler is told of this one's invocations. */
  tailEntry?: string
}

export interface RunningWorker {
  /** Without a slash at the end. */
  url: string
  /** What the Worker wrote to its console. */
  logs: string[]
  /** Bytes, after a garbage collection; only with `inspect`. */
  heapUsed(): Promise<number>
  stop(): Promise<void>
  /** Runs SQL in a database of the Worker's, by its binding. */
  sql(binding: string, statements: readonly string[]): Promise<void>
}

const run = promisify(execFile)
const bundles = new Map<string, Promise<string>>()

/** The Worker as wrangler bundles it. */
export function bundleWorker(entry: string): Promise<string> {
  let bundle = bundles.get(entry)
  if (!bundle) {
    bundle = entry.endsWith('/functions')
      ? bundlePages(entry)
      : build({
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

/** The functions of a Pages project, as wrangler makes one Worker of them. */
async function bundlePages(folder: string): Promise<string> {
  const outdir = await mkdtemp(join(tmpdir(), 'pages-'))
  const args = ['pages', 'functions', 'build', folder, '--outdir', outdir, '--compatibility-date', '2025-09-01']
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false' }
  await run(process.execPath, ['node_modules/wrangler/bin/wrangler.js', ...args], { env })
  const bundle = await readFile(join(outdir, 'index.js'), 'utf8')
  await rm(outdir, { recursive: true })
  return bundle
}

export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const logs: string[] = []
  const flags = {
    compatibilityDate: options.compatibilityDate ?? '2025-09-01',
    compatibilityFlags: options.compatibilityFlags ?? ['nodejs_als'],
    bindings: options.bindings ?? {},
  }
  const worker = async (entry: string) => ({
    ...flags,
    modules: [{ type: 'ESModule' as const, path: 'worker.mjs', contents: await bundleWorker(entry) }],
  })
  const { tailEntry } = options
  const { modules } = options
  const main = {
    ...(modules ? { ...flags, modules } : await worker(options.entry)),
    name: 'main',
    queueProducers: options.queueProducers ?? {},
    queueConsumers: options.queueConsumers ?? {},
    ...(tailEntry && { tails: ['tail'] }),
    ...options.miniflare,
  }
  const others = []
  if (tailEntry) others.push({ ...(await worker(tailEntry)), name: 'tail' })
  for (const [name, { entry, miniflare }] of Object.entries(options.others ?? {})) {
    others.push({ ...(await worker(entry)), name, ...miniflare })
  }
  const miniflare = new Miniflare({
    ...convertV4MiniflareOptions({
      workers: [main, ...others],
      host: '127.0.0.1',
      ...(options.persistence && { resourcePersistencePath: options.persistence }),
      ...(options.inspect && { inspectorPort: 0 }),
      // `/cdn-cgi/local/scheduled` and `/cdn-cgi/local/email`.
      unsafeTriggerHandlers: true,
    }),
    log: new Log(LogLevel.NONE),
    handleStructuredLogs: ({ message }) => void logs.push(message),
  })
  const url = (await miniflare.ready).href.replace(/\/$/, '')
  const sql = async (binding: string, statements: readonly string[]): Promise<void> => {
    const database = await miniflare.getD1Database(binding, 'main')
    for (const statement of statements) await database.prepare(statement).run()
  }
  return { url, logs, heapUsed: () => heapUsed(miniflare, url), stop: () => miniflare.dispose(), sql }
}

/** Asks the isolate's inspector. It collects garbage only while the isolate has something to do: requests to `url`. */
async function heapUsed(miniflare: Miniflare, url: string): Promise<number> {
  const { host } = await miniflare.getInspectorURL()
  const socket = new WebSocket(`ws://${host}/core:user:main`)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  let id = 0
  const send = (method: string): Promise<{ usedSize: number }> => {
    const call = ++id
    socket.send(JSON.stringify({ id: call, method }))
    return new Promise((resolve) => {
      socket.addEventListener('message', ({ data }) => {
        const answer = JSON.parse(String(data))
        if (answer.id === call) resolve(answer.result)
      })
    })
  }
  let done = false
  const asking = (async () => {
    while (!done) await (await fetch(url)).arrayBuffer()
  })()
  await send('HeapProfiler.enable')
  // Twice: what a finalizer frees is garbage only then.
  for (let n = 0; n < 2; n++) await send('HeapProfiler.collectGarbage')
  const { usedSize } = await send('Runtime.getHeapUsage')
  done = true
  await asking
  socket.close()
  return usedSize
}
