import { beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import type { RunningWorker } from '../support/workerd.ts'

const backend = useBackend()

describe('a wrapped Worker', () => {
  let worker: RunningWorker
  beforeAll(async () => {
    worker = await backend.start({ entry: 'test/fixtures/plain-worker.ts', bindings: { GREETING: 'world' } })
  })

  test('keeps `this`, private fields and env; its session arrives', async () => {
    expect(await (await fetch(`${worker.url}/this`)).text()).toBe('hello world started function')
    const { root } = await backend.session()
    expect(root).toMatchObject({ name: 'GET.session', kind: 2, status: { code: 1 } })
    expect(root?.resource['service.name']).toBe('plain')
    expect(root?.attributes).toMatchObject({
      'agentops.tags': ['plain'],
      'url.path': '/this',
      'http.response.status_code': 200,
    })
    expect(root?.attributes).not.toHaveProperty('http.route')
  })

  test('events land in it; one POST', async () => {
    expect(await (await fetch(`${worker.url}/tool`)).text()).toBe('worked')
    const { spans } = await backend.session()
    expect(named(spans, 'work.tool').attributes['tool.result']).toBe('worked')
    expect(backend.requests).toEqual(['POST /v1/traces 2'])
  })

  test('an event made in global scope is recorded in a request', async () => {
    expect(await (await fetch(`${worker.url}/event`)).text()).toBe('true')
    const { root, spans } = await backend.session()
    const event = named(spans, 'made in global scope.tool')
    expect(event.attributes['event.id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(event.start).toBeGreaterThan(root?.start ?? 0n)
  })

  test('an error is thrown on as it was, and is the session’s reason', async () => {
    const response = await fetch(`${worker.url}/throw`)
    expect(response.status).toBe(500)
    expect(await response.text()).toContain('worker boom')
    const { root, spans } = await backend.session()
    expect(root).toMatchObject({ status: { code: 2, message: 'worker boom' } })
    expect(root?.attributes).toMatchObject({
      'error.type': 'TypeError',
      'agentops.session.end_state_reason': 'worker boom',
    })
    expect(root?.events[0]?.name).toBe('exception')
    expect(spans.filter(({ status }) => status.code === 2)).toEqual([root])
  })

  test('a handler that returns nothing fails as without us, and its session says so', async () => {
    expect((await fetch(`${worker.url}/nothing`)).status).toBe(500)
    expect((await backend.session()).root?.attributes['agentops.session.end_state_reason']).toBe(
      'the handler returned no Response',
    )
  })

  test('status, status text and headers are untouched', async () => {
    const response = await fetch(`${worker.url}/other`)
    expect([response.status, response.statusText, response.headers.get('x-own'), await response.text()]).toEqual([
      404,
      'Nope',
      '1',
      'not found',
    ])
    await backend.session()
  })

  test('a method that nobody knows is named by the convention', async () => {
    await fetch(`${worker.url}/other`, { method: 'PROPFIND' })
    const { root } = await backend.session()
    expect(root?.name).toBe('HTTP.session')
    expect(root?.attributes).toMatchObject({
      'http.request.method': '_OTHER',
      'http.request.method_original': 'PROPFIND',
    })
  })
})

test('options that throw take no request down', async () => {
  const worker = await backend.start({
    entry: 'test/fixtures/plain-worker.ts',
    bindings: { GREETING: 'you', FAIL_OPTIONS: '1' },
  })
  expect(await (await fetch(`${worker.url}/this`)).text()).toContain('hello you')
  expect((await backend.session()).root?.name).toBe('GET.session')
  expect(worker.logs.join()).toContain('the options function failed')
})

test('middleware inside a wrapped Worker shares its session and names it by the route', async () => {
  const worker = await backend.start({ entry: 'test/fixtures/nested-worker.ts' })
  expect(await (await fetch(`${worker.url}/items/7`)).text()).toBe('GET /items/:id')
  const { root, spans } = await backend.session()
  expect(spans.map(({ name }) => name)).toEqual(['GET /items/:id.session', 'inside.tool'])
  expect(root?.attributes['http.route']).toBe('/items/:id')
  backend.collector.store.clear()
  expect(await (await fetch(`${worker.url}/again`)).text()).toBe('true')
  expect((await backend.session()).root?.name).toBe('GET /again.session')
  expect(backend.collector.store.list()).toHaveLength(1)
})

describe('start-up', () => {
  test.each([
    ['without any flag', '2025-09-01', []],
    ['with nodejs_als', '2025-09-01', ['nodejs_als']],
    ['at a date before WeakRef', '2024-01-01', ['nodejs_als']],
    ['with nodejs_compat', '2025-09-01', ['nodejs_compat']],
    ['at a date that has it by default', '2026-11-01', []],
  ])('%s workerd starts and sessions are delivered', async (_, compatibilityDate, compatibilityFlags) => {
    const worker = await backend.start({
      entry: 'test/fixtures/plain-worker.ts',
      compatibilityDate,
      compatibilityFlags,
      bindings: { GREETING: 'x' },
    })
    const implicit = compatibilityDate > '2026' || compatibilityFlags.length > 0
    // Twice: what is missing is said once.
    for (let n = 0; n < 2; n++) {
      backend.collector.store.clear()
      expect(await (await fetch(`${worker.url}/explicit`)).text()).toBe(String(!implicit))
      const { root, spans } = await backend.session()
      expect(spans.map(({ name }) => name)).toEqual([
        'GET.session',
        'a.agent',
        't.tool',
        ...(implicit ? ['implicit.tool'] : []),
      ])
      // Nesting needs AsyncLocalStorage; without it an event hangs on the root.
      expect(named(spans, 't.tool').parentSpanId).toBe(implicit ? named(spans, 'a.agent').spanId : root?.spanId)
    }
    const hints = worker.logs.filter((line) => line.includes('nodejs_als'))
    expect(hints).toHaveLength(implicit ? 0 : 1)
  })

  test('without key and endpoint: one line says what is missing, one that a helper ran in global scope, the answer is the same', async () => {
    const worker = await backend.start({
      entry: 'test/fixtures/plain-worker.ts',
      bindings: { GREETING: 'x', OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    })
    for (let n = 0; n < 3; n++) expect(await (await fetch(`${worker.url}/tool`)).text()).toBe('worked')
    expect(worker.logs).toEqual([
      expect.stringContaining('tool: called outside any session'),
      expect.stringContaining('nothing is sent. Set AGENTOPS_API_KEY'),
    ])
  })
})

test('a Worker that uses spans and helpers outside any session behaves as without us, and is told once', async () => {
  const worker = await backend.start({ entry: 'test/fixtures/bare-worker.ts' })
  expect(await (await fetch(worker.url)).json()).toEqual({
    caught: 'mine',
    active: false,
    values: [1, 2, 3],
    model: 'kept',
    session: null,
  })
  expect(worker.logs).toEqual([expect.stringContaining('called outside any session')])
  expect(backend.requests).toEqual([])
})
