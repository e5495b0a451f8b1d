import { beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import type { RunningWorker } from '../support/workerd.ts'

const backend = useBackend()
let worker: RunningWorker
beforeAll(async () => {
  worker = await backend.start({ entry: 'test/fixtures/hono-app.ts' })
})

describe('the middleware in workerd', () => {
  test('one session a request, with the attributes of the stable HTTP conventions, in one POST', async () => {
    const response = await fetch(`${worker.url}/hello/bob?token=secret`)
    expect([response.status, await response.text()]).toEqual([200, 'hello bob'])
    const { root, spans } = await backend.session()
    expect(spans).toHaveLength(1)
    expect(root).toMatchObject({ name: 'GET /hello/:name.session', kind: 2, status: { code: 1 } })
    expect(root?.attributes).toMatchObject({
      'http.request.method': 'GET',
      'http.route': '/hello/:name',
      'http.response.status_code': 200,
      'url.path': '/hello/bob',
      'url.scheme': 'http',
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(worker.url).port),
      'network.protocol.version': '1.1',
      'agentops.session.end_state': 'Success',
    })
    expect(JSON.stringify(root?.attributes)).not.toContain('secret')
    expect(backend.requests).toEqual(['POST /v1/traces 1'])
  })

  test('events, agents and a library’s spans are inside; c.var.agentops is the current session', async () => {
    expect(await (await fetch(`${worker.url}/agent`)).json()).toEqual({ answer: 'yo', same: true })
    const { root, spans } = await backend.session()
    const parentOf = (name: string): string | undefined => named(spans, name).parentSpanId
    expect(parentOf('planner.agent')).toBe(root?.spanId)
    for (const name of ['search.tool', 'note.operation', 'chat.llm'])
      expect(parentOf(name)).toBe(named(spans, 'planner.agent').spanId)
    expect(parentOf('library-work')).toBe(root?.spanId)
    expect(parentOf('library-part')).toBe(named(spans, 'library-work').spanId)
    for (const { attributes } of spans)
      expect(attributes).toMatchObject({ 'session.id': root?.attributes['session.id'], tenant: 'none' })
    expect(root?.attributes['agentops.tags']).toEqual(['seen'])
    expect(backend.requests).toEqual(['POST /v1/traces 7'])
  })

  test.each([
    ['/throw', 500, 'GET /throw', 'Fail', 'boom'],
    ['/unavailable', 503, 'GET /unavailable', 'Fail', 'the response’s status was 503'],
    ['/missing', 404, 'GET /missing', 'Success', undefined],
    ['/no-such-route', 404, 'GET', 'Success', undefined],
    ['/said', 200, 'GET /said', 'Fail', 'the model refused'],
    ['/shop/items/7', 200, 'GET /shop/items/:id', 'Success', undefined],
    ['/shop/items/bad', 502, 'GET /shop/items/:id', 'Fail', 'no stock'],
    ['/shop/none', 404, 'GET', 'Success', undefined],
  ])('%s answers %i: %s is %s', async (path, status, name, state, reason) => {
    expect((await fetch(worker.url + path)).status).toBe(status)
    const { root } = await backend.session()
    expect(root?.name).toBe(`${name}.session`)
    expect(root?.attributes).toMatchObject({ 'agentops.session.end_state': state, 'http.response.status_code': status })
    expect(root?.attributes['agentops.session.end_state_reason']).toBe(reason?.replace('’', "'"))
    expect(root?.status.code).toBe(state === 'Fail' ? 2 : 1)
    expect(root?.attributes['http.route']).toBe(name.split(' ')[1])
  })

  test('what is thrown and no Error still ends the session with Fail', async () => {
    expect((await fetch(`${worker.url}/throw-text`)).status).toBe(500)
    const { root } = await backend.session()
    expect(root?.attributes).toMatchObject({
      'agentops.session.end_state': 'Fail',
      'agentops.session.end_state_reason': 'no error object',
    })
  })

  test('a session of which the handler has said that nothing can be said ends so', async () => {
    expect((await fetch(`${worker.url}/unsaid`)).status).toBe(200)
    expect((await backend.session()).root).toMatchObject({
      status: { code: 0 },
      attributes: { 'agentops.session.end_state': 'Indeterminate', 'agentops.session.end_state_reason': 'who knows' },
    })
  })

  test('a tool that throws: the error reaches the handler, the session is a success', async () => {
    expect(await (await fetch(`${worker.url}/tool-throws`)).json()).toEqual({ caught: 'RangeError: out of range' })
    const { root, spans } = await backend.session()
    expect(root?.status.code).toBe(1)
    expect(named(spans, 'flaky.tool').status).toEqual({ code: 2, message: 'out of range' })
  })

  test('a streamed response keeps its session open to its end, and its bytes come as they are written', async () => {
    const response = await fetch(`${worker.url}/stream`, { headers: { 'accept-encoding': 'identity' } })
    const arrived: number[] = []
    const reader = response.body?.getReader()
    let text = ''
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      arrived.push(performance.now())
      text += new TextDecoder().decode(part.value)
    }
    expect(text).toBe('onetwothree')
    expect((arrived.at(-1) ?? 0) - (arrived[0] ?? 0)).toBeGreaterThan(100)
    const { root, spans } = await backend.session()
    expect(spans.map(({ name }) => name)).toEqual([
      'GET /stream.session',
      'part-one.tool',
      'part-two.tool',
      'part-three.tool',
    ])
    for (const span of spans.slice(1)) {
      expect(Number(span.end - span.start) / 1e6).toBeGreaterThanOrEqual(95)
      expect(span.end).toBeLessThanOrEqual(root?.end ?? 0n)
    }
    expect(root?.events.map(({ name }) => name)).toEqual(['http.response.first_byte'])
  })

  test('code in a stream’s pull finds its session, in the fourth pull too', async () => {
    expect(await (await fetch(`${worker.url}/slow-pull`)).text()).toBe('1 2 3 4 ')
    const { spans } = await backend.session()
    expect(spans.map(({ name }) => name)).toEqual([
      'GET /slow-pull.session',
      'pull-1.tool',
      'pull-2.tool',
      'pull-3.tool',
      'pull-4.tool',
    ])
  })

  test('a stream that breaks ends its session with Fail, and the client sees it break as without us', async () => {
    const broken = await fetch(`${worker.url}/breaks`)
    await expect(broken.text()).rejects.toThrow()
    const { root } = await backend.session()
    expect(root?.attributes['agentops.session.end_state_reason']).toBe('the model hung up')
    expect(root?.status.code).toBe(2)
  })

  test('a client that leaves ends its session', async () => {
    const leave = new AbortController()
    const endless = await fetch(`${worker.url}/endless`, {
      signal: leave.signal,
      headers: { 'accept-encoding': 'identity' },
    })
    await endless.body?.getReader().read()
    leave.abort()
    const { root, spans } = await backend.session()
    expect(root?.name).toBe('GET /endless.session')
    expect(spans.length).toBeLessThan(100)
  })

  test('HEAD of a streamed route, and a stream that middleware replaced: nobody reads the body, the session arrives', async () => {
    expect((await fetch(`${worker.url}/slow-pull`, { method: 'HEAD' })).status).toBe(200)
    expect((await backend.session()).root?.attributes['http.request.method']).toBe('HEAD')
    backend.collector.store.clear()
    expect(await (await fetch(`${worker.url}/discard?deadline=300`)).text()).toBe('replaced')
    expect((await backend.session()).root?.name).toBe('GET /discard.session')
  })

  test('what is recorded in waitUntil after the session has ended is still sent', async () => {
    expect(await (await fetch(`${worker.url}/late`)).text()).toBe('early')
    const { spans } = await backend.session(({ spans }) => spans.length === 2)
    expect(spans.map(({ name }) => name).sort()).toEqual(['GET /late.session', 'late.tool'])
  })

  test('a mounted app with middleware of its own shares the session', async () => {
    expect(await (await fetch(`${worker.url}/mounted/x`)).text()).toBe('x')
    const { spans } = await backend.session()
    expect(spans.map(({ name }) => name).at(-1)).toBe('inside.tool')
    expect(backend.collector.store.list()).toHaveLength(1)
  })

  test('a handler that returns nothing is a failure', async () => {
    expect((await fetch(`${worker.url}/nothing`)).status).toBe(500)
    expect((await backend.session()).root?.attributes['agentops.session.end_state']).toBe('Fail')
  })

  test('a body of known length keeps its Content-Length', async () => {
    const response = await fetch(`${worker.url}/hello/bob`, { headers: { 'accept-encoding': 'identity' } })
    expect(response.headers.get('content-length')).toBe('9')
    expect(response.headers.get('transfer-encoding')).toBeNull()
    await response.text()
    await backend.session()
  })

  test('a caller’s trace is continued, and the caller’s decision not to sample is kept', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const call = (flags: string): Promise<Response> =>
      fetch(`${worker.url}/hello/x`, {
        headers: { traceparent: `00-${traceId}-b7ad6b7169203331-${flags}`, tracestate: 'a=1' },
      })
    await (await call('01')).text()
    const { root } = await backend.session()
    expect(root).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331' })
    expect(root?.attributes['session.id']).not.toBe('0af76519-16cd-43dd-8448-eb211c80319c')
    backend.collector.store.clear()
    await (await call('00')).text()
    await (await fetch(`${worker.url}/hello/after`)).text()
    await backend.session()
    expect(backend.collector.store.list()).toHaveLength(1)
  })

  test('a malformed traceparent is ignored', async () => {
    await (await fetch(`${worker.url}/hello/x`, { headers: { traceparent: '00-zz-yy-01' } })).text()
    expect((await backend.session()).root?.parentSpanId).toBeUndefined()
  })
})
