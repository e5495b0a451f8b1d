/** When a delivery has to be over: whatever hangs, a flush and a session's end keep to their time. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openRequestSession } from '../../src/http/request-session.ts'
import { type AgentOpsOptions, createAgentOps, type Session } from '../../src/index.ts'
import { readConfig } from '../../src/options/read.ts'
import { spoolTo } from '../../src/spool/index.ts'
import { script, scripted } from '../support/scripted-client.ts'

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}))
afterEach(() => vi.restoreAllMocks())

const never = <T>(): Promise<T> => new Promise(() => {})
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function open(options: AgentOpsOptions): Session {
  return createAgentOps({ mode: 'multi', exportIntervalMs: 60_000, ...options }).startSession({ name: 'late' })
}

/** The bounds leave a busy machine seconds; what they rule out takes longer still. */
async function timed<T>(work: Promise<T>): Promise<[T, ms: number]> {
  const started = Date.now()
  return [await work, Date.now() - started]
}

describe('what hangs is given up', () => {
  test('a fetch that ignores its signal', async () => {
    const session = open({ endpoint: 'http://127.0.0.1:9/', fetch: never, exportTimeoutMs: 200, retryAttempts: 0 })
    const ended = await Promise.race([session.end(), sleep(5000)])
    expect(ended).toMatchObject({ dropped: 1, error: expect.stringContaining('did not answer in time') })
  })

  test('a body that hangs after its status: the spans were taken', async () => {
    const fetch = async (): Promise<Response> => new Response(new ReadableStream({ pull: () => never() }))
    const session = open({ endpoint: 'http://127.0.0.1:9/', fetch, exportTimeoutMs: 200 })
    expect(await Promise.race([session.end(), sleep(5000)])).toMatchObject({ sent: 1, dropped: 0 })
  })

  test('a spool, for all its batches together', async () => {
    const backend = await scripted({ hang: true })
    const session = open({
      endpoint: `${backend.url}/v1/traces`,
      flushDeadlineMs: 300,
      maxExportBatchSize: 2,
      maxQueueSize: 100,
      spool: spoolTo({ put: () => never() }),
    })
    for (let n = 0; n < 9; n++) session.tool(`t${n}`, () => n)
    const [report, ms] = await timed(session.end())
    expect(report).toMatchObject({ sent: 0, spooled: 0, dropped: 10 })
    // 5 s for each of five batches would be 25.
    expect(ms).toBeLessThan(4500)
  })

  test('a spool has a second left where the backend has used up the time', async () => {
    const backend = await scripted({ hang: true })
    const put = (): Promise<void> => sleep(100)
    const session = open({ endpoint: `${backend.url}/v1/traces`, flushDeadlineMs: 300, spool: spoolTo({ put }) })
    expect(await session.end()).toMatchObject({ sent: 0, spooled: 1, dropped: 0 })
  })

  test('a token server, after a 401 as at first: the waits together are one attempt', async () => {
    const backend = await scripted({ status: 401, delayMs: 1000 })
    await script(`${backend.url}-auth`, [{}, { hang: true }])
    const session = open({
      apiKey: crypto.randomUUID(),
      apiEndpoint: backend.url,
      endpoint: `${backend.url}/v1/traces`,
      exportTimeoutMs: 2000,
      retryAttempts: 0,
    })
    const [report, ms] = await timed(session.end())
    expect(report).toMatchObject({ dropped: 1, error: expect.stringContaining('in time') })
    expect(ms).toBeLessThan(2900)
  })

  test('a foreign exporter’s shutdown, and one whose export fails in a promise', async () => {
    const unhandled: unknown[] = []
    const onUnhandled = (event: Event): void => void unhandled.push(event)
    globalThis.addEventListener?.('unhandledrejection', onUnhandled)
    const fail = async (): Promise<void> => {
      await sleep(1)
      throw new Error('no')
    }
    const session = open({ flushDeadlineMs: 300, exporters: [{ export: fail, shutdown: never }] })
    expect(await session.end()).toMatchObject({ dropped: 1, error: expect.stringContaining('Error at Object.fail') })
    const stopped = session.tracerProvider.shutdown().then(() => 'stopped')
    expect(await Promise.race([stopped, sleep(5000)])).toBe('stopped')
    globalThis.removeEventListener?.('unhandledrejection', onUnhandled)
    expect(unhandled).toEqual([])
  })
})

describe('the limit of the platform', () => {
  const hanging = async (options: AgentOpsOptions = {}): Promise<Session> => {
    const backend = await scripted({ hang: true })
    return open({ endpoint: `${backend.url}/v1/traces`, exportTimeoutMs: 300_000, ...options })
  }

  test('a session’s end keeps to it, and a flush beside it moves nothing', async () => {
    const session = await hanging()
    session.endBy(Date.now() + 500)
    const ended = session.end()
    await sleep(100)
    void session.flush()
    const [report, ms] = await timed(ended)
    expect(report).toMatchObject({ dropped: 0, pending: 1 })
    expect(ms).toBeLessThan(5000)
  })

  test('it ends an attempt that is under way, and a wait for the next one', async () => {
    const underWay = await hanging()
    underWay.tool('t', () => 1)
    const backend = await scripted({ status: 503, headers: { 'retry-after': '20' } })
    const waiting = open({ endpoint: `${backend.url}/v1/traces` })
    waiting.tool('t', () => 1)
    for (const session of [underWay, waiting]) {
      void session.flush()
      await sleep(100)
      session.endBy(Date.now() + 500)
      const [report, ms] = await timed(session.end())
      expect(report).toMatchObject({ sent: 0, dropped: 0, pending: 2 })
      expect(ms).toBeLessThan(5000)
    }
  })

  test('it holds for what ends after the session', async () => {
    const session = await hanging()
    session.endBy(Date.now() + 500)
    await session.end()
    session.endBy(Date.now() + 500)
    session.record({ eventType: 'tools', name: 'late' })
    const [report, ms] = await timed(session.flush())
    expect(report).toMatchObject({ dropped: 0, pending: 2 })
    expect(ms).toBeLessThan(5000)
  })
})

