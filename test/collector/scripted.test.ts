/** The tests' own scripted backend, asked with nothing but fetch: a fault that does not happen would prove nothing. */
import { gzipSync } from 'node:zlib'
import { describe, expect, inject, test } from 'vitest'
import type { Answer } from '../support/scripted.ts'
import { type Scripted, script, scripted, scriptedForAnything } from '../support/scripted-client.ts'

const KEY = '33333333-3333-4333-8333-333333333333'

function otlp(name: string): string {
  const span = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), name, startTimeUnixNano: '1', endTimeUnixNano: '2' }
  return JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })
}
const post = (
  { url }: Scripted,
  body: BodyInit = otlp('s'),
  { path = '/v1/traces', ...init }: RequestInit & { path?: string } = {},
): Promise<Response> =>
  fetch(url + path, { method: 'POST', body, ...init, headers: { 'content-type': 'application/json', ...init.headers } })
/** The code of the error that a fetch fails with. */
async function failure(answer: Promise<unknown>): Promise<string | undefined> {
  const error = await answer.then(
    () => undefined,
    (thrown: Error & { cause?: { code?: string } }) => thrown,
  )
  return error?.cause?.code ?? error?.name
}

describe('answers', () => {
  test('come in order, and the last one repeats', async () => {
    const backend = await scripted(
      { status: 503, body: 'later', headers: { 'retry-after': '1' } },
      { status: 202, bodyBase64: '/wA=' },
    )
    const first = await post(backend)
    expect([first.status, first.headers.get('retry-after'), await first.text()]).toEqual([503, '1', 'later'])
    for (const _ of [1, 2]) {
      const other = await post(backend)
      expect(other.status).toBe(202)
      expect([...new Uint8Array(await other.arrayBuffer())]).toEqual([255, 0])
    }
    expect((await backend.received()).map(({ answered }) => answered)).toEqual([503, 202, 202])
  })

  test('are a success in the encoding of the request where nothing else is said', async () => {
    const backend = await scripted()
    expect(await (await post(backend)).text()).toBe('{}')
    const protobuf = await post(backend, new Uint8Array(), { headers: { 'content-type': 'application/x-protobuf' } })
    expect(protobuf.headers.get('content-type')).toBe('application/x-protobuf')
    expect(await protobuf.text()).toBe('')
  })

  test('can depend on the body and its size, and are not used up by it', async () => {
    const backend = await scriptedForAnything(
      { when: 'poison', status: 400 },
      { maxBytes: 500, status: 413 },
      { status: 503 },
      {},
    )
    const status = async (body: string): Promise<number> =>
      (await post(backend, gzipSync(body), { headers: { 'content-encoding': 'gzip' } })).status
    expect(await status(otlp('poison'))).toBe(400)
    expect(await status(otlp('x'.repeat(500)))).toBe(413)
    expect([await status(otlp('s')), await status(otlp('s'))]).toEqual([503, 200])
    expect([await status(otlp('poison')), await status(otlp('x'.repeat(500))), await status('{}')]).toEqual([
      400, 413, 200,
    ])
    const binary = await post(backend, new Uint8Array([0xff, ...Buffer.from('poison'), 0xfe]), {
      headers: { 'content-type': 'application/x-protobuf' },
    })
    expect(binary.status).toBe(400)
  })

  test.each<[object]>([
    [{ status: 200 }],
    [[{ staus: 200 }]],
    [[{ status: '200' }]],
    [[{ reset: 'during' }]],
    [[{ reset: 'before', when: 'x' }]],
  ])('%j is no script', async (wrong) => {
    const { url } = await scripted()
    expect((await fetch(url, { method: 'PUT', body: JSON.stringify(wrong) })).status).toBe(400)
  })
})

