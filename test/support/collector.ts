/** The collector, and what it is sent looked at more strictly than by itself: `close` throws where it is no OTLP. */
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { type CollectorOptions, createCollector, type RunningCollector } from '../../src/collector/index.ts'
import { faultOf, refuse, type Sent } from './strict.ts'

/** `by`: who sends to it, as a fault's name. Routes are added to its `app` before the first request. */
export async function startStrictCollector(by: string, options: CollectorOptions = {}): Promise<RunningCollector> {
  const { store, app: inner } = createCollector(options)
  const sent: Sent[] = []
  const app = new Hono()
  app.post('/v1/*', async (c, next) => {
    const body = new Uint8Array(await c.req.raw.clone().arrayBuffer())
    await next()
    // What it refuses with another status is no body of ours: it reads no protobuf, and wants a token.
    if (c.res.ok || c.res.status === 400) sent.push({ by, path: c.req.path, headers: c.req.header(), body })
  })
  app.route('/', inner)
  return new Promise((resolve, reject) => {
    const onListen = ({ port }: AddressInfo): void => {
      const close = async (): Promise<void> => {
        await new Promise<void>((done) => {
          server.close(() => done())
          if ('closeAllConnections' in server) server.closeAllConnections()
        })
        refuse(sent.map(faultOf))
      }
      resolve({ app, store, url: `http://127.0.0.1:${port}`, close })
    }
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, onListen)
    server.once('error', reject)
  })
}
