/** The fault matrix: whatever a backend does, each span ends as sent, spooled or dropped, and none is sent twice. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type AgentOpsOptions, createAgentOps, type Drop, type FlushReport, type Session } from '../../src/index.ts'
import type { Answer, ReceivedSpans } from '../support/scripted.ts'
import { type Scripted, scripted } from '../support/scripted-client.ts'

const KEY = '33333333-3333-4333-8333-333333333333'
const EVENTS = 100
const SPANS = EVENTS + 1

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}))
afterEach(() => vi.restoreAllMocks())

interface Outcome {
  session: Session
  report: FlushReport
  drops: Drop[]
  requests: ReceivedSpans[]
}

/** Runs a session of `EVENTS` tools against the script and checks what holds in every case. */
async function run(backend: Scripted, options: AgentOpsOptions = {}, events: number = EVENTS): Promise<Outcome> {
  const drops: Drop[] = []
  const client = createAgentOps({
    endpoint: `${backend.url}/v1/traces`,
    retryAttempts: 2,
    mode: 'multi',
    onDrop: (drop) => drops.push(drop),
    ...options,
  })
  const session = client.startSession({ name: 'faults' })
  for (let n = 0; n < events; n++) session.tool(n === 41 ? 'poison' : `t${n}`, () => n)
  const report = await session.end('Success')
  expect(report.sent + report.spooled + report.dropped + report.pending).toBe(events + 1)
  expect(drops.reduce((sum, { spans }) => sum + spans, 0)).toBe(report.dropped)
  const requests = await backend.spans()
  const accepted = requests.filter((request) => request.accepted).flatMap((request) => request.spans)
  expect(new Set(accepted.map(({ spanId }) => spanId)).size).toBe(accepted.length)
  return { session, report, drops, requests }
}

const soon = (ms: number): string => new Date(Date.now() + ms).toUTCString()

describe('everything arrives, once', () => {
  test.each<[string, () => Answer[], AgentOpsOptions, number]>([
    ['503 twice, then 200', () => [{ status: 503 }, { status: 503 }, {}], {}, 3],
    ['429 with Retry-After in seconds', () => [{ status: 429, headers: { 'retry-after': '1' } }, {}], {}, 2],
    ['429 with Retry-After as a date', () => [{ status: 429, headers: { 'retry-after': soon(1500) } }, {}], {}, 2],
    ['a hang, then 200', () => [{ hang: true }, {}], { exportTimeoutMs: 400 }, 2],
    ['5 s slow', () => [{ delayMs: 5000 }], {}, 1],
    ['a reset before the body was read', () => [{ reset: 'before' }, {}], {}, 2],
    ['200 with garbage', () => [{ body: '<html>' }], {}, 1],
    ['200, 3 bytes of a body, then close', () => [{ truncate: true }], {}, 1],
    ['502, 504, then 200', () => [{ status: 502 }, { status: 504 }, {}], {}, 3],
  ])('%s', async (_, answers, options, requests) => {
    const backend = await scripted(...answers())
    const { report, requests: made } = await run(backend, options)
    expect(report).toEqual({ sent: SPANS, dropped: 0, spooled: 0, pending: 0 })
    expect(made).toHaveLength(requests)
    expect(made.filter(({ accepted }) => accepted).flatMap(({ spans }) => spans)).toHaveLength(SPANS)
  })

  test('401, then 200: with a new token', async () => {
    const backend = await scripted({ status: 401 }, {})
    const { report } = await run(backend, { apiKey: KEY, apiEndpoint: backend.url })
    expect(report).toMatchObject({ sent: SPANS, dropped: 0 })
  })

  test('413: halved until it fits', async () => {
    const backend = await scripted({ maxBytes: 40_000, status: 413 }, {})
    const { report, requests } = await run(backend)
    expect(report).toEqual({ sent: SPANS, dropped: 0, spooled: 0, pending: 0 })
    expect(requests.length).toBeGreaterThan(2)
  })

  /**
   * The one ambiguous case: the backend has read the request, and nobody can know whether it kept the spans. They are
   * sent again with the same ids, so a backend that kept them has them twice.
   */
  test('ambiguous: a reset after the body was read is sent again, with the same ids', async () => {
    const backend = await scripted({ reset: 'after' }, {})
    const { report, requests } = await run(backend)
    expect(report).toEqual({ sent: SPANS, dropped: 0, spooled: 0, pending: 0 })
    expect(requests.map(({ accepted }) => accepted)).toEqual([false, true])
    expect(requests[0]?.spans).toEqual(requests[1]?.spans)
  })
})