describe('faults', () => {
  test.each<[Answer['reset']]>([['before'], ['after']])('a reset %s the body', async (reset) => {
    const backend = await scripted({ reset }, {})
    expect(await failure(post(backend, otlp('lost')))).toBe('ECONNRESET')
    expect((await post(backend)).status).toBe(200)
    const [lost, good] = await backend.received()
    expect(lost).toMatchObject({ answered: null, body: reset === 'before' ? '' : otlp('lost') })
    expect(good).toMatchObject({ answered: 200 })
    expect((await backend.spans()).map(({ accepted }) => accepted)).toEqual([false, true])
  })

  test('a hang lasts until the client leaves', async () => {
    const backend = await scripted({ hang: true })
    expect(await failure(post(backend, otlp('s'), { signal: AbortSignal.timeout(300) }))).toBe('TimeoutError')
    expect(await backend.received()).toMatchObject([{ answered: null, body: otlp('s') }])
  })

  test('a delay', async () => {
    const backend = await scripted({ delayMs: 300 })
    const start = performance.now()
    expect((await post(backend)).status).toBe(200)
    expect(performance.now() - start).toBeGreaterThan(290)
    expect(await failure(post(backend, otlp('s'), { signal: AbortSignal.timeout(50) }))).toBe('TimeoutError')
    expect((await backend.received()).map(({ answered }) => answered)).toEqual([200, null])
  })

  test('an answer that breaks off', async () => {
    const backend = await scripted({ truncate: true })
    const response = await post(backend)
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '100'])
    expect(await failure(response.text())).toBe('UND_ERR_SOCKET')
    expect(await backend.received()).toMatchObject([{ answered: 200 }])
  })
})

describe('the log', () => {
  test('has the bodies decoded, the spans and the time', async () => {
    const backend = await scripted({}, { status: 400 })
    const before = Date.now()
    const zipped = gzipSync(otlp('zipped'))
    await post(backend, zipped, { headers: { 'content-encoding': 'gzip', 'x-team': 'a' } })
    await post(backend, otlp('refused'))
    await post(backend, '{}', { path: '/elsewhere' })
    const [first] = await backend.received()
    expect(first).toMatchObject({
      path: '/v1/traces',
      headers: { 'x-team': 'a' },
      body: otlp('zipped'),
      base64: Buffer.from(otlp('zipped')).toString('base64'),
      bytes: zipped.length,
      answered: 200,
    })
    expect(first?.at).toBeGreaterThanOrEqual(before)
    expect(first?.at).toBeLessThanOrEqual(Date.now())
    const ids = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }
    expect(await backend.spans()).toEqual([
      { accepted: true, spans: [{ ...ids, name: 'zipped' }] },
      { accepted: false, spans: [{ ...ids, name: 'refused' }] },
    ])
    await fetch(backend.url, { method: 'DELETE' })
    expect(await backend.received()).toEqual([])
  })

  test('shows a body that cannot be unpacked as it came, answered with 400', async () => {
    const backend = await scriptedForAnything()
    expect((await post(backend, 'no gzip', { headers: { 'content-encoding': 'gzip' } })).status).toBe(400)
    expect(await backend.received()).toMatchObject([{ body: 'no gzip', answered: 400 }])
    await expect(backend.spans()).rejects.toThrow('500')
  })

  test('counts what was open at once', async () => {
    const backend = await scripted({ delayMs: 300 })
    await Promise.all(Array.from({ length: 5 }, () => post(backend)))
    await post(backend)
    expect(await backend.concurrency()).toBe(5)
    expect(await (await scripted()).concurrency()).toBe(0)
  })
})

test('the key is exchanged for a new token each time, unless its script says otherwise', async () => {
  const backend = await scripted({ status: 503 })
  const token = async (): Promise<unknown> => (await post(backend, '{}', { path: '/v3/auth/token' })).json()
  expect([await token(), await token()]).toEqual([{ token: 'token-1' }, { token: 'token-2' }])
  await script(`${backend.url}-auth`, [{ body: '{"token":"mine"}' }, { delayMs: 1 }])
  expect([await token(), await token()]).toEqual([{ token: 'mine' }, { token: 'token-4' }])
})

