/** A Pages project as wrangler builds it, with a wrapped middleware around wrapped functions. */
import { beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import type { RunningWorker } from '../support/workerd.ts'

const backend = useBackend()
const entry = 'test/fixtures/pages/functions'

describe.each([
  ['with AsyncLocalStorage', ['nodejs_als']],
  ['without it', []],
])('Pages functions %s', (_, compatibilityFlags: string[]) => {
  const implicit = compatibilityFlags.length > 0
  let worker: RunningWorker
  beforeAll(async () => {
    worker = await backend.start({ entry, compatibilityFlags })
  })

  test('share the session of their middleware, which the answering one names', async () => {
    const answer = await (await fetch(`${worker.url}/items/items?q=secret`)).json()
    if (implicit) expect(answer).toEqual({ id: 'items', shared: true })
    const { root, spans } = await backend.session()
    expect(root).toMatchObject({ name: 'GET /items/:id.session', kind: 2, status: { code: 1 } })
    expect(root?.resource['service.name']).toBe('pages')
    expect(root?.attributes).toMatchObject({
      'http.route': '/items/:id',
      'http.response.status_code': 200,
      'url.path': '/items/items',
    })
    expect(backend.collector.store.list()).toHaveLength(1)
    if (!implicit) return
    expect(spans.map(({ name }) => name)).toEqual(['GET /items/:id.session', 'guard.tool', 'item.tool', 'late.tool'])
    expect(named(spans, 'item.tool').parentSpanId).toBe(named(spans, 'guard.tool').spanId)
    // What the function's own context was given.
    expect(named(spans, 'late.tool').attributes).not.toHaveProperty('agentops.incomplete')
    expect(named(spans, 'late.tool').end).toBeLessThanOrEqual(root?.end ?? 0n)
  })

  test('stay in it until a stream has ended', async () => {
    expect(await (await fetch(`${worker.url}/files/a%20b/c`)).text()).toBe('a%20b;c;')
    const { root } = await backend.session()
    expect(root?.name).toBe('GET /files/:path*.session')
    expect(root?.attributes['agentops.response.body_end']).toBe('complete')
    expect((root?.end ?? 0n) - (root?.start ?? 0n)).toBeGreaterThan(70_000_000n)
  })

  test('that throw fail as without us, and the session says why', async () => {
    for (const [path, reason] of [
      ['/throw', 'function boom'],
      ['/throw-late', 'pages boom'],
    ] as const) {
      const response = await fetch(worker.url + path)
      expect(response.status).toBe(500)
      expect(await response.text()).toContain(reason)
      const { root } = await backend.session()
      expect(root?.attributes['agentops.session.end_state_reason']).toBe(reason)
      backend.collector.store.clear()
    }
  })

  test('of Hono share it, too, and name it by the route', async () => {
    expect(await (await fetch(`${worker.url}/hono/hello/ada`)).text()).toBe('GET /hono/hello/:name')
    const { root, spans } = await backend.session()
    expect(root?.name).toBe('GET /hono/hello/:name.session')
    expect(root?.attributes['http.route']).toBe('/hono/hello/:name')
    expect(backend.collector.store.list()).toHaveLength(1)
    if (!implicit) return
    expect(named(spans, 'late.tool').end).toBeLessThanOrEqual(root?.end ?? 0n)
  })
})

test('a function that is not wrapped works inside a middleware that is', async () => {
  const worker = await backend.start({ entry })
  expect(await (await fetch(`${worker.url}/plain`)).text()).toBe('plain')
  const { root, spans } = await backend.session()
  expect(root?.name).toBe('GET.session')
  expect(spans.map(({ name }) => name)).toEqual(['GET.session', 'guard.tool', 'plain.tool'])
})

test('options that throw take no request down', async () => {
  const worker = await backend.start({ entry, bindings: { FAIL_OPTIONS: '1' } })
  expect(await (await fetch(`${worker.url}/items/7`)).json()).toEqual({ id: '7', shared: true })
  expect((await backend.session()).root?.name).toBe('GET /items/:id.session')
})