test.each(['fail', 'finish'] as const)(
  'a request that ends with %s: over 28 s after it, whatever it holds',
  async (how) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    try {
      const config = readConfig({
        endpoint: `http://127.0.0.1:9/${how}`,
        fetch: never,
        exportTimeoutMs: 300_000,
        compression: 'none',
      })
      const kept: Promise<unknown>[] = []
      const execution = { waitUntil: (promise: Promise<unknown>) => void kept.push(promise) }
      const request = openRequestSession(config, new Request('http://localhost/'), { execution })
      request.session.hold(never())
      if (how === 'fail') request.fail(new Error('broken'))
      else request.finish(new Response('done', { headers: { 'content-length': '4' } }))
      let over = false
      void Promise.all(kept).then(() => {
        over = true
      })
      await vi.advanceTimersByTimeAsync(27_000)
      expect(over).toBe(false)
      await vi.advanceTimersByTimeAsync(1001)
      expect(over).toBe(true)
    } finally {
      vi.useRealTimers()
    }
  },
)

test('an export that nobody waits for has its own time, not the rest of an old flush’s', async () => {
  const backend = await scripted({}, { delayMs: 2500 })
  const session = open({ endpoint: `${backend.url}/v1/traces`, flushDeadlineMs: 4000, maxExportBatchSize: 5 })
  session.tool('first', () => 1)
  const begun = Date.now()
  await session.flush()
  await sleep(begun + 3500 - Date.now())
  // A full batch: it is under way until two seconds after the flush's deadline.
  for (let n = 0; n < 5; n++) session.tool(`t${n}`, () => n)
  await sleep(3000)
  expect(await session.end()).toMatchObject({ sent: 7, dropped: 0 })
  const accepted = (await backend.spans()).filter(({ accepted }) => accepted).flatMap(({ spans }) => spans)
  expect(accepted).toHaveLength(7)
})

describe('an outage during a session', () => {
  test('is asked at intervals, not at each span', async () => {
    const backend = await scripted({ status: 429, headers: { 'retry-after': '3600' } })
    const session = open({ endpoint: `${backend.url}/v1/traces`, maxExportBatchSize: 10, maxRequests: 1000 })
    for (let n = 0; n < 300; n++) {
      session.tool(`t${n}`, () => n)
      if (n % 10 === 0) await sleep(5)
    }
    expect((await backend.received()).length).toBeLessThanOrEqual(2)
    expect(await session.end()).toMatchObject({ sent: 0, dropped: 0, pending: 301 })
  })

  test('leaves the requests that the time after it needs', async () => {
    const backend = await scripted({ status: 429, headers: { 'retry-after': '1' } })
    const options = { maxExportBatchSize: 50, exportIntervalMs: 200, maxRequests: 12 }
    const session = open({ endpoint: `${backend.url}/v1/traces`, ...options })
    for (let n = 0; n < 200; n++) {
      session.tool(`t${n}`, () => n)
      if (n % 2 === 0) await sleep(2)
      if (n === 120) await script(backend.url, [{}])
    }
    expect(await session.end()).toMatchObject({ sent: 201, dropped: 0, pending: 0 })
  })

  test('what it left is sent although no span ends after it', async () => {
    const backend = await scripted({ status: 503 }, {})
    const session = open({ endpoint: `${backend.url}/v1/traces`, exportIntervalMs: 50 })
    session.tool('last for a while', () => 1)
    await vi.waitFor(
      async () => expect((await backend.spans()).map(({ accepted }) => accepted)).toEqual([false, true]),
      { timeout: 10_000 },
    )
    await session.end()
  })

  test('a flush sends what an export under way could not', async () => {
    const backend = await scripted({ status: 503, delayMs: 300 }, {})
    const session = open({ endpoint: `${backend.url}/v1/traces`, maxExportBatchSize: 2, retryAttempts: 0 })
    for (let n = 0; n < 3; n++) session.tool(`t${n}`, () => n)
    await sleep(50)
    expect(await session.flush()).toEqual({ sent: 3, dropped: 0, spooled: 0, pending: 0 })
    await session.end()
  })

  test('the session’s end repeats what an export before it could not send', async () => {
    const backend = await scripted({ status: 503, delayMs: 300 }, {})
    const session = open({ endpoint: `${backend.url}/v1/traces`, maxExportBatchSize: 2, retryAttempts: 0 })
    for (let n = 0; n < 3; n++) session.tool(`t${n}`, () => n)
    await sleep(50)
    expect(await session.end()).toEqual({ sent: 4, dropped: 0, spooled: 0, pending: 0 })
  })
})
