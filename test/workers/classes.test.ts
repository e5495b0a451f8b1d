/** Durable Objects and entrypoints in real workerd: SQLite storage, alarms, hibernating WebSockets, RPC. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import { waitFor } from '../support/wait.ts'
import type { RunningWorker } from '../support/workerd.ts'

const backend = useBackend()
const miniflare = {
  durableObjects: {
    PLAIN: { className: 'PlainDesk', useSQLite: true },
    DESK: { className: 'Desk', useSQLite: true },
  },
  serviceBindings: { SERVICE: { name: 'main', entrypoint: 'TracedService' } },
}
let worker: RunningWorker
beforeAll(async () => {
  worker = await backend.start({
    entry: 'test/fixtures/classes-worker.ts',
    miniflare,
    queueProducers: { JOBS: 'jobs' },
    queueConsumers: { jobs: { maxBatchTimeout: 0.1 } },
  })
})

const ask = async (path: string): Promise<string> => {
  const response = await fetch(worker.url + path)
  return `${response.status} ${await response.text()}`
}
/** The ended sessions of the object or the entrypoint; the Worker's own are named by the method. */
const sessions = (): CollectedSession[] =>
  backend.collector.store.list().filter(({ root }) => root && !/^GET\.session$|^process/.test(root.name))
const sessionOf = (name: string): Promise<CollectedSession> =>
  waitFor(`a session ${name}`, () => sessions().find(({ root }) => root?.name === `${name}.session`))

describe('a Durable Object', () => {
  test.each([
    ['add?args=[1,2]', 'add'],
    ['add?args=[1]', 'add'],
    ['slow?args=[1]&ignore', 'slow'],
    ['transaction', 'transaction'],
    ['syncInside', 'syncInside'],
    ['fails', 'fails'],
    ['arity?args=[1,2,3]', 'arity'],
    ['arity', 'arity'],
    ['arity?args=[1,{"traceparent":"x"}]', 'arity'],
    ['arity?args=[{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}]', 'arity'],
    ['shape', 'shape'],
  ])('RPC %s: the same result, and one session', async (call, method) => {
    const expected = await ask(`/plain/${call}`)
    expect((await ask(`/desk/${call}`)).replace('PlainDesk.slow', 'undefined')).toBe(expected)
    const { root } = await sessionOf(`PlainDesk.${method}`)
    expect(root?.attributes).toMatchObject({ 'rpc.service': 'PlainDesk', 'rpc.method': method })
    expect(root?.attributes['agentops.session.end_state']).toBe(method === 'fails' ? 'Fail' : 'Success')
    // What the object calls on itself is no session: not in its constructor, not in a method.
    expect(sessions()).toHaveLength(1)
  })

  test('a property, and what the object does while it is made, have no session', async () => {
    expect(await ask('/desk/accessor?name=fresh')).toBe(await ask('/plain/accessor?name=fresh'))
    await backend.session(({ root }) => root?.name === 'GET.session')
    expect(sessions()).toEqual([])
  })

  test('fetch: events inside, its own methods are part of it', async () => {
    expect(await ask('/desk/get')).toBe('200 hello yes 2')
    const { root, spans } = await backend.session(({ spans }) => spans.some(({ name }) => name === 'in fetch.tool'))
    expect(named(spans, 'in fetch.tool').parentSpanId).toBe(root?.spanId)
    expect(root?.attributes['http.response.status_code']).toBe(200)
  })

  test('fetch that throws fails its session, the caller sees the same error', async () => {
    expect(await ask('/desk/get?args=["throws"]')).toBe(await ask('/plain/get?args=["throws"]'))
    const failed = await backend.session(
      ({ root }) => root?.attributes['agentops.session.end_state_reason'] === 'object broke',
    )
    expect(failed.root?.attributes['agentops.session.end_state']).toBe('Fail')
  })

  test('a stream and what its waitUntil was given', async () => {
    expect(await ask('/desk/get?args=["stream"]')).toBe('200 012')
    await backend.session(({ spans }) => spans.some(({ name }) => name === 'streamed.tool'))
  })

  test.each([
    ['get?args=["answer"]', 'answer', 'the answer'],
    ['get?args=["fixed"]', 'fixed', 'fixed'],
    ['get?args=["unread"]', 'unread', 'read'],
    ['get?args=["late"]', 'late', 'early'],
  ])('%s: a value that only the platform reads, or nobody, keeps no session open', async (call, tool, said) => {
    expect(await ask(`/desk/${call}`)).toBe(`200 ${said}`)
    // The deadline of a session's work is 15 s.
    const { root, spans } = await waitFor(
      'the session',
      () =>
        backend.collector.store
          .list()
          .find(({ root, spans }) => root && spans.some(({ name }) => name === `${tool}.tool`)),
      7000,
    )
    expect(named(spans, `${tool}.tool`)).toMatchObject({ parentSpanId: root?.spanId, status: { code: 1 } })
    expect(named(spans, `${tool}.tool`).attributes['agentops.incomplete']).toBeUndefined()
  })

  test('an alarm', async () => {
    await ask('/desk/get?args=["alarm"]')
    const { root, spans } = await sessionOf('PlainDesk.alarm')
    expect(named(spans, 'in alarm.tool').parentSpanId).toBe(root?.spanId)
    expect(root?.attributes['faas.trigger']).toBe('timer')
  })

  test('hibernating WebSockets: a session a message and one for the close, none holds content', async () => {
    const socket = new WebSocket(`${worker.url.replace('http', 'ws')}/desk/socket`)
    await new Promise((resolve) => socket.addEventListener('open', resolve))
    for (const text of ['secret one', 'secret two']) {
      const answer = new Promise((resolve) =>
        socket.addEventListener('message', ({ data }) => resolve(data), { once: true }),
      )
      socket.send(text)
      expect(await answer).toBe(`echo ${text}`)
    }
    socket.close(1000, 'bye')
    await sessionOf('PlainDesk.webSocketClose')
    await waitFor(
      'two messages',
      () => sessions().filter(({ root }) => root?.name === 'PlainDesk.webSocketMessage.session').length === 2,
    )
    const message = await sessionOf('PlainDesk.webSocketMessage')
    named(message.spans, 'in message.tool')
    expect(message.root?.attributes).toMatchObject({
      'agentops.websocket.message.type': 'text',
      'agentops.websocket.message.size': 10,
    })
    expect(JSON.stringify(message.root?.attributes)).not.toContain('secret')
  })

  test('50 calls of one object at once stay apart', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, n) => ask(`/desk/slow?args=[${n}]`)))
    await waitFor('50 sessions', () => sessions().length === 50)
    const steps = sessions().map(({ spans }) => spans.map(({ name }) => name).join())
    expect(new Set(steps).size).toBe(50)
    for (const { spans } of sessions()) expect(spans).toHaveLength(2)
  })
})

