/** A backend for the desk: takes sessions over HTTP and prints each one as a waterfall when it ends. Node only. */
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { type Collector, type CollectorOptions, createCollector } from './app.ts'

export { type Collector, type CollectorOptions, createCollector } from './app.ts'
export type { CollectedSpan, PlainAttributes, PlainValue } from './otlp.ts'
export { type CollectedSession, SessionStore } from './store.ts'
export { renderWaterfall } from './waterfall.ts'

export interface RunningCollector extends Collector {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  url: string
  close(): Promise<void>
}

/** Listens on the loopback interface. `port`: default 0, any free one. Rejects where the port is taken. */
export function startCollector(options: CollectorOptions & { port?: number } = {}): Promise<RunningCollector> {
  const collector = createCollector(options)
  return new Promise((resolve, reject) => {
    const onListen = ({ port }: AddressInfo): void => {
      const close = (): Promise<void> =>
        new Promise((done) => {
          server.close(() => done())
          if ('closeAllConnections' in server) server.closeAllConnections()
        })
      resolve({ ...collector, url: `http://127.0.0.1:${port}`, close })
    }
    const server = serve({ fetch: collector.app.fetch, port: options.port ?? 0, hostname: '127.0.0.1' }, onListen)
    server.once('error', reject)
  })
}
