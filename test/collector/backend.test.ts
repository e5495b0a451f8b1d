/** The backend over real HTTP: what it takes, keeps and gives back. */
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type Backend, startBackend } from '../../src/collector/index.ts'
import { readOtlp } from '../../src/collector/otlp.ts'
import { type DeskSession, otlpOf, spanId, traceIdOf } from '../support/desk.ts'
import { waitFor } from '../support/wait.ts'

const KEY = '11111111-1111-4111-8111-111111111111'
const JSON_TYPE = { 'content-type': 'application/json' }
const LIMIT = 20 * 1024 * 1024

let backend: Backend
beforeAll(async () => {
  backend = await startBackend()
})
afterAll(() => backend.close())

const begun = Date.now()
let last = 1000
function session(fields: Partial<DeskSession> = {}): DeskSession {
  last += 1
  return { traceId: traceIdOf(last), name: 'GET /', start: begun + last, ms: 100, ...fields }
}
const send = (path: string, body: BodyInit, headers: Record<string, string> = JSON_TYPE): Promise<Response> =>
  fetch(backend.url + path, { method: 'POST', body, headers })
const take = async (of: DeskSession): Promise<void> => {
  expect((await send('/v1/traces', JSON.stringify(otlpOf(of)))).status).toBe(200)
}
const get = async (path: string, headers = {}): Promise<Record<string, unknown>> =>
  (await fetch(backend.url + path, { headers })).json() as Promise<Record<string, unknown>>

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'agentops-edge-test-'))
  onTestFinished(() => rm(made, { recursive: true, force: true }))
  return made
}
async function own(options: Parameters<typeof startBackend>[0]): Promise<Backend> {
  const started = await startBackend(options)
  let isClosed = false
  const close = async (): Promise<void> => {
    if (!isClosed) await started.close()
    isClosed = true
  }
  onTestFinished(close)
  return { ...started, close }
}

