import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import { BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { readOtlp } from '../../src/collector/otlp.ts'
import {
  createAgentOps,
  type Drop,
  type FlushReport,
  type Session,
  SessionExporter,
  SessionSpanProcessor,
} from '../../src/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'
import type { Answer } from '../support/scripted.ts'
import { script, scripted } from '../support/scripted-client.ts'

const KEY = '22222222-2222-4222-8222-222222222222'
let said: string[] = []
beforeEach(() => {
  said = []
  vi.spyOn(console, 'warn').mockImplementation((line) => void said.push(String(line)))
})
afterEach(() => vi.restoreAllMocks())

/** A session with one event, ended; `drops` and `reports` are what the callbacks were given. */
async function deliver(
  options: object,
): Promise<{ session: Session; report: FlushReport; drops: Drop[]; reports: FlushReport[] }> {
  const drops: Drop[] = []
  const reports: FlushReport[] = []
  const client = createAgentOps({
    ...options,
    mode: 'multi',
    onDrop: (drop) => drops.push(drop),
    onExport: (report) => reports.push(report),
  })
  const session = client.startSession()
  session.tool('t', () => 1)
  return { session, report: await session.end('Success'), drops, reports }
}

describe('delivery to any OTLP endpoint', () => {
  test('one POST of OTLP JSON with the headers of the options', async () => {
    const backend = await scripted()
    const { session, report, reports } = await deliver({
      endpoint: `${backend.url}/v1/traces`,
      headers: { 'x-team': 'a' },
    })
    expect(report).toEqual({ sent: 2, dropped: 0, spooled: 0, pending: 0 })
    expect(reports).toEqual([report])
    const [request, ...others] = await backend.received()
    expect(others).toEqual([])
    expect(request).toMatchObject({
      path: '/v1/traces',
      headers: { 'content-type': 'application/json', 'x-team': 'a' },
    })
    expect(request?.headers.authorization).toBeUndefined()
    expect(readOtlp(JSON.parse(request?.body ?? '')).spans.map(({ traceId }) => traceId)).toEqual([
      session.traceId,
      session.traceId,
    ])
  })

  test.each<[string, Answer[], Partial<FlushReport>, number]>([
    ['503 twice, then 200', [{ status: 503 }, { status: 503 }, {}], { sent: 2, dropped: 0 }, 3],
    ['429 with Retry-After in seconds', [{ status: 429, headers: { 'retry-after': '0' } }, {}], { sent: 2 }, 2],
    [
      '429 with Retry-After as a date',
      [{ status: 429, headers: { 'retry-after': new Date().toUTCString() } }, {}],
      { sent: 2 },
      2,
    ],
    ['503 for ever', [{ status: 503 }], { sent: 0, dropped: 2, error: expect.stringContaining('503') }, 3],
    ['400', [{ status: 400 }], { dropped: 2, error: expect.stringContaining('400') }, 3],
    ['401', [{ status: 401 }], { dropped: 2, error: expect.stringContaining('401: check the API key') }, 1],
    ['404', [{ status: 404 }], { dropped: 2, error: expect.stringContaining('404: check the endpoint') }, 1],
    ['500', [{ status: 500 }], { dropped: 2, error: expect.stringContaining('500') }, 3],
    [
      'a redirect',
      [{ status: 307, headers: { location: 'http://127.0.0.1:9/' } }],
      { dropped: 2, error: expect.stringContaining('redirects are not followed') },
      1,
    ],
    ['200 with garbage', [{ body: '<html>' }], { sent: 2 }, 1],
    ['200 with an empty body', [{ body: '' }], { sent: 2 }, 1],
    [
      'a partial success',
      [{ body: '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too long"}}' }],
      { sent: 1, dropped: 1, error: 'too long' },
      1,
    ],
    ['a hang', [{ delayMs: 1500 }], { dropped: 2, error: expect.stringContaining('did not answer in time') }, 1],
  ])('%s', async (_, answers, expected, requests) => {
    const backend = await scripted(...answers)
    const timeout = answers[0]?.delayMs ? { exportTimeoutMs: 200, retryAttempts: 0 } : { retryAttempts: 2 }
    const { report, drops } = await deliver({ endpoint: `${backend.url}/v1/traces`, ...timeout })
    expect(report).toMatchObject(expected)
    expect(report.sent + report.dropped + report.spooled).toBe(2)
    expect(await backend.received()).toHaveLength(requests)
    expect(drops.reduce((sum, { spans }) => sum + spans, 0)).toBe(report.dropped)
  })

  test('nobody listens: dropped, said once, nothing thrown', async () => {
    const options = { endpoint: 'http://127.0.0.1:9/v1/traces', retryAttempts: 0 }
    const { report, drops } = await deliver(options)
    expect(report).toMatchObject({ sent: 0, dropped: 2, error: expect.stringContaining('http://127.0.0.1:9') })
    expect(drops).toMatchObject([{ spans: 2, reason: 'undelivered' }])
    await deliver(options)
    expect(said.filter((line) => line.includes('127.0.0.1:9'))).toHaveLength(1)
  })

  test('the deadline of a flush holds against a backend that asks for more', async () => {
    const backend = await scripted({ status: 503, headers: { 'retry-after': '60' } })
    const { report } = await deliver({ endpoint: `${backend.url}/v1/traces`, flushDeadlineMs: 1000 })
    // It stays for who sends next.
    expect(report).toMatchObject({ dropped: 0, pending: 2, error: expect.stringContaining('503') })
    expect(await backend.received()).toHaveLength(1)
  })

  test('callbacks that throw break nothing', async () => {
    const boom = (): never => {
      throw new Error('callback')
    }
    const session = createAgentOps({
      endpoint: 'http://127.0.0.1:9/x',
      retryAttempts: 0,
      onDrop: boom,
      onExport: boom,
      mode: 'multi',
    }).startSession()
    expect((await session.end()).dropped).toBe(1)
  })

  test('a fetch of one’s own is used, and called as a plain function', async () => {
    const calls: unknown[] = []
    const own = async function (this: unknown, ...args: Parameters<typeof fetch>): Promise<Response> {
      calls.push(this)
      return fetch(...args)
    }
    const { report } = await deliver(toCollector({ fetch: own as typeof fetch }))
    expect(report.sent).toBe(2)
    expect(calls).toEqual([undefined])
  })

  test('without a destination spans are dropped and counted, and nothing more is said', async () => {
    const { report, drops } = await deliver({})
    expect(report).toEqual({ sent: 0, dropped: 2, spooled: 0, pending: 0 })
    expect(drops).toMatchObject([{ spans: 2, reason: 'no-destination', error: undefined }])
    expect(said.filter((line) => line.includes('lost'))).toEqual([])
  })
})

describe('delivery to AgentOps', () => {
  const options = (url: string): object => ({
    apiKey: KEY,
    endpoint: `${url}/v1/traces`,
    apiEndpoint: url,
    retryAttempts: 2,
  })

  test('the key is exchanged for a token, once for a hundred sessions, and spans wait for it', async () => {
    const backend = await scripted()
    await script(`${backend.url}-auth`, [{ delayMs: 100, body: '{"token":"abc"}' }])
    const delivered = await Promise.all(Array.from({ length: 100 }, () => deliver(options(backend.url))))
    expect(delivered.every(({ report }) => report.sent === 2)).toBe(true)
    const received = await backend.received()
    const auth = received.filter(({ path }) => path === '/v3/auth/token')
    expect(auth.map(({ body }) => JSON.parse(body))).toEqual([{ api_key: KEY }])
    const traces = received.filter(({ path }) => path === '/v1/traces')
    // Those who wait together go together.
    expect(traces.length).toBeLessThanOrEqual(100)
    expect((await backend.spans()).flatMap(({ spans }) => spans)).toHaveLength(200)
    expect(traces.every(({ headers, body }) => headers.authorization === 'Bearer abc' && !body.includes(KEY))).toBe(
      true,
    )
  })

  test('after a 401 the token is fetched again, once, and the spans are sent', async () => {
    const backend = await scripted({ status: 401 }, {})
    expect((await deliver(options(backend.url))).report).toMatchObject({ sent: 2, dropped: 0 })
    const received = await backend.received()
    expect(received.map(({ path, headers }) => `${path} ${headers.authorization ?? ''}`)).toEqual([
      '/v3/auth/token ',
      '/v1/traces Bearer token-1',
      '/v3/auth/token ',
      '/v1/traces Bearer token-2',
    ])
  })

  test('401 for ever is refused after one refresh', async () => {
    const backend = await scripted({ status: 401 })
    expect((await deliver(options(backend.url))).report).toMatchObject({
      sent: 0,
      dropped: 2,
      error: expect.stringContaining('401'),
    })
    expect(await backend.received()).toHaveLength(4)
  })

  test('a refused key: nothing goes to the traces endpoint, and the key is in no message', async () => {
    const backend = await scripted()
    await script(`${backend.url}-auth`, [{ status: 403, body: '{"error":"Invalid API key"}' }])
    const { report } = await deliver(options(backend.url))
    expect(report).toMatchObject({ sent: 0, dropped: 2, error: expect.stringContaining('403: check the API key') })
    expect((await backend.received()).map(({ path }) => path)).toEqual(['/v3/auth/token'])
    expect(said.join() + JSON.stringify(report)).not.toContain(KEY)
  })

  test('a token is refreshed before it expires', async () => {
    const backend = await scripted()
    const claims = btoa(JSON.stringify({ exp: Math.floor(Date.now() / 1000) + 2 }))
    await script(`${backend.url}-auth`, [
      { body: JSON.stringify({ token: `h.${claims}.s` }) },
      { body: '{"token":"next"}' },
    ])
    await deliver(options(backend.url))
    await vi.waitFor(
      async () => {
        await deliver(options(backend.url))
        expect((await backend.received()).at(-1)?.headers.authorization).toBe('Bearer next')
      },
      { timeout: 10_000, interval: 200 },
    )
  })
})

describe('SessionExporter as a standard exporter', () => {
  const makeSpan = (): ReadableSpan =>
    new BasicTracerProvider().getTracer('t').startSpan('s') as unknown as ReadableSpan
  const run = (exporter: SessionExporter, spans: ReadableSpan[]): Promise<ExportResult> =>
    new Promise((resolve) => exporter.export(spans, resolve))

  test('success, failure, empty list, and after shutdown', async () => {
    const good = await scripted()
    const exporter = new SessionExporter({ endpoint: `${good.url}/v1/traces` })
    expect(await run(exporter, [makeSpan()])).toEqual({ code: ExportResultCode.SUCCESS })
    expect(await run(exporter, [])).toEqual({ code: ExportResultCode.SUCCESS })
    await exporter.forceFlush()
    await exporter.shutdown()
    expect(await run(exporter, [makeSpan()])).toEqual({ code: ExportResultCode.SUCCESS })
    expect(await good.received()).toHaveLength(1)

    const bad = await scripted({ status: 400 })
    const failed = await run(new SessionExporter({ endpoint: `${bad.url}/v1/traces` }), [makeSpan()])
    expect(failed.code).toBe(ExportResultCode.FAILED)
    expect(failed.error?.message).toContain('400')
  })

  test('maxRequests holds for each export', async () => {
    const backend = await scripted({ status: 503 })
    const exporter = new SessionExporter({
      endpoint: `${backend.url}/v1/traces`,
      maxRequests: 2,
      flushDeadlineMs: 5000,
    })
    for (const requests of [2, 4]) {
      expect((await run(exporter, [makeSpan()])).error?.message).toContain('maxRequests (2)')
      expect(await backend.received()).toHaveLength(requests)
    }
  })

  test('a span whose attributes cannot be read is counted like any other', async () => {
    const processor = new SessionSpanProcessor(new SessionExporter(toCollector()))
    const provider = new BasicTracerProvider({ spanProcessors: [processor] })
    const span = provider.getTracer('mine').startSpan('odd') as unknown as ReadableSpan & { end(): void }
    Object.assign(span.attributes, { odd: Object.create(null) })
    span.end()
    await provider.forceFlush()
    expect(processor.report()).toMatchObject({ pending: 0 })
  })

  test('SessionSpanProcessor works in anybody’s provider', async () => {
    const processor = new SessionSpanProcessor(new SessionExporter(toCollector()), { exportIntervalMs: 60_000 })
    const provider = new BasicTracerProvider({ spanProcessors: [processor] })
    const span = provider.getTracer('mine').startSpan('theirs')
    span.end()
    await provider.forceFlush()
    expect(processor.report()).toEqual({ sent: 1, dropped: 0, spooled: 0, pending: 0 })
    expect(await spansOf({ id: span.spanContext().traceId })).toMatchObject([{ name: 'theirs' }])
    await provider.shutdown()
  })
})

describe('any other exporter', () => {
  const open = (exporter: object): Session =>
    createAgentOps({ maxExportBatchSize: 1, exporters: [exporter as never] }).startSession()

  test('whatever methods it has, only `export` and `shutdown` are called', async () => {
    const exporter = {
      early: false,
      deliver: () => undefined,
      export: (_: unknown, done: (result: ExportResult) => void) => done({ code: ExportResultCode.SUCCESS }),
      shutdown: async () => {},
    }
    expect(await open(exporter).end()).toEqual({ sent: 1, dropped: 0, spooled: 0, pending: 0 })
  })

  test('one that ends a span while it exports is still called once at a time', async () => {
    let running = 0
    let most = 0
    let more = 3
    const session = open({
      export(_: unknown, done: (result: ExportResult) => void) {
        most = Math.max(most, ++running)
        if (more-- > 0) session.record({ eventType: 'tools', name: 'inner' })
        setTimeout(() => {
          running--
          done({ code: ExportResultCode.SUCCESS })
        }, 20)
      },
      shutdown: async () => {},
    })
    session.tool('outer', () => 1)
    await session.end()
    expect(await session.flush()).toEqual({ sent: 5, dropped: 0, spooled: 0, pending: 0 })
    expect(most).toBe(1)
  })
})

test('withSession gives its value at once where waitUntil keeps the runtime alive', async () => {
  const backend = await scripted({ delayMs: 1500 })
  const kept: Promise<unknown>[] = []
  const client = createAgentOps({ endpoint: `${backend.url}/v1/traces`, waitUntil: (promise) => kept.push(promise) })
  expect(await client.withSession({}, async () => 7)).toBe(7)
  let delivered = false
  const all = Promise.all(kept).then(() => {
    delivered = true
  })
  await backend.received()
  expect(delivered).toBe(false)
  await all
  expect(await backend.received()).toHaveLength(1)
})

describe('the buffer', () => {
  const open = (options: object): Session =>
    createAgentOps(toCollector({ mode: 'multi', ...options })).startSession({ name: 's' })

  test('a full batch is exported at once, the rest at the end', async () => {
    const reports: FlushReport[] = []
    const session = open({
      maxExportBatchSize: 10,
      exportIntervalMs: 60_000,
      onExport: (report: FlushReport) => reports.push(report),
    })
    for (let n = 0; n < 25; n++) session.action(`a${n}`, () => n)
    await vi.waitFor(() => expect(reports.at(-1)?.sent).toBe(20))
    expect(await session.end()).toMatchObject({ sent: 26, dropped: 0, pending: 0 })
    expect(reports.map(({ sent }) => sent)).toEqual([10, 20, 26])
    expect(await spansOf(session)).toHaveLength(26)
  })

  test('a long session exports on its interval', async () => {
    const session = open({ exportIntervalMs: 20 })
    session.action('early', () => 1)
    await vi.waitFor(async () => expect(await spansOf(session)).toHaveLength(1), { timeout: 5000 })
    await session.end()
  })

  test('when it is full it keeps the root and errors, and says what it lost', async () => {
    const drops: Drop[] = []
    const session = open({
      maxQueueSize: 5,
      maxExportBatchSize: 100,
      exportIntervalMs: 60_000,
      onDrop: (drop: Drop) => drops.push(drop),
    })
    for (let n = 0; n < 20; n++) session.action(`a${n}`, () => n)
    session.recordError(new Error('kept'))
    const report = await session.end('Success')
    // Five are on their way when the buffer fills again.
    expect(report).toMatchObject({ sent: 10, dropped: 12, pending: 0 })
    expect(drops).toEqual([{ spans: 12, reason: 'queue-full', error: expect.stringContaining('maxQueueSize (5)') }])
    const spans = await spansOf(session)
    expect(named(spans, 's.session').status.code).toBe(1)
    expect(named(spans, 'Error.operation')).toBeDefined()
    expect(said.filter((line) => line.includes('12 spans were lost (queue-full)'))).toHaveLength(1)
  })

  test('a root is kept even where the buffer holds nothing but errors', async () => {
    const session = open({ maxQueueSize: 3, maxExportBatchSize: 100, exportIntervalMs: 60_000 })
    for (let n = 0; n < 8; n++) session.recordError(new Error(`e${n}`))
    expect(await session.end('Success')).toMatchObject({ sent: 6, dropped: 3 })
    expect(named(await spansOf(session), 's.session')).toBeDefined()
  })

  test('a session inside another one keeps its root, too', async () => {
    const client = createAgentOps(
      toCollector({ mode: 'multi', maxQueueSize: 3, maxExportBatchSize: 100, exportIntervalMs: 60_000 }),
    )
    const session = client.startSession({ name: 'inner', parent: client.startSession() })
    for (let n = 0; n < 8; n++) session.recordError(new Error(`e${n}`))
    await session.end()
    expect(named(await spansOf(session), 'inner.session')).toBeDefined()
  })

  test('what ends while an interval export is under way goes with the next interval', async () => {
    const backend = await scripted({ delayMs: 300 }, {})
    const session = open({ endpoint: `${backend.url}/v1/traces`, exportIntervalMs: 20 })
    session.action('first', () => 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    session.action('second', () => 2)
    await vi.waitFor(async () => expect(await backend.received()).toHaveLength(2), { timeout: 5000 })
    expect(await session.end()).toMatchObject({ sent: 3, dropped: 0, pending: 0 })
  })
})