describe('what a backend refuses is dropped, and nothing else', () => {
  test('400 with one poison span in 100: the other spans arrive', async () => {
    const backend = await scripted({ when: 'poison.tool', status: 400 }, {})
    const { report, requests, drops } = await run(backend)
    expect(report).toEqual({
      sent: SPANS - 1,
      dropped: 1,
      spooled: 0,
      pending: 0,
      error: expect.stringContaining('400'),
    })
    expect(drops).toMatchObject([{ spans: 1, reason: 'rejected' }])
    const accepted = requests.filter(({ accepted }) => accepted).flatMap(({ spans }) => spans)
    expect(accepted.some(({ name }) => name === 'poison.tool')).toBe(false)
    // One that fails, a search by halves, and the rest in two.
    expect(requests.length).toBeLessThanOrEqual(3 + Math.ceil(Math.log2(SPANS)))
  })

  test('200 with a partial success: the refused spans are counted', async () => {
    const backend = await scripted({ body: '{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}' })
    expect((await run(backend)).report).toMatchObject({ sent: SPANS - 3, dropped: 3, error: 'too old' })
  })

  test.each<[string, Answer, AgentOpsOptions, RegExp]>([
    ['401 for ever, with a key', { status: 401 }, { apiKey: KEY }, /401: check the API key/],
    ['403', { status: 403 }, {}, /403: check the API key/],
    ['404', { status: 404 }, {}, /404: check the endpoint/],
    ['a redirect', { status: 308, headers: { location: 'http://127.0.0.1:9/' } }, {}, /redirects are not followed/],
  ])('%s: all of them, with a reason', async (_, answer, options, error) => {
    const backend = await scripted(answer)
    const { report, drops } = await run(backend, { apiEndpoint: backend.url, ...options })
    expect(report).toMatchObject({ sent: 0, dropped: SPANS, error: expect.stringMatching(error) })
    expect(drops).toMatchObject([{ spans: SPANS, reason: 'rejected' }])
  })

  test('where the others cannot be delivered, each loss has its own reason', async () => {
    const backend = await scripted({ when: 'poison', status: 400 }, {}, { status: 503 })
    const drops: Drop[] = []
    const client = createAgentOps({
      endpoint: `${backend.url}/v1/traces`,
      retryAttempts: 0,
      onDrop: (drop) => drops.push(drop),
    })
    const session = client.startSession()
    for (const name of ['poison', 'good']) session.tool(name, () => 1)
    expect(await session.end()).toMatchObject({ sent: 1, dropped: 2 })
    const { traceId } = session
    expect(drops).toEqual([
      { spans: 1, reason: 'rejected', error: expect.stringContaining('400'), traceId },
      { spans: 1, reason: 'undelivered', error: expect.stringContaining('503'), traceId },
    ])
  })

  test('413 for a single span: only that span', async () => {
    const backend = await scripted({ when: 'poison.tool', status: 413 }, {})
    // The search takes as many as a Worker's session has; the root's is one more.
    const { report } = await run(backend, { maxRequests: 13 })
    expect(report).toMatchObject({ sent: SPANS - 1, dropped: 1 })
  })
})

describe('a backend that cannot be reached', () => {
  test.each<[string, Answer, AgentOpsOptions]>([
    ['503 for ever', { status: 503 }, {}],
    ['a hang for ever', { hang: true }, { exportTimeoutMs: 200, retryAttempts: 1 }],
    ['a reset for ever', { reset: 'before' }, {}],
  ])('%s: dropped and said', async (_, answer, options) => {
    const { report, drops } = await run(await scripted(answer), options)
    expect(report).toMatchObject({ sent: 0, dropped: SPANS, error: expect.any(String) })
    expect(drops).toMatchObject([{ spans: SPANS, reason: 'undelivered' }])
  })

  test('a name that does not resolve', async () => {
    const backend = await scripted()
    const { report } = await run(backend, { endpoint: 'http://nobody.invalid/v1/traces', retryAttempts: 1 })
    expect(report).toMatchObject({ sent: 0, dropped: SPANS, error: expect.stringContaining('http://nobody.invalid') })
  })

  test('a flush during the session keeps its spans for a later one', async () => {
    const backend = await scripted({ status: 503 }, {})
    const options = { endpoint: `${backend.url}/v1/traces`, retryAttempts: 0 }
    const session = createAgentOps(options).startSession()
    session.tool('early', () => 1)
    expect(await session.flush()).toMatchObject({
      sent: 0,
      dropped: 0,
      pending: 1,
      error: expect.stringContaining('503'),
    })
    expect(await session.end()).toEqual({ sent: 2, dropped: 0, spooled: 0, pending: 0 })
  })
})