describe('bodies', () => {
  test.each<[string, (json: string) => BodyInit, Record<string, string>]>([
    ['gzip', (json) => gzipSync(json), { 'content-encoding': 'gzip' }],
    ['deflate', (json) => deflateSync(json), { 'content-encoding': 'deflate' }],
    ['plain, with a charset', (json) => json, { 'content-type': 'application/json; charset=utf-8' }],
  ])('%s', async (_, encode, headers) => {
    const one = session()
    expect((await send('/v1/traces', encode(JSON.stringify(otlpOf(one))), { ...JSON_TYPE, ...headers })).status).toBe(
      200,
    )
    expect(await get(`/api/traces/${one.traceId}`)).toMatchObject({ session: { name: 'GET /', state: 'Success' } })
  })

  test.each<[string, Record<string, string>]>([
    ['plain', {}],
    ['gzip', { 'content-encoding': 'gzip' }],
  ])('more than 20 MiB is refused, %s', async (_, headers) => {
    const body = JSON.stringify(otlpOf(session())).padEnd(LIMIT + 1)
    const response = await send('/v1/traces', 'content-encoding' in headers ? gzipSync(body) : body, {
      ...JSON_TYPE,
      ...headers,
    })
    expect(response.status).toBe(400)
    expect(await response.text()).toContain(`more than ${LIMIT} bytes`)
  })

  test('a body that is sent in pieces, without its length, is given up at 20 MiB', async () => {
    const before = process.memoryUsage().rss
    let sent = 0
    const status = await new Promise<number>((resolve, reject) => {
      const outgoing = request(`${backend.url}/v1/traces`, { method: 'POST', headers: JSON_TYPE }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
        outgoing.destroy()
      })
      outgoing.on('error', (error) => (sent > LIMIT ? resolve(400) : reject(error)))
      const piece = Buffer.alloc(1024 * 1024, ' ')
      const more = (): void => {
        if (sent > 400 * piece.length || outgoing.destroyed) return
        sent += piece.length
        if (outgoing.write(piece)) setImmediate(more)
        else outgoing.once('drain', more)
      }
      more()
    })
    expect(status).toBe(400)
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6)
  })

  test('gzip under its old name', async () => {
    const body = gzipSync(JSON.stringify(otlpOf(session())))
    expect((await send('/v1/traces', body, { ...JSON_TYPE, 'content-encoding': 'x-gzip' })).status).toBe(200)
  })

  test('an encoding that nobody here reads is refused with a reason', async () => {
    const response = await send('/v1/traces', '{}', { ...JSON_TYPE, 'content-encoding': 'br' })
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('gzip, deflate')])
  })

  test('spans that cannot be kept are told, the others kept', async () => {
    const one = session({ spans: [{ name: 'a.tool', at: 1, ms: 1 }] })
    const body = otlpOf(one) as { resourceSpans: { scopeSpans: { spans: { spanId: string }[] }[] }[] }
    const spans = body.resourceSpans[0]?.scopeSpans[0]?.spans ?? []
    if (spans[0]) spans[0].spanId = 'no id'
    const answer = await (await send('/v1/traces', JSON.stringify(body))).json()
    expect(answer).toEqual({
      partialSuccess: { rejectedSpans: '1', errorMessage: expect.stringContaining('no valid ids') },
    })
    expect(await get(`/api/traces/${one.traceId}`)).toMatchObject({ session: { spans: 1 } })
  })

  test('odd values are kept or refused, and cost nobody else', async () => {
    const long = 'n'.repeat(100_000)
    const one = session({ name: long, reason: long, tags: [long] })
    const odd = JSON.stringify(otlpOf(one))
      .replace('"kind":2', '"kind":"SPAN_KIND_SERVER"')
      .replace('"code":1', '"code":"STATUS_CODE_ERROR"')
    expect((await send('/v1/traces', odd)).status).toBe(200)
    const { session: found } = (await get(`/api/traces/${one.traceId}`)) as {
      session: { name: string; errors: number }
    }
    expect([found.name.length, found.errors]).toEqual([1000, 1])
    const deep = `${'{"arrayValue":{"values":['.repeat(5000)}{"intValue":1}${']}}'.repeat(5000)}`
    const two = otlpOf(session({ spans: [{ name: 'deep.tool', at: 0, ms: 1, attributes: { deep: 'DEEP' } }] }))
    const body = JSON.stringify(two).replace('{"stringValue":"DEEP"}', deep)
    expect(await (await send('/v1/traces', body)).json()).toMatchObject({ partialSuccess: { rejectedSpans: '1' } })
    for (const text of [
      'null',
      '[]',
      '1',
      '{"resourceSpans":[null]}',
      '{"resourceSpans":[{"scopeSpans":[{"spans":[null]}]}]}',
    ]) {
      expect((await send('/v1/traces', text)).status).toBe(400)
    }
    const wrong: object[] = [{ attributes: [null] }, { attributes: { a: 1 } }, { events: [null] }, { links: 5 }]
    for (const fields of wrong) {
      const { resourceSpans } = JSON.parse(JSON.stringify(otlpOf(session())))
      Object.assign(resourceSpans[0].scopeSpans[0].spans[0], fields)
      const answer = await send('/v1/traces', JSON.stringify({ resourceSpans }))
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('not the one that OTLP has')])
    }
    // What is no text where one belongs is shown, and costs nobody the page.
    const blank = session()
    const nameless = JSON.parse(JSON.stringify(otlpOf(blank)))
    const [span] = nameless.resourceSpans[0].scopeSpans[0].spans
    Object.assign(span, { name: { a: 1 }, events: [{}, { name: [5] }], links: [{}], status: { message: null } })
    nameless.resourceSpans[0].scopeSpans[0].scope = { name: { b: 2 } }
    expect((await send('/v1/traces', JSON.stringify(nameless))).status).toBe(200)
    expect((await fetch(`${backend.url}/traces/${blank.traceId}`)).status).toBe(200)
    expect(
      (await send('/v1/traces', Uint8Array.of(10, 5, 1), { 'content-type': 'application/x-protobuf' })).status,
    ).toBe(400)
    expect((await send('/v1/traces', new Uint8Array(), { 'content-type': 'application/x-protobuf' })).status).toBe(200)
  })

  test('metrics and logs are answered', async () => {
    for (const path of ['/v1/metrics', '/v1/logs']) expect((await send(path, '{}')).status).toBe(200)
  })
})

