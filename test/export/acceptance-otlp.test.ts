/**
 * What the tests of AgentOps' present Python SDK (0.4) demand of its exporter and attributes, where this library has
 * such a thing, over OTLP with a key.
 */
import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import { BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { describe, expect, test } from 'vitest'
import { type AgentOpsOptions, type EndState, type Session, SessionExporter } from '../../src/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'
import type { Answer, Received } from '../support/scripted.ts'
import { type Scripted, script, scripted } from '../support/scripted-client.ts'
import { KEY, watched } from '../support/watched.ts'

const { said, drops, client } = watched()

const toAgentOps = ({ url }: Scripted, more: AgentOpsOptions = {}): AgentOpsOptions => ({
  endpoint: `${url}/v1/traces`,
  apiEndpoint: url,
  retryAttempts: 0,
  ...more,
})

const makeSpan = (): ReadableSpan => {
  const span = new BasicTracerProvider().getTracer('t').startSpan('s')
  span.end()
  return span as unknown as ReadableSpan
}

/** Exports as any OpenTelemetry SDK would; an exception would be the test's failure. */
function run(options: AgentOpsOptions, spans: ReadableSpan[] = [makeSpan()]): Promise<ExportResult> {
  const exporter = new SessionExporter({ apiKey: KEY, ...options })
  return new Promise((resolve) => exporter.export(spans, resolve))
}

const traces = async (backend: Scripted): Promise<Received[]> =>
  (await backend.received()).filter(({ path }) => path === '/v1/traces')

describe('HEAD:tests/unit/sdk/test_exporters.py', () => {
  test('spans that the backend takes are a success', async () => {
    const backend = await scripted()
    expect(await run(toAgentOps(backend))).toEqual({ code: ExportResultCode.SUCCESS })
    expect((await traces(backend)).map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1'])
  })

  test('an empty list is a success without a request', async () => {
    const backend = await scripted()
    expect(await run(toAgentOps(backend), [])).toEqual({ code: ExportResultCode.SUCCESS })
    expect(await backend.received()).toEqual([])
  })

  test('a token that has expired is fetched anew, once, and the export is a success', async () => {
    const backend = await scripted({ status: 401 }, {})
    expect(await run(toAgentOps(backend))).toEqual({ code: ExportResultCode.SUCCESS })
    expect((await traces(backend)).map(({ headers }) => headers.authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-2',
    ])
  })

  test.each<[string, Answer, AgentOpsOptions, string]>([
    ['a token that has expired, and its successor too', { status: 401 }, {}, '401: check the API key'],
    ['a plan that does not allow it', { status: 403 }, {}, '403: check the API key'],
    ['an error of the server', { status: 500 }, {}, 'answered 500'],
    ['a server that is not there for now', { status: 503 }, {}, 'answered 503'],
    ['a network that breaks', { reset: 'after' }, {}, 'could not be reached'],
    ['a server that is too slow', { hang: true }, { exportTimeoutMs: 100 }, 'did not answer in time'],
    [
      'something unexpected',
      {},
      {
        fetch: () => {
          throw new RangeError('unexpected')
        },
      },
      'could not be reached (RangeError)',
    ],
  ])('%s is a failure, never an exception', async (_, answer, more, error) => {
    const backend = await scripted(answer)
    const result = await run(toAgentOps(backend, more))
    expect(result.code).toBe(ExportResultCode.FAILED)
    expect(result.error?.message).toContain(error)
    expect(result.error?.message).not.toContain(KEY)
  })

  test('a failure is said once, however many sessions it costs', async () => {
    const backend = await scripted({ status: 500 })
    const agentops = client({ ...toAgentOps(backend), mode: 'multi', retryAttempts: 0 })
    for (let n = 0; n < 3; n++) {
      const session = agentops.startSession()
      session.tool('t', () => n)
      expect(await session.end('Success')).toMatchObject({ sent: 0, dropped: 2, error: expect.stringContaining('500') })
    }
    expect(said).toHaveLength(1)
    expect(said[0]).toContain('spans were lost (undelivered)')
    expect(drops).toHaveLength(3)
  })

  test.each([
    'Authorization',
    'content-type',
    'User-Agent',
    'x-api-key',
    'api-key',
    'bearer',
    'X-Auth-Token',
    'x-session-token',
  ])('the header %s is protected, and a custom one beside it is kept', async (name) => {
    const backend = await scripted()
    await run(toAgentOps(backend, { headers: { [name]: 'overridden', 'X-Custom': 'kept' } }))
    const [request] = await traces(backend)
    expect(request?.headers).toMatchObject({
      authorization: 'Bearer token-1',
      'content-type': 'application/json',
      'x-custom': 'kept',
    })
    expect(Object.values(request?.headers ?? {})).not.toContain('overridden')
    expect(said.join()).toContain(`"${name}" is reserved`)
  })

  test.each<[AgentOpsOptions['compression'], string | undefined]>([
    ['gzip', 'gzip'],
    ['none', undefined],
  ])('compression %s', async (compression, encoding) => {
    const backend = await scripted()
    const session = client(toAgentOps(backend, { compression })).startSession()
    session.tool('t', { text: 'x'.repeat(5000) }, () => 1)
    expect(await session.end('Success')).toMatchObject({ sent: 2 })
    const [request] = (await traces(backend)) as [Received]
    expect(request.headers['content-encoding']).toBe(encoding)
    expect(request.bytes < request.body.length).toBe(encoding === 'gzip')
    expect((await backend.spans()).flatMap(({ spans }) => spans.map(({ name }) => name))).toEqual([
      'agent.session',
      't.tool',
    ])
  })

  test('the timeout is for one attempt: a slow answer within it is a success', async () => {
    const slow = await scripted({ delayMs: 150 })
    expect((await run(toAgentOps(slow, { exportTimeoutMs: 5000 }))).code).toBe(ExportResultCode.SUCCESS)
    const before = Date.now()
    const hanging = await scripted({ hang: true })
    expect((await run(toAgentOps(hanging, { exportTimeoutMs: 150 }))).code).toBe(ExportResultCode.FAILED)
    expect(Date.now() - before).toBeLessThan(5000)
  })

  test('a token server that hangs is given up with the attempt', async () => {
    const backend = await scripted()
    await script(`${backend.url}-auth`, [{ hang: true }])
    const result = await run(toAgentOps(backend, { exportTimeoutMs: 150 }))
    expect(result.code).toBe(ExportResultCode.FAILED)
    expect(await traces(backend)).toEqual([])
  })
})

describe('HEAD:tests/unit/sdk/test_attributes.py', () => {
  // Any OTLP backend keeps attributes alike; the collector can be asked for them.
  const open = (more: AgentOpsOptions = {}): Session =>
    client({ ...toCollector(more), apiKey: '', mode: 'multi' }).startSession({ name: 's', tags: more.tags as string[] })

  test('a list of tags is agentops.tags of every span', async () => {
    const session = open({ tags: ['one', 'two'] })
    session.tool('t', () => 1)
    await session.end('Success')
    const spans = await spansOf(session)
    expect(spans).toHaveLength(2)
    for (const { attributes } of spans) expect(attributes['agentops.tags']).toEqual(['one', 'two'])
  })

  test('a text is a list of one tag', async () => {
    const session = open({ tags: 'one' })
    await session.end('Success')
    expect(named(await spansOf(session), 's.session').attributes['agentops.tags']).toEqual(['one'])
  })

  test('tags that are no text are said and left out, and the others stay', async () => {
    const session = open()
    session.setTags(['kept', 7, { a: 1 }] as unknown as string[])
    await session.end('Success')
    expect(said).toEqual(['agentops-edge: tags: expected text or a list of texts; the others are left out'])
    expect(named(await spansOf(session), 's.session').attributes['agentops.tags']).toEqual(['kept'])
  })

  test('tags in the options that are no tags are said, and none are used', async () => {
    const agentops = client({ ...toCollector({ tags: { key: 1 } as unknown as string[] }), apiKey: '', mode: 'multi' })
    expect(said.join()).toContain('tags: expected text, a list of texts')
    const session = agentops.startSession({ name: 's' })
    await session.end('Success')
    expect(named(await spansOf(session), 's.session').attributes['agentops.tags']).toEqual([])
  })

  test('the kind and the operation of each span, and values that are 0 or empty, are kept', async () => {
    const session = open()
    session.action('act', () => session.tool('call', () => 0))
    session.tracer
      .startSpan('own', { attributes: { version: 0, 'operation.name': 'mine', empty: '', off: false } })
      .end()
    await session.end('Success')
    const spans = await spansOf(session)
    expect(named(spans, 's.session').attributes).toMatchObject({
      'agentops.span.kind': 'session',
      'operation.name': 's',
    })
    expect(named(spans, 'act.operation').attributes).toMatchObject({
      'agentops.span.kind': 'operation',
      'operation.name': 'act',
    })
    expect(named(spans, 'call.tool').attributes).toMatchObject({
      'agentops.span.kind': 'tool',
      'operation.name': 'call',
      'tool.result': '0',
    })
    expect(named(spans, 'own').attributes).toMatchObject({
      version: 0,
      'operation.name': 'mine',
      empty: '',
      off: false,
    })
  })

  test.each<[EndState, number]>([
    ['Success', 1],
    ['Fail', 2],
    ['Indeterminate', 0],
  ])('the end state %s is on the root, with the status that shows it', async (state, code) => {
    const session = open()
    await session.end(state, 'because')
    expect(named(await spansOf(session), 's.session')).toMatchObject({
      status: { code },
      attributes: { 'agentops.session.end_state': state, 'agentops.session.end_state_reason': 'because' },
    })
  })
})
