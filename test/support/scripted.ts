/** A backend that answers by script, for the tests of delivery: each name has its own list of answers and its own log. */
import { Hono } from 'hono'

export interface Answer {
  status?: number
  body?: string
  headers?: Record<string, string>
  delayMs?: number
}
export interface Received {
  path: string
  headers: Record<string, string>
  body: string
}

/**
 * `PUT /:name` takes the answers, the last one repeats; `GET /:name` gives what was received; any `POST` below `/:name`
 * is answered by the script, but for `/:name/v3/auth/token`, which gives the token `token-<n>` unless the script of
 * `<name>-auth` says otherwise.
 */
export function scriptedBackend(): Hono {
  const scripts = new Map<string, Answer[]>()
  const logs = new Map<string, Received[]>()
  const app = new Hono()
  app.put('/:name', async (c) => {
    scripts.set(c.req.param('name'), await c.req.json())
    return c.body(null, 204)
  })
  app.get('/:name', (c) => c.json(logs.get(c.req.param('name')) ?? []))
  app.post('/:name/*', async (c) => {
    const name = c.req.param('name')
    const log = logs.get(name) ?? []
    logs.set(name, log)
    const path = c.req.path.split(`/${name}`)[1] ?? ''
    log.push({ path, headers: c.req.header(), body: await c.req.text() })
    const auth = path === '/v3/auth/token'
    const script = scripts.get(auth ? `${name}-auth` : name) ?? []
    const token = { token: `token-${log.filter((request) => request.path === path).length}` }
    const answer = (script.length > 1 ? script.shift() : script[0]) ?? { body: auth ? JSON.stringify(token) : '{}' }
    if (answer.delayMs) await new Promise((resolve) => setTimeout(resolve, answer.delayMs))
    return c.body(answer.body ?? '', (answer.status ?? 200) as 200, answer.headers)
  })
  return app
}