describe('limits', () => {
  test('10,000 spans of one session arrive in batches within the limits, and the buffer stays bounded', async () => {
    const backend = await scripted()
    const reports: FlushReport[] = []
    const client = createAgentOps({
      endpoint: `${backend.url}/v1/traces`,
      maxRequests: 100,
      onExport: (report) => reports.push(report),
    })
    const session = client.startSession()
    for (let n = 0; n < 9999; n++) {
      session.tool('step', { n }, () => n)
      // An agent waits for something between its steps; this one as long as a busy machine needs.
      while (n - (reports.at(-1)?.sent ?? 0) > 1000) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect(await session.end()).toEqual({ sent: 10_000, dropped: 0, spooled: 0, pending: 0 })
    const requests = await backend.spans()
    const spans = requests.flatMap((request) => request.spans)
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(10_000)
    expect(Math.max(...requests.map((request) => request.spans.length))).toBeLessThanOrEqual(512)
    expect(Math.max(...reports.map(({ pending }) => pending))).toBeLessThanOrEqual(2048)
    expect(await backend.concurrency()).toBeLessThanOrEqual(4)
  })

  test('no body is larger than maxExportBytes; one span that is, is dropped', async () => {
    const backend = await scripted()
    const client = createAgentOps({
      endpoint: `${backend.url}/v1/traces`,
      maxExportBytes: 60_000,
      maxRequests: 100,
    })
    const session = client.startSession()
    for (let n = 0; n < 40; n++) {
      session.tool('large', 'x'.repeat(n === 20 ? 31_000 : 5000), () => n)
      if (n % 8 === 7) await session.flush()
    }
    expect(await session.end()).toMatchObject({
      sent: 40,
      dropped: 1,
      error: expect.stringContaining('more than the limit of 60000'),
    })
    for (const { base64 } of await backend.received()) expect(atob(base64).length).toBeLessThanOrEqual(60_000)
  })

  test('100 poison spans stay within maxRequests', async () => {
    const backend = await scripted({ status: 400 })
    const { report, requests } = await run(backend, { maxRequests: 12 }, 99)
    expect(report).toMatchObject({ sent: 0, dropped: 100 })
    expect(requests.length).toBeLessThanOrEqual(12)
  })

  test('the last request is the root’s: a session whose exports use up the others still has one', async () => {
    const backend = await scripted({ status: 503 }, { status: 503 }, {})
    const options = { maxRequests: 3, retryAttempts: 5, maxExportBatchSize: 10, exportIntervalMs: 60_000 }
    const client = createAgentOps({ endpoint: `${backend.url}/v1/traces`, ...options })
    const session = client.startSession({ name: 'last' })
    for (let n = 0; n < 9; n++) session.tool(`t${n}`, () => n)
    // Both requests that it may use fail.
    expect(await session.flush()).toMatchObject({ sent: 0, pending: 9 })
    expect(await session.end()).toMatchObject({ sent: 10, dropped: 0 })
    const requests = await backend.spans()
    expect(requests.map(({ accepted }) => accepted)).toEqual([false, false, true])
    expect(requests[2]?.spans.some(({ name }) => name === 'last.session')).toBe(true)
  })

  test.each([3, 4, 6, 11])(
    'a search for what spoils a request, too, leaves %i requests one for the root',
    async (maxRequests) => {
      const backend = await scripted({ when: 'poison', status: 400 }, {})
      const client = createAgentOps({ endpoint: `${backend.url}/v1/traces`, maxRequests })
      const session = client.startSession({ name: 'searched' })
      for (let n = 0; n < 99; n++) session.tool(n % 33 === 5 ? 'poison' : `t${n}`, () => n)
      const report = await session.end()
      expect(report.sent + report.dropped).toBe(100)
      const requests = await backend.spans()
      expect(requests.length).toBeLessThanOrEqual(maxRequests)
      const names = requests.flatMap(({ accepted, spans }) => (accepted ? spans.map(({ name }) => name) : []))
      expect(names).toContain('searched.session')
    },
  )

  test('the deadline is one for the whole flush, however many batches it has', async () => {
    const backend = await scripted({ hang: true })
    const options = { flushDeadlineMs: 1000, maxExportBatchSize: 10, exportIntervalMs: 60_000 }
    const started = Date.now()
    const { report } = await run(backend, options)
    expect(report).toMatchObject({ sent: 0, dropped: 0, pending: SPANS })
    // Ten batches, each with a deadline of its own, would take ten times as long.
    expect(Date.now() - started).toBeLessThan(6000)
  })
})

describe('several destinations', () => {
  test('each gets every span, and one’s faults cost the others nothing', async () => {
    const [good, bad] = [await scripted(), await scripted({ hang: true })]
    const foreign: string[] = []
    const client = createAgentOps({
      endpoint: `${good.url}/v1/traces`,
      exporters: [
        { endpoint: `${bad.url}/v1/traces`, exportTimeoutMs: 300, retryAttempts: 0 },
        {
          export: (spans, done) => {
            foreign.push(...spans.map(({ name }) => name))
            done({ code: 0 })
          },
          shutdown: async () => {},
        },
      ],
    })
    const session = client.startSession({ name: 'several' })
    session.tool('t', () => 1)
    expect(await session.end()).toMatchObject({ sent: 4, dropped: 2, pending: 0 })
    expect((await good.spans()).flatMap(({ spans }) => spans.map(({ name }) => name))).toEqual([
      'several.session',
      't.tool',
    ])
    expect(foreign).toEqual(['t.tool', 'several.session'])
  })

  test('an exporter that never calls back, or throws, is given up at the deadline', async () => {
    const good = await scripted()
    const client = createAgentOps({
      endpoint: `${good.url}/v1/traces`,
      flushDeadlineMs: 500,
      exporters: [
        { export: () => {}, shutdown: async () => {} },
        {
          export: () => {
            throw new Error('broken')
          },
          shutdown: async () => {},
        },
      ],
    })
    expect(await client.startSession().end()).toMatchObject({ sent: 1, dropped: 2, pending: 0 })
  })

  test('the key and the headers of one go to no other', async () => {
    const [first, second] = [await scripted(), await scripted()]
    const client = createAgentOps({
      apiKey: KEY,
      endpoint: `${first.url}/v1/traces`,
      apiEndpoint: first.url,
      headers: { 'x-first': '1' },
      exporters: [{ endpoint: `${second.url}/v1/traces`, headers: { 'x-second': '2' } }],
    })
    await client.startSession().end()
    const [request] = await second.received()
    expect(request?.headers).toMatchObject({ 'x-second': '2' })
    expect(request?.headers.authorization).toBeUndefined()
    expect(request?.headers['x-first']).toBeUndefined()
    expect(JSON.stringify(await second.received())).not.toContain(KEY)
  })
})

describe('the body', () => {
  test.each<[AgentOpsOptions['compression'], number, string | undefined]>([
    ['auto', 20, 'gzip'],
    ['auto', 0, undefined],
    ['gzip', 0, 'gzip'],
    ['none', 20, undefined],
  ])('compression %s with %i events: content-encoding %s', async (compression, events, encoding) => {
    const backend = await scripted()
    const client = createAgentOps({ endpoint: `${backend.url}/v1/traces`, compression })
    const session = client.startSession()
    for (let n = 0; n < events; n++) session.tool(`t${n}`, () => n)
    await session.end()
    const [request] = await backend.received()
    expect(request?.headers['content-encoding']).toBe(encoding)
    expect((await backend.spans()).flatMap(({ spans }) => spans)).toHaveLength(events + 1)
  })

  test('a span that cannot be encoded takes no other with it', async () => {
    const backend = await scripted()
    const client = createAgentOps({ endpoint: `${backend.url}/v1/traces` })
    const session = client.startSession()
    for (let n = 0; n < 10; n++) session.tool(`t${n}`, () => n)
    const span = session.tracer.startSpan('broken')
    Object.defineProperty(span, 'kind', {
      get() {
        throw new Error('unreadable')
      },
    })
    span.end()
    expect(await session.end()).toMatchObject({
      sent: 11,
      dropped: 1,
      error: expect.stringContaining('not encodable: Error at RecordingSpan.get'),
    })
  })
})