describe('AgentOps v2', () => {
  const ID = crypto.randomUUID()
  const call = async (
    backend: Scripted,
    endpoint: string,
    body: object,
    headers: Record<string, string> = {},
  ): Promise<[number, unknown]> => {
    const response = await post(backend, JSON.stringify(body), { path: `/v2/${endpoint}`, headers })
    const text = await response.text()
    return [response.status, text === '' ? '' : JSON.parse(text)]
  }
  const key = { 'x-agentops-api-key': KEY }
  const bearer = (n: number): Record<string, string> => ({ authorization: `Bearer jwt-${ID}-${n}` })
  const create = (backend: Scripted): Promise<[number, unknown]> =>
    call(backend, 'create_session', { session: { session_id: ID } }, key)

  test('a session is created once, with a key', async () => {
    const backend = await scripted()
    expect(await call(backend, 'create_session', {}, { 'x-agentops-api-key': 'mine' })).toEqual([
      400,
      { path: '/v2/create_session', message: 'Invalid API key format' },
    ])
    const url = `https://app.agentops.ai/drilldown?session_id=${ID}`
    expect(await create(backend)).toEqual([200, { status: 'Success', jwt: `jwt-${ID}-1`, session_url: url }])
    expect((await create(backend))[0]).toBe(500)
    expect((await backend.received()).map(({ path, answered }) => `${path} ${answered}`)).toEqual([
      '/v2/create_session 400',
      '/v2/create_session 200',
      '/v2/create_session 500',
    ])
  })

  test('everything else needs the latest jwt', async () => {
    const backend = await scripted()
    await create(backend)
    const update = { session: { init_timestamp: 'now' } }
    const good = [200, { status: 'success', token_cost: 5 }]
    const expired = [401, { path: '/v2/update_session', message: 'Expired Token' }]
    expect((await call(backend, 'update_session', update))[0]).toBe(400)
    expect(await call(backend, 'update_session', update, bearer(1))).toEqual(good)
    expect((await call(backend, 'update_session', { session: {} }, bearer(1)))[0]).toBe(500)
    expect(await call(backend, 'create_agent', { id: 'a' }, bearer(1))).toEqual([200, 'Success'])
    await call(backend, '_expire', { session_id: ID })
    expect(await call(backend, 'update_session', update, bearer(1))).toEqual(expired)
    expect(await call(backend, 'reauthorize_jwt', { session_id: ID }, key)).toEqual([
      200,
      { status: 'Success', jwt: `jwt-${ID}-2` },
    ])
    expect(await call(backend, 'update_session', update, bearer(1))).toEqual(expired)
    expect(await call(backend, 'update_session', update, bearer(2))).toEqual(good)
    expect((await call(backend, 'reauthorize_jwt', { session_id: 'none' }, key))[0]).toBe(400)
    expect((await backend.received()).every(({ path }) => path !== '/v2/_expire')).toBe(true)
  })

  const REFUSED: object[] = [
    { id: '1', event_type: 'tools', returns: [1] },
    { id: '1', event_type: 'tools', returns: 1 },
    { id: '1', event_type: 'tools', logs: {} },
    { id: '1', event_type: 'actions' },
    { event_type: 'errors', details: 'x' },
    { event_type: 'errors', timestamp: 'now', details: { a: 1 } },
  ]
  test.each(REFUSED.map((event) => [event]))('%j is refused by a strict backend only', async (event) => {
    const backend = await scripted()
    await create(backend)
    const good = { id: '2', event_type: 'llms' }
    const send = (...events: object[]): Promise<[number, unknown]> =>
      call(backend, 'create_events', { events }, bearer(1))
    expect(await send(event)).toEqual([200, { status: 'ok' }])
    await fetch(`${backend.url}-strict`, { method: 'PUT', body: 'yes' })
    expect((await send(good, { ...event, id: '3' }))[0]).toBe(500)
    // The good event before the faulty one was stored; sent again, it is stored again.
    expect((await send(good))[0]).toBe(200)
    expect((await send({ id: '4', event_type: 'tools', returns: 'x', logs: 'y' }))[0]).toBe(200)
    expect((await send({ event_type: 'errors', timestamp: 'now', details: 'x' }))[0]).toBe(200)
  })

  test('faults are scripted for each endpoint, and the endpoint is not carried out', async () => {
    const backend = await scripted({ status: 418 })
    await script(`${backend.url}-create_session`, [{ status: 503 }, { reset: 'after' }, {}])
    expect((await create(backend))[0]).toBe(503)
    expect(await failure(create(backend))).toBe('ECONNRESET')
    expect((await create(backend))[0]).toBe(200)
  })

  test('an answer that breaks off has been carried out', async () => {
    const backend = await scripted()
    await script(`${backend.url}-create_session`, [{ truncate: true }, {}])
    expect(await failure(create(backend))).toBe('UND_ERR_SOCKET')
    expect((await create(backend))[0]).toBe(500)
  })
})

test('what is no endpoint is not found', async () => {
  expect((await fetch(`${inject('backendUrl')}/`)).status).toBe(404)
  expect((await fetch(`${inject('backendUrl')}/name/x`)).status).toBe(404)
})
