/**
 * AgentOps' v2 API over HTTP: what its Python SDK's own tests (0.3.26) demand, what they leave out, and the bodies byte
 * for byte. What differs on purpose has tests that say so, at the end.
 */
import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import { BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { describe, expect, test } from 'vitest'
import { agentopsV2 } from '../../src/formats/index.ts'
import {
  ActionEvent,
  type AgentOps,
  type AgentOpsOptions,
  analyticsOf,
  createAgentOps,
  type EndState,
  ErrorEvent,
  LLMEvent,
  type Session,
  SessionExporter,
  ToolEvent,
} from '../../src/index.ts'
import { drainSpool, queueSpool, type SpooledBatch, spoolTo } from '../../src/spool/index.ts'
import type { Answer } from '../support/scripted.ts'
import { type Scripted, script, scripted } from '../support/scripted-client.ts'
import { KEY, watched } from '../support/watched.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const { said, drops, client } = watched()

type Fields = Record<string, unknown>

/** A request as AgentOps reads it. */
interface Call {
  endpoint: string
  headers: Record<string, string>
  body: Fields
  answered: number | null
}

interface Backend extends Scripted {
  calls(): Promise<Call[]>
  /** The endpoints that were called, in order. */
  endpoints(): Promise<string[]>
  /** The events of the `create_events` requests. */
  events(): Promise<Fields[]>
  /** What the backend holds, of refused requests, too. */
  stored(): Promise<Fields[]>
  /** Answers for one endpoint. */
  script(endpoint: string, ...answers: Answer[]): Promise<void>
  /** The `session` of the last request. */
  lastSession(): Promise<Fields>
}

const isEvents = ({ endpoint }: Call): boolean => endpoint === 'create_events'
const eventsOf = (calls: readonly Call[]): Fields[] =>
  calls.filter(isEvents).flatMap(({ body }) => body.events as Fields[])

async function v2(): Promise<Backend> {
  const backend = await scripted()
  const calls = async (): Promise<Call[]> =>
    (await backend.received()).map(({ path, headers, body, answered }) => ({
      endpoint: path.replace('/v2/', ''),
      headers,
      body: JSON.parse(body),
      answered,
    }))
  return {
    ...backend,
    calls,
    endpoints: async () => (await calls()).map(({ endpoint }) => endpoint),
    events: async () => eventsOf(await calls()),
    stored: async () => (await (await fetch(`${backend.url}/v2/_stored`)).json()) as Fields[],
    script: (endpoint, ...answers) => script(`${backend.url}-${endpoint}`, answers),
    lastSession: async () => (await calls()).at(-1)?.body.session as Fields,
  }
}

/** A backend that refuses what AgentOps' present one does. */
async function strictV2(): Promise<Backend> {
  const backend = await v2()
  await backend.script('strict')
  return backend
}

const options = (backend: Backend, more: AgentOpsOptions = {}): AgentOpsOptions => ({
  apiEndpoint: backend.url,
  format: agentopsV2,
  // Module-level calls find the session in either runtime.
  scope: 'process',
  retryAttempts: 0,
  ...more,
})

async function single(more?: AgentOpsOptions): Promise<{ backend: Backend; agentops: AgentOps; session: Session }> {
  const backend = await v2()
  const agentops = client(options(backend, more))
  return { backend, agentops, session: agentops.startSession() }
}

/** Posted by the test itself, as another client would. */
async function post(backend: Backend, endpoint: string, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json', 'x-agentops-api-key': KEY }
  return fetch(`${backend.url}/v2/${endpoint}`, { method: 'POST', headers, body: JSON.stringify(body) })
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const given = (eventType = 'test_event_type'): { eventType: string } => ({ eventType })
const jwtOf = ({ id }: Session, count = 1): string => `Bearer jwt-${id}-${count}`

describe('sessions of one conversation', () => {
  const run = async (agentops: AgentOps, groupId: string): Promise<Session> => {
    const session = agentops.startSession({ groupId })
    session.tool('t', () => 1)
    expect(await session.end('Success')).toMatchObject({ sent: 2, dropped: 0 })
    return session
  }

  test('are one session, created once, then resumed; its id is a UUIDv5 in the namespace of the key', async () => {
    const backend = await strictV2()
    // The namespace and the name of RFC 9562's example, and its result.
    const agentops = client(options(backend, { apiKey: '6ba7b810-9dad-11d1-80b4-00c04fd430c8' }))
    const [first, second] = [await run(agentops, 'www.example.com'), await run(agentops, 'www.example.com')]
    expect(await backend.endpoints()).toEqual([
      ...['create_session', 'create_events', 'update_session'],
      ...['reauthorize_jwt', 'create_events', 'update_session'],
    ])
    expect(first.traceId).not.toBe(second.traceId)
    const ids = (await backend.events()).map(({ session_id }) => session_id)
    const id = '2ed6657d-e927-568b-95e1-2665a8aea6a2'
    expect(ids).toEqual([id, id])
    const updates = (await backend.calls()).filter(({ endpoint }) => endpoint === 'update_session')
    const [began, resumed] = updates.map(({ body }) => body.session as Fields)
    expect(resumed?.init_timestamp).toBe(began?.init_timestamp)
    expect(began?.session_id).toBe(id)
  })

  test('a UUID is taken as it is; two conversations are two sessions', async () => {
    const backend = await v2()
    const agentops = client(options(backend))
    const [one, two] = [crypto.randomUUID(), 'two']
    for (const group of [one, two]) await run(agentops, group)
    const ids = (await backend.events()).map(({ session_id }) => session_id)
    expect(ids[0]).toBe(one)
    expect(ids[1]).not.toBe(one)
    expect((await backend.endpoints()).filter((endpoint) => endpoint === 'create_session')).toHaveLength(2)
  })

  test('one that another isolate has created is resumed', async () => {
    const backend = await v2()
    const group = crypto.randomUUID()
    await post(backend, 'create_session', { session: { session_id: group } })
    await backend.script('create_session', { status: 500 })
    await run(client(options(backend)), group)
    expect((await backend.endpoints()).slice(1)).toEqual([
      ...['create_session', 'reauthorize_jwt', 'create_events', 'update_session'],
    ])
  })
})

describe('0.3.26:tests/unit/test_session.py: without a key', () => {
  test('a session works, and nothing is sent', async () => {
    const agentops = client({ apiKey: '', format: agentopsV2, scope: 'process' })
    expect(agentops.currentSession).toBeUndefined()
    const session = agentops.startSession()
    expect(session.tool('t', () => 1)).toBe(1)
    expect(await session.end('Success')).toEqual({ sent: 0, dropped: 2, spooled: 0, pending: 0 })
  })
})

describe('0.3.26:tests/unit/test_session.py: single session', () => {
  test('two events are one create_events with the session’s jwt, and the end is one update_session', async () => {
    const { backend, agentops, session } = await single()
    agentops.record(given())
    agentops.record(given())
    await agentops.endSession('Success')
    expect(await backend.endpoints()).toEqual(['create_session', 'create_events', 'update_session'])
    const [, events, update] = await backend.calls()
    expect(events?.headers.authorization).toBe(jwtOf(session))
    expect(eventsOf([events as Call]).map(({ event_type }) => event_type)).toEqual([
      'test_event_type',
      'test_event_type',
    ])
    expect(update?.headers.authorization).toBe(jwtOf(session))
    expect(update?.body.session).toMatchObject({ session_id: session.id, end_state: 'Success', tags: [] })
  })

  test('added tags are sent once each, in order, by a request that has the key', async () => {
    const { backend, agentops, session } = await single({ tags: ['GPT-4'] })
    agentops.addTags(['test-tag', 'dupe-tag'])
    agentops.addTags(['dupe-tag'])
    await agentops.endSession('Success')
    expect(session.tags).toEqual(['GPT-4', 'test-tag', 'dupe-tag'])
    expect(await backend.lastSession()).toMatchObject({
      end_state: 'Success',
      tags: ['GPT-4', 'test-tag', 'dupe-tag'],
    })
    expect((await backend.calls()).at(-1)?.headers['x-agentops-api-key']).toBe(KEY)
  })

  test('a session with tags makes three requests: the start, the events, the end', async () => {
    const { backend, agentops } = await single({ tags: ['GPT-4'] })
    agentops.record(given())
    await agentops.endSession('Success')
    expect(await backend.endpoints()).toEqual(['create_session', 'create_events', 'update_session'])
    expect(await backend.lastSession()).toMatchObject({ tags: ['GPT-4'] })
  })

  test('create_session has the id that was given', async () => {
    const backend = await v2()
    const id = crypto.randomUUID()
    await client(options(backend)).startSession({ id }).end('Success')
    const [create] = await backend.calls()
    expect(create?.body.session).toMatchObject({ session_id: id, end_state: 'Indeterminate', end_timestamp: null })
  })

  test.each<[string, (agentops: AgentOps, session: Session) => void]>([
    ['client.addTags', (agentops) => agentops.addTags('wrong-type-tags')],
    ['client.setTags', (agentops) => agentops.setTags('wrong-type-tags')],
    ['session.addTags', (_, session) => session.addTags('wrong-type-tags')],
    ['session.setTags', (_, session) => session.setTags('wrong-type-tags')],
  ])('%s takes a text for a list of one', async (_, tag) => {
    const { backend, agentops, session } = await single()
    tag(agentops, session)
    await session.end('Success')
    expect(await backend.lastSession()).toMatchObject({ tags: ['wrong-type-tags'] })
  })

  test('set tags replace the earlier ones', async () => {
    const { backend, agentops } = await single({ tags: ['old'] })
    agentops.setTags(['new'])
    await agentops.endSession('Success')
    expect(await backend.lastSession()).toMatchObject({ tags: ['new'] })
  })

  test('the default tags of the options are in create_session', async () => {
    const { backend, session } = await single({ tags: ['default-tag'] })
    await session.end('Success')
    const [create] = await backend.calls()
    expect(create?.body.session).toMatchObject({ tags: ['default-tag'] })
  })

  test('the current session is none, the only one, then none of two', async () => {
    const backend = await v2()
    const agentops = client(options(backend, { mode: 'multi' }))
    expect(agentops.currentSession).toBeUndefined()
    const one = agentops.startSession()
    expect(agentops.currentSession).toBe(one)
    agentops.startSession()
    expect(agentops.currentSession).toBeUndefined()
  })

  test('the analytics count one of each type, and name duration and cost', async () => {
    const { session } = await single()
    for (const type of ['llms', 'tools', 'actions', 'errors']) session.record({ eventType: type })
    expect(analyticsOf(session).Cost).toBe('0.00')
    await session.end('Success')
    expect(analyticsOf(session)).toEqual({
      'LLM calls': 1,
      'Tool calls': 1,
      Actions: 1,
      Errors: 1,
      Duration: expect.stringMatching(/^\d+\.\ds$/),
      Cost: '5.000000',
    })
  })

  test.each([
    [0, '0.0s'],
    [3_400, '3.4s'],
    [59_960, '1m 0.0s'],
    [3_723_400, '1h 2m 3.4s'],
    [3_600_000, '1h 0.0s'],
  ])('a session of %i ms lasted %s', async (ms, text) => {
    let now = 1_700_000_000_000
    const { session } = await single({ clock: () => now })
    now += ms
    await session.end('Success')
    expect(analyticsOf(session).Duration).toBe(text)
  })

  test.each([
    ['"0.01"', '0.010000'],
    ['"unknown"', '0.250000'],
    ['null', '0.250000'],
  ])('a token_cost of %s makes it %s: what is no number leaves the model calls’ own costs', async (cost, text) => {
    const { backend, session } = await single()
    await backend.script('update_session', { status: 200, body: `{"status":"success","token_cost":${cost}}` })
    session.record(new LLMEvent({ cost: 0.25 }))
    await session.end('Success')
    expect(analyticsOf(session).Cost).toBe(text)
  })
})

describe('0.3.26:tests/unit/test_session.py: several sessions', () => {
  async function two(): Promise<{ backend: Backend; agentops: AgentOps; one: Session; other: Session }> {
    const backend = await v2()
    const agentops = client(options(backend, { mode: 'multi' }))
    return {
      backend,
      agentops,
      one: agentops.startSession({ tags: ['session-1'] }),
      other: agentops.startSession({ tags: ['session-2'] }),
    }
  }

  test('the active sessions are in the order of their start', async () => {
    const { agentops, one, other } = await two()
    expect(agentops.activeSessions).toEqual([one, other])
    await one.end()
    expect(agentops.activeSessions).toEqual([other])
  })

  test('each has its own create, events, update, jwt, state and tags', async () => {
    const { backend, one, other } = await two()
    one.record(given())
    other.record(given())
    one.addTags('more')
    await one.end('Success')
    await other.end('Fail', 'why')
    expect(await backend.endpoints()).toEqual([
      ...['create_session', 'create_events', 'update_session'],
      ...['create_session', 'create_events', 'update_session'],
    ])
    const calls = await backend.calls()
    const [create1, events1, update1, create2, events2, update2] = calls as [Call, Call, Call, Call, Call, Call]
    expect([create1, create2].map(({ body }) => (body.session as Fields).session_id)).toEqual([one.id, other.id])
    for (const { headers } of [events1, update1]) expect(headers.authorization).toBe(jwtOf(one))
    for (const { headers } of [events2, update2]) expect(headers.authorization).toBe(jwtOf(other))
    expect(eventsOf([events1]).map(({ session_id }) => session_id)).toEqual([one.id])
    expect(eventsOf([events2]).map(({ session_id }) => session_id)).toEqual([other.id])
    expect(update1.body.session).toMatchObject({ end_state: 'Success', tags: ['session-1', 'more'] })
    expect(update2.body.session).toMatchObject({ end_state: 'Fail', end_state_reason: 'why', tags: ['session-2'] })
  })

  test('their analytics are independent', async () => {
    const { one, other } = await two()
    one.record(given('llms'))
    one.record(given('tools'))
    other.record(given('actions'))
    other.record(given('errors'))
    expect(analyticsOf(one)).toMatchObject({ 'LLM calls': 1, 'Tool calls': 1, Actions: 0, Errors: 0 })
    expect(analyticsOf(other)).toMatchObject({ 'LLM calls': 0, 'Tool calls': 0, Actions: 1, Errors: 1 })
  })
})

describe('0.3.26:tests/unit/test_session.py: TestSessionExporter, spans made by hand', () => {
  const ID = '00000000-0000-0000-0000-000000000001'
  const TIME = '2024-01-01T00:00:00.000Z'
  const SESSION = '00000000-0000-4000-8000-00000000000a'

  function span(name: string, attributes: Fields = {}): ReadableSpan {
    const all: Fields = {
      'event.id': ID,
      'event.type': name,
      'event.timestamp': TIME,
      'event.end_timestamp': TIME,
      'event.data': '{"test":"data"}',
      'session.id': SESSION,
      ...attributes,
    }
    const entries = Object.entries(all).filter(([, value]) => value !== undefined)
    const made = new BasicTracerProvider().getTracer('t').startSpan(name, {
      attributes: Object.fromEntries(entries) as Record<string, string>,
    })
    made.end()
    return made as unknown as ReadableSpan
  }

  async function exported(
    spans: ReadableSpan[],
    arrange: (backend: Backend, exporter: SessionExporter) => unknown = () => {},
    more: AgentOpsOptions = {},
  ): Promise<{ result: ExportResult; backend: Backend; event: Fields }> {
    const backend = await v2()
    // Somebody has created the session.
    await post(backend, 'create_session', { session: { session_id: SESSION } })
    const exporter = new SessionExporter({ apiKey: KEY, ...options(backend, more) })
    await arrange(backend, exporter)
    const result = await new Promise<ExportResult>((resolve) => exporter.export(spans, resolve))
    return { result, backend, event: (await backend.events())[0] ?? {} }
  }

  test('a span succeeds, and its event has id, type, times and session', async () => {
    const { result, backend, event } = await exported([span('test_span')])
    expect(result).toEqual({ code: ExportResultCode.SUCCESS })
    expect(event).toMatchObject({
      id: ID,
      event_type: 'test_span',
      init_timestamp: TIME,
      end_timestamp: TIME,
      session_id: SESSION,
      test: 'data',
    })
    // Somebody else's session is neither created nor ended.
    expect(await backend.endpoints()).toEqual(['create_session', 'reauthorize_jwt', 'create_events'])
  })

  test('an action has action_type, params and returns', async () => {
    const data = '{"action_type":"test_action","params":{"param1":"value1"},"returns":"test_return"}'
    const { event } = await exported([span('actions', { 'event.data': data })])
    expect(event).toMatchObject({
      action_type: 'test_action',
      params: { param1: 'value1' },
      returns: 'test_return',
    })
  })

  test('a tool has name, params and returns', async () => {
    const data = '{"name":"test_tool","params":{"param1":"value1"},"returns":"test_return"}'
    const { event } = await exported([span('tools', { 'event.data': data })])
    expect(event).toMatchObject({ name: 'test_tool', params: { param1: 'value1' }, returns: 'test_return' })
  })

  test('an llm call has its prompt, completion, model, tokens and cost, and both times', async () => {
    const data = {
      prompt: [{ role: 'user', content: 'hi' }],
      completion: { role: 'assistant', content: 'yo' },
      model: 'test-model',
      prompt_tokens: 10,
      completion_tokens: 20,
      cost: 0.5,
    }
    const { event } = await exported([span('llms', { 'event.data': JSON.stringify(data) })])
    expect(event).toMatchObject({ ...data, init_timestamp: TIME, end_timestamp: TIME })
  })

  test('a missing end time, or both, become valid ISO times', async () => {
    const { event: ended } = await exported([span('test_span', { 'event.end_timestamp': undefined })])
    expect(ended.init_timestamp).toBe(TIME)
    expect(new Date(String(ended.end_timestamp)).toISOString()).toBe(ended.end_timestamp)
    const times = { 'event.timestamp': undefined, 'event.end_timestamp': undefined }
    const { event } = await exported([span('test_span', times)])
    for (const time of [event.init_timestamp, event.end_timestamp]) {
      expect(new Date(String(time)).toISOString()).toBe(time)
    }
  })

  test('a missing id becomes a UUID', async () => {
    const { event } = await exported([span('test_span', { 'event.id': undefined })])
    expect(event.id).toMatch(UUID)
  })

  test('data that is no JSON object leaves the event its other fields', async () => {
    for (const data of ['{broken', 'null', '7']) {
      const { result, event } = await exported([span('tools', { 'event.data': data })])
      expect(result.code).toBe(ExportResultCode.SUCCESS)
      expect(event).toMatchObject({ id: ID, name: 'unknown_tool', returns: null })
    }
  })

  test('after shutdown, and with an empty list, it succeeds and makes no request', async () => {
    const { result, backend } = await exported([span('test_span')], (_, exporter) => exporter.shutdown())
    expect(result).toEqual({ code: ExportResultCode.SUCCESS })
    expect(await backend.endpoints()).toEqual(['create_session'])
    const empty = await exported([])
    expect(empty.result).toEqual({ code: ExportResultCode.SUCCESS })
    expect(await empty.backend.endpoints()).toEqual(['create_session'])
  })

  test.each([301, 400, 403, 404, 408, 413, 429, 500, 503])('an answer %i is a failure', async (status) => {
    const { result } = await exported([span('test_span')], (backend) => backend.script('create_events', { status }))
    expect(result.code).toBe(ExportResultCode.FAILED)
    expect(result.error?.message).not.toContain(KEY)
  })

  test('a session that nobody has created is a failure', async () => {
    const lost = span('test_span', { 'session.id': crypto.randomUUID() })
    const { result, backend } = await exported([lost])
    expect(result.code).toBe(ExportResultCode.FAILED)
    expect(await backend.events()).toEqual([])
  })

  test('spans of two sessions are two requests, each with its own jwt', async () => {
    const other = crypto.randomUUID()
    const { result, backend } = await exported(
      [span('tools'), span('tools', { 'session.id': other }), span('tools')],
      (backend) => post(backend, 'create_session', { session: { session_id: other } }),
    )
    expect(result.code).toBe(ExportResultCode.SUCCESS)
    const events = (await backend.calls()).filter(isEvents)
    expect(events.map(({ body }) => (body.events as Fields[]).map(({ session_id }) => session_id))).toEqual([
      [SESSION, SESSION],
      [other],
    ])
    expect(events.map(({ headers }) => headers.authorization)).toEqual([
      `Bearer jwt-${SESSION}-2`,
      `Bearer jwt-${other}-2`,
    ])
  })

  test('more than maxExportBytes is split, and no request is larger', async () => {
    const data = (n: number): string => JSON.stringify({ name: `t${n}`, params: 'x'.repeat(800) })
    const spans = Array.from({ length: 10 }, (_, n) => span('tools', { 'event.data': data(n) }))
    const { result, backend } = await exported(spans, undefined, { maxExportBytes: 4000 })
    expect(result.code).toBe(ExportResultCode.SUCCESS)
    const requests = (await backend.received()).filter(({ path }) => path === '/v2/create_events')
    expect(requests).toHaveLength(5)
    for (const { bytes } of requests) expect(bytes).toBeLessThanOrEqual(4000)
    expect((await backend.stored()).map(({ name }) => name)).toEqual([...Array(10).keys()].map((n) => `t${n}`))
  })
})

describe('0.3.26:tests/unit/test_events.py', () => {
  test('an event that took time ends later than it began', async () => {
    const { backend, session } = await single()
    const event = new ActionEvent({ actionType: 'slow' })
    await sleep(30)
    session.record(event)
    await session.end('Success')
    const [{ init_timestamp, end_timestamp }] = (await backend.events()) as [Fields]
    expect(Date.parse(String(end_timestamp))).toBeGreaterThan(Date.parse(String(init_timestamp)))
  })

  test('an error without logs is recorded', async () => {
    const { backend, session } = await single()
    session.record(new ErrorEvent({ errorType: 'SomeError', logs: null }))
    await session.end('Success')
    expect(await backend.events()).toMatchObject([{ event_type: 'errors', error_type: 'SomeError', logs: null }])
  })
})

describe.each(['action', 'tool'] as const)('0.3.26:tests/unit/test_record_%s.py', (kind) => {
  const field = kind === 'action' ? 'action_type' : 'tool_name'
  const run = <T>(session: Session, params: Fields, fn: () => T): T =>
    kind === 'tool' ? session.tool('add', params, fn) : session.action('add', params, fn)
  const add = (session: Session, x: number, y: number): number => run(session, { x, y }, () => x + y)

  test('a name of one’s own, params and a numeric result, faithful', async () => {
    const { backend, session } = await single({ faithful: true })
    expect(add(session, 3, 4)).toBe(7)
    await session.end('Success')
    expect(await backend.events()).toMatchObject([
      { event_type: `${kind}s`, [field]: 'add', name: 'add', params: { x: 3, y: 4 }, returns: 7 },
    ])
  })

  test('the same result as text where the mode is not faithful', async () => {
    const { backend, session } = await single()
    expect(add(session, 3, 4)).toBe(7)
    await session.end('Success')
    expect(await backend.events()).toMatchObject([{ params: { x: 3, y: 4 }, returns: '7' }])
  })

  test('without a name it is unknown', async () => {
    const { backend, session } = await single()
    session.record(kind === 'tool' ? new ToolEvent() : new ActionEvent())
    await session.end('Success')
    const [event] = await backend.events()
    expect(event).toMatchObject({ [field]: `unknown_${kind}`, name: `unknown_${kind}`, returns: null })
    expect(event?.params).toEqual({})
  })

  test('a name that is null stays null', async () => {
    const { backend, session } = await single()
    session.record({ eventType: `${kind}s`, [kind === 'tool' ? 'name' : 'actionType']: null, params: null })
    await session.end('Success')
    expect(await backend.events()).toMatchObject([{ [field]: null, name: null, params: null }])
  })

  test('two calls share a batch, in order, one with a default and one without', async () => {
    const { backend, session } = await single({ faithful: true })
    const withDefault = (x: number, y: number, z = 3): number => run(session, { x, y, z }, () => x + y + z)
    withDefault(1, 2)
    withDefault(1, 2, 4)
    await session.end('Success')
    expect((await backend.calls()).filter(isEvents)).toHaveLength(1)
    expect(await backend.events()).toMatchObject([
      { params: { x: 1, y: 2, z: 3 }, returns: 6 },
      { params: { x: 1, y: 2, z: 4 }, returns: 7 },
    ])
  })

  test('an async call lasts as long as it runs', async () => {
    const { backend, session } = await single({ faithful: true })
    const sum = await run(session, { x: 3, y: 4 }, async () => {
      await sleep(110)
      return 7
    })
    expect(sum).toBe(7)
    await session.end('Success')
    const [event] = (await backend.events()) as [Fields]
    expect(event).toMatchObject({ params: { x: 3, y: 4 }, returns: 7 })
    expect(Date.parse(String(event.end_timestamp)) - Date.parse(String(event.init_timestamp))).toBeGreaterThanOrEqual(
      100,
    )
  })

  test('of several sessions, sync and async, the one that is called has it', async () => {
    const backend = await v2()
    const agentops = client(options(backend, { mode: 'multi', faithful: true }))
    const [one, other] = [agentops.startSession(), agentops.startSession()]
    add(one, 1, 2)
    await run(other, { x: 1, y: 2 }, async () => 3)
    await one.end('Success')
    await other.end('Success')
    const events = (await backend.calls()).filter(isEvents)
    expect(events.map(({ headers }) => headers.authorization)).toEqual([jwtOf(one), jwtOf(other)])
    expect(await backend.events()).toMatchObject([{ returns: 3 }, { returns: 3 }])
  })
})

describe('0.3.26:tests/unit/test_agent.py', () => {
  test('an agent is created before the events that name it, and the nearest one wins', async () => {
    const { backend, session } = await single()
    session.agent('outer', () => {
      session.tool('first', () => 1)
      session.agent('inner', () => session.tool('second', () => 2))
    })
    session.tool('third', () => 3)
    expect(await session.end('Success')).toMatchObject({ sent: 6, dropped: 0 })
    expect(await backend.endpoints()).toEqual([
      ...['create_session', 'create_agent', 'create_agent', 'create_events', 'update_session'],
    ])
    const calls = await backend.calls()
    const agents = calls.filter(({ endpoint }) => endpoint === 'create_agent').map(({ body }) => body)
    expect(agents).toEqual([
      { id: expect.stringMatching(UUID), name: 'outer' },
      { id: expect.stringMatching(UUID), name: 'inner' },
    ])
    const [outer, inner] = agents.map(({ id }) => id)
    const events = Object.fromEntries((await backend.events()).map(({ name, agent_id }) => [name, agent_id]))
    expect(events).toEqual({ first: outer, second: inner, third: null })
  })

  test('an agent opened on the session is created once, with its id and name', async () => {
    const { backend, session } = await single()
    const id = crypto.randomUUID()
    expect(session.createAgent('planner', id)).toBe(id)
    session.tool('a', () => 1)
    await session.flush()
    session.tool('b', () => 1)
    await session.end('Success')
    expect(await backend.endpoints()).toEqual([
      ...['create_session', 'create_agent', 'create_events', 'create_events', 'update_session'],
    ])
    expect((await backend.calls())[1]?.body).toEqual({ id, name: 'planner' })
    expect(await backend.events()).toMatchObject([{ agent_id: id }, { agent_id: id }])
  })

  test('an agent that is refused is said and dropped; its events go without it', async () => {
    const { backend, session } = await single()
    // A name that no id, which is hexadecimal, can contain.
    await backend.script('create_agent', { when: 'rogue', status: 500 }, {})
    session.agent('rogue', () => session.tool('t', () => 1))
    session.agent('good', () => session.tool('u', () => 1))
    expect(await session.flush()).toMatchObject({
      sent: 3,
      dropped: 1,
      pending: 0,
      error: expect.stringMatching('500'),
    })
    expect(drops).toMatchObject([{ spans: 1, reason: 'rejected' }])
    expect(said.join()).toContain('refused an agent')
    expect(await backend.events()).toMatchObject([{ agent_id: null }, { agent_id: expect.stringMatching(UUID) }])
  })
})

describe('0.3.26:tests/unit/test_pre_init.py', () => {
  test('an agent created before any session is sent with the next one', async () => {
    const backend = await v2()
    const agentops = client(options(backend))
    const id = agentops.createAgent('TestAgent')
    expect(await backend.endpoints()).toEqual([])
    const session = agentops.startSession()
    await session.end('Success')
    expect(await backend.endpoints()).toEqual(['create_session', 'create_agent', 'update_session'])
    expect((await backend.calls())[1]).toMatchObject({
      headers: { authorization: jwtOf(session) },
      body: { id, name: 'TestAgent' },
    })
  })
})

describe('0.3.26:tests/unit/test_canary.py', () => {
  test('a flush sends what is recorded, and the session goes on', async () => {
    const { backend, agentops, session } = await single()
    session.record(new ActionEvent({ actionType: 'canary' }))
    expect(await agentops.flush()).toEqual({ sent: 1, dropped: 0, spooled: 0, pending: 0 })
    expect(await backend.endpoints()).toEqual(['create_session', 'create_events'])
    expect(await backend.events()).toMatchObject([{ action_type: 'canary' }])
    expect(session.state).toBe('running')
  })
})

describe('0.3.26:tests/unit/test_decorators.py', () => {
  test('what a call returns is unchanged, and a list is sent as an array', async () => {
    const { backend, session } = await single({ faithful: true })
    const pair = ['a', 1] as const
    expect(session.action('pair', () => pair)).toBe(pair)
    expect(session.tool('pair', () => pair)).toBe(pair)
    expect(await session.tool('async pair', async () => pair)).toBe(pair)
    expect(session.action('nothing', () => undefined)).toBeUndefined()
    await session.end('Success')
    const returns = Object.fromEntries(
      (await backend.events()).map(({ event_type, name, returns }) => [`${event_type} ${name}`, returns]),
    )
    expect(returns).toEqual({
      'tools pair': ['a', 1],
      'tools async pair': ['a', 1],
      'actions pair': ['a', 1],
      'actions nothing': null,
    })
  })

  test('an error is thrown unchanged, recorded once in its own session, and names its call', async () => {
    const backend = await v2()
    const agentops = client(options(backend, { mode: 'multi' }))
    const [one, other] = [agentops.startSession(), agentops.startSession()]
    const error = new TypeError('bad')
    const fail = (): never =>
      one.tool('broken', () => {
        throw error
      })
    expect(fail).toThrow(error)
    await Promise.all([one.end('Fail'), other.end('Success')])
    const events = await backend.events()
    const [tool, failure] = events as [Fields, Fields]
    expect(events).toHaveLength(2)
    expect(tool).toMatchObject({ event_type: 'tools', session_id: one.id })
    expect(failure).toMatchObject({
      event_type: 'errors',
      session_id: one.id,
      error_type: 'TypeError',
      details: 'bad',
      trigger_event_id: tool.id,
      trigger_event_type: 'tools',
    })
  })
})

describe('0.3.26:tests/integration/test_session_concurrency.py', () => {
  test('two flows at once each send their tool with their own session', async () => {
    const backend = await v2()
    const agentops = client(options(backend, { scope: 'async' }))
    const ids = await Promise.all(
      ['a', 'b'].map((name) =>
        agentops.withSession({}, async (session) => {
          await sleep(10)
          session.tool(name, () => name)
          return session.id
        }),
      ),
    )
    const events = Object.fromEntries((await backend.events()).map(({ name, session_id }) => [name, session_id]))
    expect(events).toEqual({ a: ids[0], b: ids[1] })
  })
})

describe('the bodies', () => {
  const times = { initTimestamp: '2026-11-23T15:17:01.860Z', endTimestamp: '2026-11-23T15:17:02.000Z' }
  const common = { init_timestamp: times.initTimestamp, end_timestamp: times.endTimestamp, agent_id: null }

  async function bodyOf(session: Session, backend: Backend): Promise<Fields> {
    expect(await session.end('Success')).toEqual({ sent: 2, dropped: 0, spooled: 0, pending: 0 })
    const [body, ...others] = await backend.events()
    expect(others).toEqual([])
    return body as Fields
  }
  const order = (body: Fields): string => Object.keys(body).join(' ')
  const START = 'id event_type init_timestamp end_timestamp params returns agent_id session_id'

  test('an action', async () => {
    const { backend, session } = await single()
    const id = crypto.randomUUID()
    const data = { params: { x: 1 }, returns: 'ok', logs: 'l', screenshot: 'https://e/x.png' }
    session.record(new ActionEvent({ id, ...times, actionType: 'click', ...data }))
    const body = await bodyOf(session, backend)
    expect(body).toEqual({
      ...{ id, event_type: 'actions', ...common, ...data },
      ...{ session_id: session.id, action_type: 'click', name: 'click' },
    })
    expect(order(body)).toBe(`${START} action_type logs screenshot name`)
  })

  test('a tool, whose result keeps its type in faithful mode', async () => {
    const { backend, session } = await single({ faithful: true })
    const id = crypto.randomUUID()
    const data = { params: { q: 'cats' }, returns: ['a', 'b'] }
    session.record(new ToolEvent({ id, ...times, name: 'search', ...data }))
    const body = await bodyOf(session, backend)
    expect(body).toEqual({
      ...{ id, event_type: 'tools', ...common, ...data },
      ...{ session_id: session.id, name: 'search', logs: null, tool_name: 'search' },
    })
    expect(order(body)).toBe(`${START} name logs tool_name`)
  })

  test('an llm call', async () => {
    const { backend, session } = await single()
    const id = crypto.randomUUID()
    const prompt = [{ role: 'user', content: 'hi' }]
    const completion = { role: 'assistant', content: 'yo' }
    session.record(
      new LLMEvent({ id, ...times, prompt, completion, promptTokens: 3, completionTokens: 2, model: 'gpt-4o' }),
    )
    const body = await bodyOf(session, backend)
    expect(body).toEqual({
      ...{ id, event_type: 'llms', ...common, params: null, returns: null, session_id: session.id },
      ...{ thread_id: null, prompt, prompt_tokens: 3, completion, completion_tokens: 2, cost: null, model: 'gpt-4o' },
    })
    expect(order(body)).toBe(`${START} thread_id prompt prompt_tokens completion completion_tokens cost model`)
  })

  test('an error, with the three fields that the backend reads and later Python SDKs left out', async () => {
    const { backend, session } = await single()
    const id = crypto.randomUUID()
    session.record(new ErrorEvent({ id, ...times, errorType: 'ValueError', details: 'boom', logs: 'Traceback …' }))
    const body = await bodyOf(session, backend)
    expect(body).toEqual({
      ...{ id, event_type: 'errors', ...common, params: null, returns: null, session_id: session.id },
      ...{ trigger_event: null, exception: null, error_type: 'ValueError', code: null },
      ...{ details: 'boom', logs: 'Traceback …' },
      ...{ timestamp: times.initTimestamp, trigger_event_id: null, trigger_event_type: null },
    })
    expect(order(body)).toBe(
      `${START} trigger_event exception error_type code details logs timestamp trigger_event_id trigger_event_type`,
    )
  })

  test('an error that names its trigger has its id and type, unless the database has no such type', async () => {
    const { backend, session } = await single()
    const tool = new ToolEvent({ name: 't' })
    session.record(tool)
    session.record(new ErrorEvent({ exception: new RangeError('r'), triggerEvent: tool }))
    session.agent('a', () => session.recordError('text'))
    const custom = { eventType: 'custom', id: crypto.randomUUID() } as unknown as ToolEvent
    session.record(new ErrorEvent({ triggerEvent: custom }))
    await session.end('Success')
    const errors = (await backend.events()).filter(({ event_type }) => event_type === 'errors')
    expect(errors).toMatchObject([
      { trigger_event_id: tool.id, trigger_event_type: 'tools', error_type: 'RangeError', details: 'r' },
      { trigger_event_id: null, trigger_event_type: null, error_type: 'string', details: 'text' },
      { trigger_event_id: custom.id, trigger_event_type: null },
    ])
    expect(errors[0]?.logs).toContain('RangeError: r')
  })

  test('create_session and update_session have every field, those of the update filled in', async () => {
    const { backend, session } = await single({ tags: ['a'] })
    session.setTags('b')
    await session.end('Fail', 'because')
    const [create, update] = (await backend.calls()).map(({ body }) => body.session as Fields) as [Fields, Fields]
    const { init_timestamp, end_timestamp } = update
    expect(new Date(String(init_timestamp)).toISOString()).toBe(init_timestamp)
    expect(Date.parse(String(end_timestamp))).toBeGreaterThanOrEqual(Date.parse(String(init_timestamp)))
    const body = { session_id: session.id, init_timestamp, tags: ['b'], video: null, host_env: null }
    expect(create).toEqual({ ...body, end_timestamp: null, end_state: 'Indeterminate', end_state_reason: null })
    expect(update).toEqual({ ...body, end_timestamp, end_state: 'Fail', end_state_reason: 'because' })
  })

  test('values that JSON has no form for are named, and the event is stored', async () => {
    const { backend, session } = await single({ faithful: true })
    const circular: Fields = { n: 10n, f: () => 1, nan: Number.NaN, symbol: Symbol('s') }
    circular.self = circular
    Object.defineProperty(circular, 'bad', {
      enumerable: true,
      get() {
        throw new Error('getter')
      },
    })
    session.tool('t', circular, () => new Map([['k', 1]]))
    await session.end('Success')
    expect(await backend.stored()).toMatchObject([
      {
        params: {
          n: '10',
          f: '[function f]',
          self: '[circular]',
          bad: '[threw: getter]',
          nan: 'NaN',
          symbol: 'Symbol(s)',
        },
        returns: { k: 1 },
      },
    ])
  })
})

describe('the headers', () => {
  test('each endpoint has the key, and all but the first the jwt', async () => {
    const { backend, session } = await single({
      parentKey: 'parent-key',
      headers: { 'x-team': 'a', Authorization: 'x' },
    })
    session.createAgent('a')
    session.tool('t', () => 1)
    await session.end('Success')
    const calls = await backend.calls()
    expect(calls).toHaveLength(4)
    for (const { endpoint, headers } of calls) {
      const isFirst = endpoint === 'create_session'
      expect(headers, endpoint).toMatchObject({
        'content-type': 'application/json; charset=UTF-8',
        accept: '*/*',
        'x-agentops-api-key': KEY,
        'x-team': 'a',
      })
      expect(headers.authorization, endpoint).toBe(isFirst ? undefined : jwtOf(session))
      expect(headers['x-agentops-parent-key'], endpoint).toBe(isFirst ? 'parent-key' : undefined)
    }
  })
})

describe('the order of requests', () => {
  test('session, agent, one request for each type, update', async () => {
    const { backend, session } = await single()
    session.createAgent('a')
    session.action('act', () => 1)
    session.tool('t', () => 1)
    session.record(given('custom'))
    session.llm('m', () => 1)
    session.recordError(new Error('e'))
    session.action('act again', () => 1)
    expect(await session.end('Success')).toEqual({ sent: 7, dropped: 0, spooled: 0, pending: 0 })
    expect(await backend.endpoints()).toEqual([
      ...['create_session', 'create_agent'],
      ...Array(5).fill('create_events'),
      'update_session',
    ])
    const types = (await backend.calls())
      .filter(isEvents)
      .map(({ body }) => (body.events as Fields[]).map(({ event_type }) => event_type))
    // What today's backend refuses comes last.
    expect(types).toEqual([['llms'], ['tools'], ['errors'], ['actions', 'actions'], ['custom']])
  })
})

describe('a session that is there already', () => {
  test('is resumed where create_session answers 500', async () => {
    const backend = await v2()
    const id = crypto.randomUUID()
    await post(backend, 'create_session', { session: { session_id: id } })
    const session = client(options(backend)).startSession({ id })
    session.tool('t', () => 1)
    expect(await session.end('Success')).toMatchObject({ sent: 2, dropped: 0 })
    const [, ...calls] = await backend.calls()
    expect(calls.map(({ endpoint, answered }) => `${endpoint} ${answered}`)).toEqual([
      'create_session 500',
      'reauthorize_jwt 200',
      'create_events 200',
      'update_session 200',
    ])
    expect(calls[1]).toMatchObject({ body: { session_id: id }, headers: { 'x-agentops-api-key': KEY } })
    expect(calls[1]?.headers.authorization).toBeUndefined()
    expect(calls[2]?.headers.authorization).toBe(jwtOf(session, 2))
  })

  test('is resumed where the answer to create_session was lost on the way', async () => {
    const { backend, session } = await single({ retryAttempts: 1 })
    await post(backend, 'create_session', { session: { session_id: session.id } })
    // What a gateway says of a request that the backend took.
    await backend.script('create_session', { status: 503 }, {})
    expect(await session.end('Success')).toMatchObject({ sent: 1, dropped: 0 })
    expect((await backend.endpoints()).slice(1)).toEqual([
      ...['create_session', 'create_session', 'reauthorize_jwt', 'update_session'],
    ])
  })

  test('a 500 that has another cause drops what there is, and says so', async () => {
    const { backend, session } = await single()
    await backend.script('create_session', { status: 500 })
    session.tool('t', () => 1)
    expect(await session.end('Success')).toMatchObject({
      sent: 0,
      dropped: 2,
      error: expect.stringContaining('answered 500'),
    })
    expect(await backend.endpoints()).toEqual(['create_session', 'reauthorize_jwt'])
  })

  test('an answer without a jwt is no session', async () => {
    const { backend, session } = await single()
    await backend.script('create_session', { status: 200, body: '{"status":"Success"}' })
    session.tool('t', () => 1)
    expect(await session.end('Success')).toMatchObject({ dropped: 2, error: 'AgentOps v2 answered without a jwt' })
    expect(await backend.endpoints()).toEqual(['create_session'])
  })
})

describe('what upstream never tested: a jwt that has expired', () => {
  test('it is renewed once and the request sent again, at a flush and at the end', async () => {
    const { backend, session } = await single()
    session.tool('a', () => 1)
    await session.flush()
    await post(backend, '_expire', { session_id: session.id })
    session.tool('b', () => 1)
    await session.flush()
    await post(backend, '_expire', { session_id: session.id })
    expect(await session.end('Success')).toEqual({ sent: 3, dropped: 0, spooled: 0, pending: 0 })
    const calls = await backend.calls()
    expect(calls.map(({ endpoint, answered }) => `${endpoint} ${answered}`)).toEqual([
      ...['create_session 200', 'create_events 200'],
      ...['create_events 401', 'reauthorize_jwt 200', 'create_events 200'],
      ...['update_session 401', 'reauthorize_jwt 200', 'update_session 200'],
    ])
    expect(calls.at(-1)?.headers.authorization).toBe(jwtOf(session, 3))
    expect(await backend.stored()).toMatchObject([{ name: 'a' }, { name: 'b' }])
  })

  test('401 for ever is asked twice, and the events are dropped', async () => {
    const { backend, session } = await single()
    await backend.script('create_events', { status: 401 })
    session.tool('t', () => 1)
    session.tool('u', () => 1)
    expect(await session.end('Success')).toMatchObject({ sent: 1, dropped: 2, error: expect.stringContaining('401') })
    expect(await backend.endpoints()).toEqual([
      ...['create_session', 'create_events', 'reauthorize_jwt', 'create_events', 'update_session'],
    ])
  })

  test('a renewal that is refused is not taken for a bad event', async () => {
    const { backend, session } = await single()
    for (let n = 0; n < 8; n++) session.tool('t', () => n)
    await backend.script('create_events', { status: 401 })
    await backend.script('reauthorize_jwt', { status: 500 })
    expect(await session.end('Success')).toMatchObject({ sent: 1, dropped: 8 })
    expect(await backend.endpoints()).toEqual(['create_session', 'create_events', 'reauthorize_jwt', 'update_session'])
  })
})

describe('what upstream never tested: the end', () => {
  test('a second end changes nothing and resolves to the first one’s report', async () => {
    const { backend, session } = await single()
    session.tool('t', () => 1)
    const first = await session.end('Success')
    expect(await session.end('Fail', 'late')).toEqual(first)
    expect(await backend.endpoints()).toEqual(['create_session', 'create_events', 'update_session'])
    expect(await backend.lastSession()).toMatchObject({ end_state: 'Success', end_state_reason: null })
  })

  test('an invalid end state is said and leaves the session running', async () => {
    const { backend, session } = await single()
    const { error } = await session.end('Bogus' as EndState)
    expect(error).toContain('still running')
    expect(said.join()).toContain('end state: expected Success, Fail, Indeterminate')
    expect(session.state).toBe('running')
    expect(await backend.endpoints()).toEqual([])
    session.tool('t', () => 1)
    expect(await session.end('Success')).toMatchObject({ sent: 2, dropped: 0 })
    expect(await backend.lastSession()).toMatchObject({ end_state: 'Success' })
  })

  test('an update that is refused is counted as the root’s loss', async () => {
    const { backend, session } = await single()
    await backend.script('update_session', { status: 400 })
    session.tool('t', () => 1)
    expect(await session.end('Success')).toMatchObject({ sent: 1, dropped: 1, error: expect.stringContaining('400') })
  })
})

describe('what upstream never tested: faults', () => {
  test.each<[string, Answer, string]>([
    ['400', { status: 400 }, '400'],
    ['a key that is refused', { status: 403 }, 'check the API key'],
    ['503', { status: 503 }, '503'],
    ['a connection that breaks', { reset: 'after' }, 'could not be reached'],
  ])('%s at create_session: everything is dropped, nothing is thrown', async (_, answer, error) => {
    const { backend, session } = await single()
    await backend.script('create_session', answer)
    session.tool('t', () => 1)
    expect(await session.end('Success')).toMatchObject({ sent: 0, dropped: 2, error: expect.stringContaining(error) })
    expect(await backend.events()).toEqual([])
  })

  test('what a flush could not send stays for the next one', async () => {
    const { backend, session } = await single()
    await backend.script('create_events', { status: 503 }, {})
    session.tool('a', () => 1)
    expect(await session.flush()).toMatchObject({ sent: 0, dropped: 0, pending: 1 })
    session.tool('b', () => 1)
    expect(await session.end('Success')).toEqual({ sent: 3, dropped: 0, spooled: 0, pending: 0 })
    expect(await backend.stored()).toMatchObject([{ name: 'a' }, { name: 'b' }])
    expect((await backend.endpoints()).filter((endpoint) => endpoint === 'create_session')).toHaveLength(1)
  })

  test('a full queue drops what comes, and the session still ends', async () => {
    const { backend, session } = await single({ maxQueueSize: 3, maxExportBatchSize: 3 })
    for (let n = 0; n < 10; n++) session.tool(`t${n}`, () => n)
    const report = await session.end('Success')
    // Three are on their way when the queue fills again; then the root takes the place of one.
    expect(report).toMatchObject({ sent: 6, dropped: 5 })
    expect(drops.every(({ reason }) => reason === 'queue-full')).toBe(true)
    expect(await backend.lastSession()).toMatchObject({ end_state: 'Success' })
  })

  test('maxRequests holds, and the last request is the update', async () => {
    const backend = await strictV2()
    const agentops = client(options(backend, { maxRequests: 4 }))
    const session = agentops.startSession()
    for (let n = 0; n < 20; n++) session.action(`a${n}`, () => n)
    session.tool('t', () => 1)
    expect(await session.end('Success')).toMatchObject({ sent: 2, dropped: 20 })
    expect(await backend.endpoints()).toEqual([
      ...['create_session', 'create_events', 'create_events', 'update_session'],
    ])
    expect(await backend.stored()).toMatchObject([{ name: 't' }])
    expect(drops).toMatchObject([{ reason: 'request-limit' }])
  })

  test('a limit that is used up before the agents still lets the session end', async () => {
    const { backend, session } = await single({ maxRequests: 2 })
    session.createAgent('a')
    session.tool('t', () => 1)
    expect(await session.end('Success')).toMatchObject({ sent: 1, dropped: 1 })
    expect(await backend.endpoints()).toEqual(['create_session', 'update_session'])
  })
})

describe('a backend as strict as today’s', () => {
  test('a session of tools, model calls and errors is stored completely, whatever they return', async () => {
    const backend = await strictV2()
    const session = client(options(backend)).startSession()
    const values = [['a', 'b'], 7, true, { deep: { er: 1 } }, 'text', null, undefined, new Map([['k', [1]]])]
    for (const value of values) session.tool('t', () => value)
    session.record(new ToolEvent({ name: 'logged', logs: { level: 'info' } }))
    session.llm('gpt-4o', () => ({ id: 1 }))
    session.record(new ErrorEvent({ errorType: 'E', details: { code: 7 }, logs: ['a'] }))
    session.recordError(new Error('boom'))
    expect(await session.end('Success')).toEqual({ sent: 13, dropped: 0, spooled: 0, pending: 0 })
    const stored = await backend.stored()
    const tools = stored.filter(({ event_type }) => event_type === 'tools')
    expect(tools.map(({ returns }) => returns)).toEqual([
      ...['["a","b"]', '7', 'true', { deep: { er: 1 } }, 'text', null, null, { k: [1] }],
      null,
    ])
    expect(tools.at(-1)?.logs).toBe('{"level":"info"}')
    expect(stored.filter(({ event_type }) => event_type === 'errors')).toMatchObject([
      { details: '{"code":7}', logs: '["a"]' },
      { details: 'boom' },
    ])
    expect((await backend.calls()).every(({ answered }) => answered === 200)).toBe(true)
  })

  test('its refusal of actions costs nothing else, even where they came first and requests are few', async () => {
    const backend = await strictV2()
    const session = client(options(backend, { maxRequests: 12 })).startSession()
    for (let n = 0; n < 5; n++) session.action(`a${n}`, () => n)
    session.tool('t', () => [1])
    session.llm('m', () => 'x')
    session.recordError(new Error('e'))
    expect(await session.end('Success')).toMatchObject({ sent: 4, dropped: 5 })
    expect(drops.reduce((sum, { spans }) => sum + spans, 0)).toBe(5)
    expect((await backend.stored()).map(({ event_type }) => event_type)).toEqual(['llms', 'tools', 'errors'])
    expect(await backend.lastSession()).toMatchObject({ end_state: 'Success' })
  })

  test('where requests are many, 200 actions are given up after few of them', async () => {
    const backend = await strictV2()
    const session = client(options(backend, { maxRequests: 1000 })).startSession()
    for (let n = 0; n < 200; n++) session.action(`a${n}`, () => n)
    session.tool('t', () => 1)
    expect(await session.end('Success')).toMatchObject({
      sent: 2,
      dropped: 200,
      error: expect.stringContaining('answered 500'),
    })
    expect((await backend.calls()).length).toBeLessThan(60)
  })

  const SHAPES: [what: string, record: (session: Session) => void, taken: Fields][] = [
    ['params that are a list', (session) => session.tool('bad', ['a', 1], () => 1), { params: '["a",1]' }],
    ['params that are a number', (session) => session.tool('bad', 7, () => 1), { params: '7' }],
    ['params that are a boolean', (session) => session.tool('bad', false, () => 1), { params: 'false' }],
    ['a result that is a list', (session) => session.tool('bad', () => ['a']), { returns: '["a"]' }],
    [
      'an error with a code that is a number',
      (session) => session.record(new ErrorEvent({ errorType: 'bad', code: 404 as unknown as string })),
      { code: '404' },
    ],
    [
      'an error with details',
      (session) => session.record(new ErrorEvent({ errorType: 'bad', details: { a: 1 } })),
      { details: '{"a":1}' },
    ],
    [
      'a thread that is no UUID',
      (session) => session.record(new LLMEvent({ model: 'bad', threadId: 'thread 7' })),
      { thread_id: 'bde263b7-d7eb-58cb-b6b2-78a73f028828' },
    ],
    ['a cost that is text', (session) => session.record(new LLMEvent({ model: 'bad', cost: '0.25' })), { cost: 0.25 }],
    [
      'a cost that is no number',
      (session) => session.record(new LLMEvent({ model: 'bad', cost: 'much' })),
      { cost: null },
    ],
  ]
  /** Beside others of its type, before and after. */
  const among = (session: Session, record: (session: Session) => void): void => {
    const others = (): void => {
      session.tool('good', { a: 1 }, () => 'x')
      session.llm('good', () => 'x')
      session.record(new ErrorEvent({ errorType: 'good', code: 'E', details: 'd' }))
    }
    others()
    record(session)
    others()
  }
  const isBad = ({ name, model, error_type }: Fields): boolean => [name, model, error_type].includes('bad')

  test.each(SHAPES)('%s: it is sent in the shape that is taken', async (_, record, taken) => {
    const backend = await strictV2()
    const session = client(options(backend)).startSession()
    among(session, record)
    expect(await session.end('Success')).toEqual({ sent: 8, dropped: 0, spooled: 0, pending: 0 })
    expect((await backend.stored()).filter(isBad)).toMatchObject([taken])
    expect(await backend.stored()).toHaveLength(7)
    expect((await backend.calls()).filter(isEvents)).toHaveLength(3)
  })

  test.each(SHAPES)('%s, faithful: it is refused alone, and nothing is there twice', async (_, record) => {
    const backend = await strictV2()
    const session = client(options(backend, { faithful: true })).startSession()
    among(session, record)
    const report = await session.end('Success')
    const refused = (await backend.events()).filter(isBad)
    const stored = await backend.stored()
    expect(report).toMatchObject({ sent: 7, dropped: 1, error: expect.stringContaining('answered 500') })
    expect(refused).toHaveLength(1)
    expect(stored).toHaveLength(6)
    expect(new Set(stored.map(({ id }) => id)).size).toBe(6)
  })

  test('many that it refuses are given up after two requests; one that it takes all the same is searched', async () => {
    const strict = await strictV2()
    const session = client(options(strict, { faithful: true, maxRequests: 1000 })).startSession()
    for (let n = 0; n < 40; n++) {
      session.tool('t', [n], () => 'x')
      session.action('a', () => n)
      session.record(given('custom'))
    }
    session.tool('t', () => 'x')
    expect(await session.end('Success')).toMatchObject({ sent: 2, dropped: 120 })
    expect((await strict.calls()).filter(isEvents)).toHaveLength(7)
    expect(await strict.stored()).toHaveLength(1)

    const lenient = await v2()
    await lenient.script('create_events', { when: 'poison', status: 500 }, {})
    const other = client(options(lenient, { maxRequests: 1000 })).startSession()
    for (let n = 0; n < 40; n++) other.action(n === 39 ? 'poison' : `a${n}`, () => n)
    expect(await other.end('Success')).toMatchObject({ sent: 40, dropped: 1 })
  })

  test('a thread keeps its name: the same text is the same thread', async () => {
    const backend = await strictV2()
    const session = client(options(backend)).startSession()
    for (const threadId of ['a', 'b', 'a']) session.record(new LLMEvent({ threadId }))
    await session.end('Success')
    const [a, b, again] = (await backend.stored()).map(({ thread_id }) => thread_id)
    expect(a).toBe(again)
    expect(a).not.toBe(b)
    expect(a).toMatch(UUID)
  })
})

describe('spans that are no events', () => {
  test('a library’s span is dropped and counted, and the error says why', async () => {
    const { backend, session } = await single()
    session.tracer.startSpan('x').end()
    session.tool('t', () => 1)
    const report = await session.end('Success')
    expect(report).toMatchObject({ sent: 2, dropped: 1, error: expect.stringContaining('knows events only') })
    expect(drops).toMatchObject([{ spans: 1, reason: 'rejected' }])
    expect(await backend.endpoints()).toEqual(['create_session', 'create_events', 'update_session'])
    expect(await backend.events()).toMatchObject([{ name: 't' }])
  })

  test('a flush that has nothing else makes no request', async () => {
    const { backend, session } = await single()
    session.tracer.startSpan('x').end()
    expect(await session.flush()).toMatchObject({ sent: 0, dropped: 1, pending: 0 })
    expect(await backend.endpoints()).toEqual([])
  })
})

describe('several destinations', () => {
  test('two v2 backends each get the whole session', async () => {
    const [one, other] = [await v2(), await v2()]
    // So that they are not in step: what one was sent is nothing to the other.
    await other.script('create_session', { delayMs: 100 })
    const second = { apiKey: KEY, apiEndpoint: other.url, format: agentopsV2 }
    const session = client(options(one, { exporters: [second], maxRequests: 50 }), 2).startSession()
    session.agent('a', () => session.tool('t', () => 1))
    expect(await session.end('Success')).toEqual({ sent: 6, dropped: 0, spooled: 0, pending: 0 })
    for (const backend of [one, other]) {
      expect(await backend.endpoints()).toEqual([
        ...['create_session', 'create_agent', 'create_events', 'update_session'],
      ])
    }
  })
})

describe('a spool', () => {
  async function drain(backend: Backend, messages: readonly unknown[]): Promise<unknown> {
    const retry = (): never => {
      throw new Error('it was not sent')
    }
    const queue = { messages: messages.map((body) => ({ body, attempts: 1, ack() {}, retry })) }
    return drainSpool(queue, { apiKey: KEY, ...options(backend) })
  }

  test('takes a session that never reached the backend, and later the backend has all of it', async () => {
    const messages: unknown[] = []
    const { backend, session } = await single({
      spool: queueSpool({ send: async (message: unknown) => void messages.push(message) }),
    })
    await backend.script('create_session', { status: 503 }, {})
    session.agent('a', () => session.tool('t', { x: 1 }, () => 7))
    session.recordError(new Error('boom'))
    expect(await session.end('Fail', 'why')).toMatchObject({ sent: 0, dropped: 0, spooled: 4 })
    expect(JSON.stringify(messages.map((message) => atob((message as { body: string }).body)))).not.toContain(KEY)
    expect(await drain(backend, messages)).toEqual({ sent: 4, dropped: 0, spooled: 0, pending: 0 })
    expect((await backend.endpoints()).slice(1)).toEqual([
      ...['create_session', 'create_agent', 'create_events', 'create_events', 'update_session'],
    ])
    const stored = await backend.stored()
    expect(stored).toMatchObject([
      { event_type: 'tools', params: { x: 1 }, returns: '7', agent_id: expect.stringMatching(UUID) },
      { event_type: 'errors', details: 'boom' },
    ])
    expect(await backend.lastSession()).toMatchObject({
      session_id: session.id,
      end_state: 'Fail',
      end_state_reason: 'why',
    })
  })

  test('takes the rest of a session: it is resumed, and its agents are not created again', async () => {
    const messages: unknown[] = []
    const { backend, session } = await single({
      spool: queueSpool({ send: async (message: unknown) => void messages.push(message) }),
    })
    const agent = session.createAgent('a')
    session.tool('early', () => 1)
    await session.flush()
    await backend.script('create_events', { status: 503 }, {})
    session.tool('late', () => 2)
    expect(await session.end('Success')).toMatchObject({ sent: 1, spooled: 2, dropped: 0 })
    expect(await drain(backend, messages)).toEqual({ sent: 2, dropped: 0, spooled: 0, pending: 0 })
    expect((await backend.endpoints()).slice(-3)).toEqual(['reauthorize_jwt', 'create_events', 'update_session'])
    expect(await backend.stored()).toMatchObject([
      { name: 'early', agent_id: agent },
      { name: 'late', agent_id: agent },
    ])
  })

  test('of a thousand agents those are kept that its events name: each costs the consumer a request', async () => {
    const batches: SpooledBatch[] = []
    const { backend, session } = await single({
      compression: 'none',
      spool: spoolTo({ put: (batch) => void batches.push(batch) }),
    })
    await backend.script('create_session', { status: 503 })
    for (let n = 0; n < 1000; n++) session.createAgent(`a${n}`)
    session.tool('t', () => 1)
    await session.end('Success')
    const { agents } = JSON.parse(new TextDecoder().decode(batches[0]?.body))
    expect(agents).toMatchObject([[expect.stringMatching(UUID), 'a999']])
  })

  test('a spooled body has the plan and nothing of the library’s objects', async () => {
    const batches: SpooledBatch[] = []
    const { backend, session } = await single({
      compression: 'none',
      spool: spoolTo({ put: (batch) => void batches.push(batch) }),
    })
    await backend.script('create_session', { status: 503 })
    session.tool('t', () => 1)
    await session.end('Success')
    expect(batches).toMatchObject([{ format: 'agentops-v2', spans: 2, url: new URL(backend.url).href }])
    const plan = JSON.parse(new TextDecoder().decode(batches[0]?.body))
    expect(Object.keys(plan)).toEqual(['session', 'resume', 'agents', 'known', 'items'])
    expect(plan.items).toMatchObject([{ event: { name: 't' } }, { update: { end_state: 'Success' } }])
  })
})

describe('intended differences from the Python SDK', () => {
  test('(1) nothing is sent before the session’s end or a flush, however long it takes', async () => {
    const { backend, session } = await single({ exportIntervalMs: 5 })
    session.createAgent('a')
    for (let n = 0; n < 5; n++) session.tool(`t${n}`, () => n)
    session.addTags('x')
    await sleep(150)
    expect(await backend.endpoints()).toEqual([])
    expect(await session.end('Success')).toMatchObject({ sent: 6 })
    expect(await backend.endpoints()).toEqual(['create_session', 'create_agent', 'create_events', 'update_session'])
  })

  test('(2) changes of tags are no requests of their own: the last update_session has them', async () => {
    const { backend, session } = await single()
    session.addTags(['a'])
    await session.flush()
    session.addTags(['b'])
    session.setTags(['c'])
    session.addTags(['d'])
    await session.end('Success')
    expect(await backend.endpoints()).toEqual(['create_session', 'update_session'])
    expect(await backend.lastSession()).toMatchObject({ tags: ['c', 'd'] })
  })

  test('(3) what is ambiguous among several sessions warns, does nothing, and does not throw', async () => {
    const backend = await v2()
    const agentops = client(options(backend, { mode: 'multi' }))
    const [one, other] = [agentops.startSession(), agentops.startSession()]
    agentops.record(new ToolEvent({ name: 'lost' }))
    agentops.addTags('lost')
    agentops.setTags('lost')
    expect(agentops.createAgent('lost')).toBeUndefined()
    expect(await agentops.endSession('Success')).toBeUndefined()
    for (const call of ['record', 'addTags', 'setTags', 'createAgent', 'endSession']) {
      expect(said.join('\n')).toContain(`${call}: several sessions are active here, so nothing was done`)
    }
    expect([one.state, other.state]).toEqual(['running', 'running'])
    await Promise.all([one.end(), other.end()])
    expect(await backend.events()).toEqual([])
  })

  test('(4) what is recorded after the end is dropped over v2, counted, and the error says why', async () => {
    const { backend, session } = await single()
    session.tool('t', () => 1)
    await session.end('Success')
    session.record(new ToolEvent({ name: 'late' }))
    expect(await session.flush()).toMatchObject({
      sent: 2,
      dropped: 1,
      error: expect.stringContaining('nothing after update_session'),
    })
    expect(drops).toMatchObject([{ spans: 1, reason: 'rejected' }])
    expect(await backend.endpoints()).toEqual(['create_session', 'create_events', 'update_session'])
  })

  test('(4) what is recorded after the end is exported over OTLP', async () => {
    const backend = await v2()
    const session = client({ endpoint: `${backend.url}/v1/traces`, apiEndpoint: backend.url }).startSession()
    session.tool('t', () => 1)
    await session.end('Success')
    session.record(new ToolEvent({ name: 'late' }))
    expect(await session.flush()).toEqual({ sent: 3, dropped: 0, spooled: 0, pending: 0 })
    const names = (await backend.spans()).map(({ spans }) => spans.map(({ name }) => name))
    expect(names).toEqual([['agent.session', 't.tool'], ['late.tool']])
  })
})

test('a client of this format makes no request and says nothing while it is made', async () => {
  const backend = await v2()
  createAgentOps({ apiKey: KEY, ...options(backend) })
  expect(await backend.endpoints()).toEqual([])
  expect(said).toEqual([])
})
