/** Apps in apps: one session a request, with an execution context and without, and with two copies of Hono. */
import { cp, mkdir } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { describe, expect, onTestFinished, test } from 'vitest'
import { agentops } from '../../src/hono/index.ts'
import { type Session, tool } from '../../src/index.ts'
import { useBackend } from '../support/backend.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'
import { waitFor } from '../support/wait.ts'

const backend = useBackend()

test('two copies of Hono in one bundle: a session named by its method, and said once', async () => {
  // The worker's Hono is the one beside it; the middleware's, the project's.
  const folder = '.cache/two-honos'
  await mkdir(folder, { recursive: true })
  await cp('node_modules/hono', `${folder}/node_modules/hono`, { recursive: true, dereference: true })
  await cp('test/fixtures/two-honos-worker.ts', `${folder}/worker.ts`)
  const { url, logs } = await backend.start({ entry: `${folder}/worker.ts` })
  for (const path of ['/hello/bob', '/mounted/x', '/hello/ann']) expect((await fetch(url + path)).status).toBe(200)
  const sessions = await waitFor('three sessions', () => {
    const ended = backend.collector.store.list().filter(({ root }) => root)
    return ended.length >= 3 && ended
  })
  expect(sessions.map(({ root }) => root?.name)).toEqual(['GET.session', 'GET.session', 'GET.session'])
  expect(
    sessions
      .flatMap(({ spans }) => spans.map(({ name }) => name))
      .filter((name) => name.endsWith('.tool'))
      .sort(),
  ).toEqual(['greet.tool', 'greet.tool', 'inside.tool'])
  expect(logs).toEqual([expect.stringContaining('route')])
})

describe('a mounted app that has the middleware too', () => {
  const opened = new Set<Session>()
  const options = toCollector()
  const inner = new Hono()
    .use(agentops(options))
    .use(async (c, next) => {
      opened.add(c.var.agentops)
      await next()
    })
    .get('/x', (c) => c.text(tool('inside', () => 'x')))
  const deeper = new Hono().use(agentops(options)).mount('/deeper', inner.fetch)
  const app = new Hono()
    .use(agentops(options))
    .use(async (c, next) => {
      opened.add(c.var.agentops)
      await next()
    })
    .mount('/mounted', inner.fetch)
    .mount('/two', deeper.fetch)
    // Hands on the environment alone.
    .mount('/alone', inner.fetch, { optionHandler: (c) => c.env })
    .get('/self', async (c) => c.text(await (await inner.request('/x', {}, { other: 'environment' })).text()))

  const context = (): { waitUntil(): void; passThroughOnException(): void; props: object } => ({
    waitUntil() {},
    passThroughOnException() {},
    props: {},
  })
  const ways: [string, (path: string) => Promise<Response>][] = [
    ['without a context, and without an environment', async (path) => app.request(path)],
    ['without a context', async (path) => app.request(path, {}, { NAME: 'value' })],
    ['with a context', async (path) => app.request(path, {}, { NAME: 'value' }, context())],
    [
      'on a server of Node',
      async (path) => {
        const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
        onTestFinished(() => void server.close())
        await waitFor('the server', () => !!server.address())
        return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`)
      },
    ],
  ]
  test.each(ways)('%s', async (_, ask) => {
    for (const path of ['/mounted/x', '/two/deeper/x', '/alone/x']) {
      opened.clear()
      expect(await (await ask(path)).text()).toBe('x')
      expect(opened.size, path).toBe(1)
      const [session] = [...opened]
      await session?.end()
      named(await spansOf(session as Session), 'inside.tool')
    }
  })

  test('requests apart have sessions apart, at the same time and one behind the other', async () => {
    opened.clear()
    await Promise.all(Array.from({ length: 20 }, async () => (await app.request('/mounted/x')).text()))
    expect(opened.size).toBe(20)
    opened.clear()
    // An app that is called as a server of its own is none that is mounted.
    await (await app.request('/self', {}, { NAME: 'value' })).text()
    expect(opened.size).toBe(2)
  })
})
