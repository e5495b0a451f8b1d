/** Starts a Worker, such as an example, as `wrangler dev` does, its sessions sent to the tests' collector. */
import { onTestFinished } from 'vitest'

interface RunningExample {
  /** Without a slash at the end. */
  url: string
  stop(): Promise<void>
}

/** Wrangler, which keeps to itself. */
async function wrangler(): Promise<typeof import('wrangler')> {
  Object.assign(process.env, {
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_SEND_ERROR_REPORTS: 'false',
    WRANGLER_WRITE_LOGS: 'false',
    WRANGLER_HIDE_BANNER: 'true',
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  })
  return await import('wrangler')
}

/** `folder`: from the project's root, with its wrangler.toml; `bindings`: variables that take the place of its own. */
export async function runExample(
  folder: string,
  bindings: Record<string, string>,
  settings = 'wrangler.toml',
): Promise<RunningExample> {
  const { unstable_startWorker } = await wrangler()
  const texts = Object.entries(bindings).map(([name, value]) => [name, { type: 'plain_text' as const, value }])
  const worker = await unstable_startWorker({
    config: `${folder}/${settings}`,
    bindings: Object.fromEntries(texts),
    dev: {
      server: { hostname: '127.0.0.1', port: 0 },
      inspector: false,
      logLevel: 'error',
      persist: false,
      watch: false,
    },
  })
  try {
    await worker.ready
    return { url: (await worker.url).origin, stop: () => worker.dispose() }
  } catch (error) {
    await worker.dispose()
    throw error
  }
}

/** The same for one test. */
export async function startExample(folder: string, collectorUrl: string): Promise<string> {
  const { url, stop } = await runExample(folder, { OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl })
  onTestFinished(stop)
  return url
}

/** Several Workers that belong together, by their configurations, for one test; gives the URL of the first. */
export async function startWorkers(workers: { configPath: string; vars: Record<string, string> }[]): Promise<string> {
  const { createTestHarness } = await wrangler()
  const server = createTestHarness({ workers })
  onTestFinished(() => server.close())
  return (await server.listen()).url.origin
}
