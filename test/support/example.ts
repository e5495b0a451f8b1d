/** Starts a Worker, such as an example, as `wrangler dev` does, its sessions sent to the tests' collector. */
import { onTestFinished } from 'vitest'

export function startExample(folder: string, collectorUrl: string): Promise<string> {
  return startWithWrangler(`examples/${folder}/wrangler.toml`, collectorUrl)
}

export async function startWithWrangler(config: string, collectorUrl: string): Promise<string> {
  Object.assign(process.env, {
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_SEND_ERROR_REPORTS: 'false',
    WRANGLER_WRITE_LOGS: 'false',
    WRANGLER_HIDE_BANNER: 'true',
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  })
  const { unstable_startWorker } = await import('wrangler')
  const worker = await unstable_startWorker({
    config,
    bindings: { OTEL_EXPORTER_OTLP_ENDPOINT: { type: 'plain_text', value: collectorUrl } },
    dev: {
      server: { hostname: '127.0.0.1', port: 0 },
      inspector: false,
      logLevel: 'error',
      persist: false,
      watch: false,
    },
  })
  onTestFinished(() => worker.dispose())
  await worker.ready
  return (await worker.url).origin
}