describe('who may ask', () => {
  /** `fetch` sets these headers itself. */
  const status = (headers: Record<string, string>, path = '/'): Promise<number> =>
    new Promise((resolve, reject) => {
      const outgoing = request(`${backend.url}${path}`, { headers }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      outgoing.on('error', reject).end()
    })
  test.each([
    [{ host: 'localhost:4318' }, 200],
    [{ host: '[::1]:4318' }, 200],
    [{ host: 'evil.example' }, 403],
    [{ host: 'localhost.evil.example:80' }, 403],
    [{ host: '127.0.0.1.nip.example' }, 403],
    [{ host: 'localhost:1', origin: 'http://localhost:1' }, 200],
    [{ host: 'localhost:1', origin: 'http://localhost:2' }, 403],
    [{ host: 'localhost:1', origin: 'https://evil.example' }, 403],
    [{ host: 'localhost:1', origin: 'null' }, 403],
    [{ host: 'localhost:1', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, 403],
    [{ host: 'localhost:1', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 200],
  ])('%j: %i', async (headers, expected) => {
    expect(await status(headers)).toBe(expected)
  })

  test('a name that was allowed', async () => {
    const other = await own({ hosts: ['host.docker.internal:4318'] })
    const { hostname, port } = new URL(other.url)
    const answered = await new Promise((resolve) => {
      request({ hostname, port, path: '/', headers: { host: 'host.docker.internal:4318' } }, (response) => {
        response.resume()
        resolve(response.statusCode)
      }).end()
    })
    expect(answered).toBe(200)
  })

  test('every answer has a policy that runs no script but its own', async () => {
    const { headers } = await fetch(backend.url)
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self';/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })
})

test("AgentOps' reading API gives what its own does", async () => {
  const one = session({
    tags: ['a'],
    spans: [
      {
        name: 'x.llm',
        at: 10,
        ms: 20,
        error: 'bad',
        attributes: {
          'agentops.span.kind': 'llm',
          'gen_ai.request.model': 'm',
          'gen_ai.usage.input_tokens': 7,
          'gen_ai.usage.output_tokens': 3,
        },
      },
    ],
  })
  await take(one)
  const { bearer } = (await (await send('/public/v1/auth/access_token', JSON.stringify({ api_key: KEY }))).json()) as {
    bearer: string
  }
  const headers = { authorization: `Bearer ${bearer}` }
  expect(await get(`/public/v1/traces/${one.traceId}`, headers)).toMatchObject({
    trace_id: one.traceId,
    tags: ['a'],
    spans: [
      { span_name: 'GET /.session', duration: 100_000_000 },
      { span_name: 'x.llm', status_code: 'ERROR', status_message: 'bad', parent_span_id: spanId(one.traceId, 1) },
    ],
  })
  expect(await get(`/public/v1/traces/${one.traceId}/metrics`, headers)).toMatchObject({
    span_count: 2,
    fail_count: 1,
    success_count: 1,
    prompt_tokens: 7,
    completion_tokens: 3,
    total_tokens: 10,
  })
  expect(await get(`/public/v1/spans/${spanId(one.traceId, 2)}`, headers)).toMatchObject({
    attributes: { gen_ai: { request: { model: 'm' }, usage: { input_tokens: 7 } } },
  })
  expect((await fetch(`${backend.url}/public/v1/traces/${'0'.repeat(32)}`)).status).toBe(404)
  expect(
    (await fetch(`${backend.url}/public/v1/traces/${one.traceId}`, { headers: { authorization: 'Bearer no' } })).status,
  ).toBe(401)
})

test("AgentOps' v2: the sequence that its Python SDK sends becomes a session", async () => {
  const id = crypto.randomUUID()
  const json = { ...JSON_TYPE, 'x-agentops-api-key': KEY }
  const begun = {
    session_id: id,
    init_timestamp: '2026-11-23T15:17:01.860619+00:00',
    tags: ['py'],
    end_state: 'Indeterminate',
    host_env: {},
  }
  expect((await send('/v2/create_session', '{}', JSON_TYPE)).status).toBe(400)
  const { jwt } = (await (await send('/v2/create_session', JSON.stringify({ session: begun }), json)).json()) as {
    jwt: string
  }
  const headers = { ...JSON_TYPE, authorization: `Bearer ${jwt}` }
  expect((await send('/v2/create_events', '{"events":[]}', { ...JSON_TYPE, authorization: 'Bearer x' })).status).toBe(
    401,
  )
  expect(
    await (
      await send('/v2/create_agent', JSON.stringify({ id: crypto.randomUUID(), name: 'planner' }), headers)
    ).json(),
  ).toBe('Success')
  const at = {
    init_timestamp: '2026-11-23T15:17:02.000000+00:00',
    end_timestamp: '2026-11-23T15:17:03.500000+00:00',
    session_id: id,
  }
  const events = [
    {
      id: crypto.randomUUID(),
      event_type: 'actions',
      ...at,
      params: { x: 1 },
      returns: 'ok',
      agent_id: null,
      action_type: 'click',
      logs: 'l',
      name: 'click',
    },
    {
      id: crypto.randomUUID(),
      event_type: 'tools',
      ...at,
      params: { q: 'cats' },
      returns: ['a', 'b'],
      name: 'search',
      logs: null,
      tool_name: 'search',
    },
    {
      id: crypto.randomUUID(),
      event_type: 'llms',
      ...at,
      params: null,
      returns: null,
      thread_id: null,
      prompt: [{ role: 'user', content: 'hi' }],
      prompt_tokens: 3,
      completion: { role: 'assistant', content: 'yo' },
      completion_tokens: 2,
      cost: null,
      model: 'gpt-4o',
    },
    {
      id: crypto.randomUUID(),
      event_type: 'errors',
      ...at,
      trigger_event: '',
      exception: null,
      error_type: 'ValueError',
      code: null,
      details: 'boom',
      logs: 'Traceback',
    },
  ]
  expect(await (await send('/v2/create_events', JSON.stringify({ events }), headers)).json()).toBe('Success')
  const ended = { ...begun, end_timestamp: '2026-11-23T15:17:04.000000+00:00', end_state: 'Success' }
  expect(await (await send('/v2/update_session', JSON.stringify({ session: ended }), headers)).json()).toMatchObject({
    status: 'success',
  })
  const { session: found } = (await get(`/api/traces/${id}`)) as { session: object }
  expect(found).toMatchObject({
    state: 'Success',
    spans: 5,
    errors: 1,
    modelCalls: 1,
    toolCalls: 1,
    inputTokens: 3,
    outputTokens: 2,
    tags: ['py'],
    models: ['gpt-4o'],
  })
  const page = await (await fetch(`${backend.url}/traces/${id}?view=chat`)).text()
  expect(page).toContain('>yo')
})

describe('the file', () => {
  test('keeps sessions; the same span twice is there once', async () => {
    const db = join(await folder(), 'a.db')
    const first = await own({ db })
    const body = JSON.stringify(otlpOf(session({ tags: ['kept'], spans: [{ name: 'a.tool', at: 1, ms: 1 }] })))
    for (const _ of [1, 2]) await fetch(`${first.url}/v1/traces`, { method: 'POST', body, headers: JSON_TYPE })
    await first.close()
    const second = await own({ db })
    expect(await second.store.sessions({ tag: 'kept' })).toMatchObject([{ spans: 2 }])
    expect(await second.store.facets()).toMatchObject({ sessions: 1, tag: [{ value: 'kept', sessions: 1 }] })
  })

  test('of version 1 gets what is new since, and what it has is added up', async () => {
    const db = join(await folder(), 'old.db')
    await writeFile(db, gunzipSync(await readFile('test/fixtures/sessions-v1.db.gz')))
    // Nothing of it is too old to be kept.
    const { store } = await own({ db, maxAgeMs: 1e13 })
    const at = Date.UTC(2026, 0, 2, 12) * 1000
    const sums = await store.sums({ from: at, to: at + 900_000_000, step: 900_000_000 })
    expect(sums.calls.map(({ type, name, calls }) => [type, name, calls]).sort()).toEqual([
      ['model', 'gpt-4o-2024-08-06', 1],
      ['session', '', 1],
      ['tool', 'clock', 1],
    ])
    expect(sums.latencies).toEqual([{ at, p50: 255_000, p95: 255_000, p99: 255_000 }])
    expect(await store.sessions({ service: 'shop', tool: 'clock' })).toMatchObject([
      { name: 'GET /kept', tags: ['old'] },
    ])
    await store.write(read(session({ service: 'shop' })))
    expect((await store.facets()).service).toEqual([{ value: 'shop', sessions: 2 }])
  })

  test.each<[string, (file: string) => Promise<void>, string]>([
    ['that is no database', (file) => writeFile(file, 'my notes, '.repeat(1000)), 'is no database, or damaged'],
    ['of another program', async (file) => void database(file, 'CREATE TABLE mine (x)'), 'of another program'],
    ['of a newer version', newer, 'was written by a newer agentops-edge'],
  ])('%s is refused and stays as it is', async (_, make, reason) => {
    const db = join(await folder(), 'x.db')
    await make(db)
    const hash = async (): Promise<string> =>
      createHash('sha256')
        .update(await readFile(db))
        .digest('hex')
    const before = await hash()
    await expect(startBackend({ db })).rejects.toThrow(reason)
    expect(await hash()).toBe(before)
  })

  test('forgets what is older, and the oldest where it grows too large', async () => {
    const old = await own({ maxAgeMs: 1 })
    await old.store.write(read(session()))
    await waitFor('an empty store', async () => (await old.store.facets()).sessions === 0)
    const small = await own({ maxBytes: 400_000 })
    const long = 'word '.repeat(2000)
    for (let n = 0; n < 300; n++) {
      await small.store.write(
        read(session({ tags: [`t${n}`], spans: [{ name: 'a.tool', at: 1, ms: 1, attributes: { long } }] })),
      )
    }
    await waitFor('fewer sessions', async () => (await small.store.facets()).sessions < 60)
    const [newest] = await small.store.sessions({ limit: 1 })
    expect(newest?.tags).toEqual(['t299'])
    const { tag } = await small.store.facets()
    expect(tag.map(({ value }) => value)).toContain('t299')
    expect(tag.length).toBeLessThan(60)
  })
})

function database(file: string, sql: string): void {
  const made = new DatabaseSync(file)
  made.exec(sql)
  made.close()
}
async function newer(file: string): Promise<void> {
  const made = await startBackend({ db: file })
  await made.close()
  database(file, 'PRAGMA user_version = 99')
}
function read(of: DeskSession): Parameters<Backend['store']['write']>[0] {
  return readOtlp(otlpOf(of))
}

describe('lists', () => {
  test('by state, tag, route, model and words of contents', async () => {
    const other = await own({})
    const post = async (of: DeskSession): Promise<void> =>
      void (await fetch(`${other.url}/v1/traces`, {
        method: 'POST',
        body: JSON.stringify(otlpOf(of)),
        headers: JSON_TYPE,
      }))
    const model = {
      'agentops.span.kind': 'llm',
      'gen_ai.request.model': 'm1',
      'gen_ai.prompt.0.content': 'Wie spät ist es in Köln?',
    }
    await post(session({ name: 'one', tags: ['a', 'b'], spans: [{ name: 'x.llm', at: 0, ms: 1, attributes: model }] }))
    await post(session({ name: 'two', tags: ['b'], route: '/ask', state: 'Fail', reason: 'no luck' }))
    await post(session({ name: 'three', isRunning: true, spans: [{ name: 'still.tool', at: 0, ms: 1 }] }))
    const names = async (query: string): Promise<unknown> =>
      ((await (await fetch(`${other.url}/api/sessions?${query}`)).json()) as { name: string }[]).map(({ name }) => name)
    expect(await names('')).toEqual(['still.tool', 'two', 'one'])
    expect(await names('state=Fail')).toEqual(['two'])
    expect(await names('state=Running')).toEqual(['still.tool'])
    expect(await names('tag=b')).toEqual(['two', 'one'])
    expect(await names('tag=b&route=/ask')).toEqual(['two'])
    expect(await names('model=m1')).toEqual(['one'])
    expect(await names('q=spät+köl')).toEqual(['one'])
    expect(await names('q=luck')).toEqual(['two'])
    for (const odd of ['"', "' OR 1=1 --", '*', 'NEAR(a b)', 'a:b'])
      expect(await names(`q=${encodeURIComponent(odd)}`)).toBeInstanceOf(Array)
    expect(await names("tag=b'%20OR%201=1")).toEqual([])
  })
})
