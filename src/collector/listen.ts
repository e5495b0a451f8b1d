/** An app on the loopback interface. */
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import type { Hono } from 'hono'

export interface Listening {
  /** Without a slash at the end. */
  url: string
  close(): Promise<void>
}

/** Rejects where the port is taken. 0: any free one. */
export function listen(app: Hono, port: number): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const onListen = (address: AddressInfo): void => {
      const close = (): Promise<void> =>
        new Promise((done) => {
          server.close(() => done())
          if ('closeAllConnections' in server) server.closeAllConnections()
        })
      resolve({ url: `http://127.0.0.1:${address.port}`, close })
    }
    const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, onListen)
    server.once('error', reject)
  })
}