describe('one trace', () => {
  test.each([
    ['fetch headers', '/desk/get?traced'],
    ['an RPC argument', '/desk/add?args=[1,2]&traced'],
  ])('from a Worker to an object through %s', async (_, path) => {
    await ask(path)
    const called = await backend.session(({ root }) => root?.parentSpanId !== undefined)
    const caller = await backend.session(({ root }) => root?.spanId === called.root?.parentSpanId)
    expect(called.root?.traceId).toBe(caller.root?.traceId)
  })

  test('the trace argument is not the method’s', async () => {
    expect(await ask('/desk/arity?args=[1,2]&traced')).toBe('200 2')
  })

  test('Worker → Durable Object → queue consumer', async () => {
    expect(await ask('/desk/enqueue?args=[7]&traced')).toBe('200 sent')
    const consumer = await backend.session(({ spans }) => spans.some(({ name }) => name === 'job.tool'))
    const object = await sessionOf('PlainDesk.enqueue')
    const caller = await backend.session(({ root }) => root?.spanId === object.root?.parentSpanId)
    expect(caller.root?.name).toBe('GET.session')
    expect(consumer.root?.parentSpanId).toBe(object.root?.spanId)
    expect([object.root?.traceId, consumer.root?.traceId]).toEqual(Array(2).fill(caller.root?.traceId))
  })
})

describe('an entrypoint through a service binding', () => {
  test('RPC, with its waitUntil', async () => {
    expect(await ask('/service/greet')).toBe('200 hello you')
    const { root, spans } = await sessionOf('PlainService.greet')
    for (const name of ['greeting.tool', 'after the greeting.tool'])
      expect(named(spans, name).parentSpanId).toBe(root?.spanId)
  })

  test('fetch', async () => {
    expect(await ask('/service/fetch')).toBe('200 served')
    await waitFor('the session', () =>
      backend.collector.store.list().find(({ spans }) => spans.some(({ name }) => name === 'in service.tool')),
    )
  })
})

test.each([
  ['nodejs_compat', ['nodejs_compat'], true],
  ['no flag', [], false],
])('with %s: RPC results are the same, sessions: %s', async (_, compatibilityFlags, hasSession) => {
  const { url, logs } = await backend.start({
    entry: 'test/fixtures/classes-worker.ts',
    miniflare,
    compatibilityFlags,
    queueProducers: { JOBS: 'jobs' },
  })
  expect(await (await fetch(`${url}/desk/syncInside`)).text()).toBe('2 false 1 add')
  expect(await (await fetch(`${url}/desk/get`)).text()).toBe('hello yes 2')
  await waitFor('the request’s session', () => sessions().length || backend.collector.store.list().length > 1)
  expect(sessions().some(({ root }) => root?.name === 'PlainDesk.syncInside.session')).toBe(hasSession)
  if (!hasSession) expect(logs.filter((line) => line.includes('RPC methods'))).toHaveLength(1)
})
