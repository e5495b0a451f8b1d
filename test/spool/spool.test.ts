/** Spools in Node: SQS with a Lambda as its consumer, spools of one's own, and the failures that fill them. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { otlpProtobuf } from '../../src/formats/index.ts'
import { type AgentOpsOptions, createAgentOps, type Drop, type FlushReport, type Spool } from '../../src/index.ts'
import { drainSpool, queueSpool, type SpooledBatch, type SqsEvent, spoolTo, sqsSpool } from '../../src/spool/index.ts'
import { type Scripted, script, scripted } from '../support/scripted-client.ts'
import { acceptedOf, tracesOf } from '../support/spool.ts'

beforeEach(() => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined)
})
afterEach(() => vi.restoreAllMocks())

/** One session with one event. */
async function session(
  options: AgentOpsOptions,
  text = 'x',
): Promise<{ id: string; report: FlushReport; drops: Drop[] }> {
  const drops: Drop[] = []
  const client = createAgentOps({ mode: 'multi', onDrop: (drop) => drops.push(drop), ...options })
  const one = client.startSession()
  one.tool('t', text, () => 1)
  return { id: one.id, report: await one.end('Success'), drops }
}

/** Options that try once, as the tests are about what comes after. */
function to(backend: Scripted, options: AgentOpsOptions = {}): AgentOpsOptions {
  return { endpoint: `${backend.url}/v1/traces`, retryAttempts: 0, ...options }
}

function keeping(): { batches: SpooledBatch[]; spool: Spool } {
  const batches: SpooledBatch[] = []
  return { batches, spool: spoolTo({ put: (batch) => batches.push(batch) }) }
}

const SPOOLED: FlushReport = { sent: 0, dropped: 0, spooled: 2, pending: 0 }
const SENT: FlushReport = { sent: 2, dropped: 0, spooled: 0, pending: 0 }

describe('SQS', () => {
  /** As Lambda's event source gives messages to a function; what did not fail is deleted. */
  const queue = (): { bodies: string[]; deliver(options: AgentOpsOptions): Promise<string[]> } => {
    const bodies: string[] = []
    return {
      bodies,
      async deliver(options) {
        const event: SqsEvent = { Records: bodies.map((body, i) => ({ messageId: `m${i}`, body })) }
        const { batchItemFailures } = await drainSpool(event, options)
        const failed = batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)
        bodies.splice(0, bodies.length, ...bodies.filter((_, i) => failed.includes(`m${i}`)))
        return failed
      },
    }
  }

  test('every message fails while the backend is down, none after; each span arrives once', async () => {
    const backend = await scripted({ status: 503 })
    const { bodies, deliver } = queue()
    const options = to(backend, { spool: sqsSpool((body) => void bodies.push(body)) })
    const sessions = [await session(options), await session(options), await session(options)]
    expect(sessions.map(({ report }) => report)).toEqual([SPOOLED, SPOOLED, SPOOLED])
    expect(await deliver(options)).toEqual(['m0', 'm1', 'm2'])
    // A destination that has failed is not asked again for the same event.
    expect(await backend.received()).toHaveLength(4)
    await script(backend.url, [{}])
    expect(await deliver(options)).toEqual([])
    expect(bodies).toEqual([])
    const names = await acceptedOf(backend)
    expect([...names.keys()].sort()).toEqual(tracesOf(sessions.map(({ id }) => id)))
    for (const spans of names.values()) expect(spans).toEqual(['agent.session', 't.tool'])
  })

  test('of two destinations only the one that is down keeps its messages', async () => {
    const [a, b] = [await scripted({ status: 503 }), await scripted({ status: 503 })]
    const { bodies, deliver } = queue()
    const options = to(a, {
      spool: sqsSpool((body) => void bodies.push(body)),
      exporters: [{ endpoint: `${b.url}/v1/traces`, format: otlpProtobuf }],
    })
    const { id, report } = await session(options)
    expect(report).toMatchObject({ sent: 0, dropped: 0, spooled: 4, pending: 0 })
    bodies.splice(1, 0, '{"some":"message"}')
    const kept = bodies.findIndex((body) => body.includes(b.url))
    await script(a.url, [{}])
    expect(await deliver(options)).toEqual([`m${kept}`])
    await script(b.url, [{}])
    expect(await deliver(options)).toEqual([])
    for (const backend of [a, b]) {
      expect([...(await acceptedOf(backend))]).toEqual([[id.replaceAll('-', ''), ['agent.session', 't.tool']]])
    }
  })

  test('a message is no larger than the limit, however large the batch', async () => {
    const backend = await scripted({ status: 503 })
    const { bodies, deliver } = queue()
    const options = to(backend, { compression: 'none', spool: sqsSpool((body) => void bodies.push(body)) })
    const client = createAgentOps(options)
    const one = client.startSession()
    for (let i = 0; i < 20; i++) one.tool('t', 'x'.repeat(20_000), () => 1)
    expect(await one.end()).toEqual({ sent: 0, dropped: 0, spooled: 21, pending: 0 })
    expect(bodies.length).toBeGreaterThan(1)
    for (const body of bodies) expect(body.length).toBeLessThanOrEqual(262_144)
    await script(backend.url, [{}])
    expect(await deliver(options)).toEqual([])
    expect([...(await acceptedOf(backend)).values()].flat()).toHaveLength(21)
  })
})

describe('a spool of one’s own', () => {
  test('is given plain data, with an id for each batch', async () => {
    const backend = await scripted({ status: 503 })
    const { batches, spool } = keeping()
    const { report } = await session(to(backend, { spool, headers: { 'x-team-secret': 's' } }))
    expect(report).toEqual(SPOOLED)
    expect(batches).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        url: `${backend.url}/v1/traces`,
        format: 'otlp-json',
        spans: 2,
        headers: expect.objectContaining({ 'content-type': 'application/json' }),
        body: expect.any(Uint8Array),
      },
    ])
    expect(Object.keys(batches[0]?.headers ?? {})).not.toContain('x-team-secret')
  })

  test.each<[string, () => unknown]>([
    ['rejects', () => Promise.reject(new Error('the disk is full'))],
    [
      'throws',
      () => {
        throw new Error('the disk is full')
      },
    ],
  ])('that %s has its spans dropped, and the error says both failures, of the spool’s its kind', async (_, put) => {
    const backend = await scripted({ status: 503 })
    const { id, report, drops } = await session(to(backend, { spool: spoolTo({ put }) }))
    // An error of the user's by where it was thrown: its message may hold a secret.
    const error = `${backend.url}/v1/traces answered 503; the spool failed: Error at `
    expect(report).toEqual({ sent: 0, dropped: 2, spooled: 0, pending: 0, error: expect.stringContaining(error) })
    const traceId = id.replaceAll('-', '')
    expect(drops).toEqual([{ spans: 2, reason: 'undelivered', error: report.error, traceId }])
    expect(report.error).not.toContain('disk')
  })

  test('that never answers delays the end by five seconds, and its spans are dropped', async () => {
    const backend = await scripted({ status: 503 })
    const start = performance.now()
    const { report, drops } = await session(
      to(backend, { spool: spoolTo({ put: () => new Promise(() => undefined) }) }),
    )
    expect(performance.now() - start).toBeLessThan(15_000)
    expect(report).toMatchObject({ sent: 0, dropped: 2, spooled: 0, pending: 0 })
    expect(drops).toMatchObject([{ spans: 2, error: expect.stringContaining('the spool failed: no answer in time') }])
  })

  test('is not asked while the backend answers, nor for what the backend refuses', async () => {
    const { batches, spool } = keeping()
    expect((await session(to(await scripted(), { spool }))).report).toEqual(SENT)
    expect((await session(to(await scripted({ status: 400 }), { spool }))).report).toMatchObject({ dropped: 2 })
    expect(batches).toEqual([])
  })
})

describe('a backend that fails again and again', () => {
  test('with a spool: who would be gone before it may be asked again spools at once; a success ends it', async () => {
    const backend = await scripted({ status: 503, headers: { 'retry-after': '3' } })
    const { batches, spool } = keeping()
    const options = to(backend, { spool, retryAttempts: undefined, flushDeadlineMs: 2000 })
    const several = (count: number): Promise<FlushReport[]> =>
      Promise.all(Array.from({ length: count }, async () => (await session(options)).report))

    expect(await several(1)).toEqual([SPOOLED])
    const started = performance.now()
    expect(await several(5)).toEqual(Array(5).fill(SPOOLED))
    expect(performance.now() - started).toBeLessThan(1500)
    expect(await backend.received()).toHaveLength(1)
    expect(batches).toHaveLength(6)

    await script(backend.url, [{}])
    await new Promise((resolve) => setTimeout(resolve, 3000))
    expect(await several(5)).toEqual(Array(5).fill(SENT))
    expect(batches).toHaveLength(6)
  })

  test('its statuses: what may pass, and what says nothing of the spans, is spooled', async () => {
    for (const status of [401, 403, 404, 408, 429, 500, 520, 522, 530]) {
      const { batches, spool } = keeping()
      const { report } = await session(to(await scripted({ status }), { spool }))
      expect([status, report]).toEqual([status, SPOOLED])
      expect(batches).toHaveLength(1)
    }
  })

  test('one failure of the token endpoint is spooled, too', async () => {
    const backend = await scripted()
    await script(`${backend.url}-auth`, [{ status: 500 }])
    const { batches, spool } = keeping()
    const options = { apiKey: crypto.randomUUID(), apiEndpoint: backend.url }
    expect((await session(to(backend, { spool, ...options }))).report).toEqual(SPOOLED)
    expect(batches).toHaveLength(1)
  })

  test.each([401, 403, 500, 522])('%i: a consumer keeps its message', async (status) => {
    const backend = await scripted({ status: 503 })
    const bodies: string[] = []
    const options = to(backend, { spool: sqsSpool((body) => void bodies.push(body)) })
    await session(options)
    await script(backend.url, [{ status }])
    const event = { Records: bodies.map((body) => ({ messageId: '1', body })) }
    expect((await drainSpool(event, options)).batchItemFailures).toHaveLength(1)
    await script(backend.url, [{}])
    expect((await drainSpool(event, options)).batchItemFailures).toEqual([])
    expect([...(await acceptedOf(backend)).values()].flat()).toHaveLength(2)
  })
})

describe('a consumer’s own options', () => {
  test('by itself it asks for a message again after 10, 20, 40… up to 600 seconds', async () => {
    const backend = await scripted({ status: 503 })
    const bodies: string[] = []
    const options = to(backend, { spool: sqsSpool((body) => void bodies.push(body)) })
    await session(options)
    const delays: unknown[] = []
    const messages = Array.from({ length: 8 }, (_, i) => ({
      body: bodies[0],
      attempts: i + 1,
      ack: () => delays.push('acknowledged'),
      retry: (retry?: { delaySeconds?: number }) => delays.push(retry?.delaySeconds),
    }))
    const report = await drainSpool({ messages }, options)
    expect(delays).toEqual([10, 20, 40, 80, 160, 320, 600, 600])
    expect(report).toMatchObject({
      sent: 0,
      dropped: 0,
      spooled: 16,
      pending: 0,
      error: expect.stringContaining('503'),
    })
  })

  test('a span that is refused has that for its reason, though the others wait for the backend', async () => {
    const backend = await scripted({ status: 503 })
    const drops: Drop[] = []
    const bodies: string[] = []
    await session(to(backend, { spool: sqsSpool((body) => void bodies.push(body)) }))
    // The root is the first of them.
    await script(backend.url, [{ when: 'agent.session', status: 400 }, { status: 503 }])
    const event = { Records: bodies.map((body) => ({ messageId: '1', body })) }
    const { batchItemFailures } = await drainSpool(event, to(backend, { onDrop: (drop) => drops.push(drop) }))
    expect(batchItemFailures).toHaveLength(1)
    expect(drops).toEqual([{ spans: 1, reason: 'rejected', error: expect.stringContaining('400') }])
  })

  test('a further destination’s retries and spool are the queue’s business', async () => {
    const backend = await scripted({ status: 503 })
    const bodies: string[] = []
    const spool = sqsSpool((body) => void bodies.push(body))
    await session({ exporters: [to(backend, { spool })] })
    const event = { Records: bodies.map((body, i) => ({ messageId: `m${i}`, body })) }
    const before = (await backend.received()).length
    const exporters = [to(backend, { spool, retryAttempts: 3 })]
    // What is in a queue is tried whatever sessions wait for.
    for (let i = 1; i <= 4; i++) {
      expect((await drainSpool(event, { exporters })).batchItemFailures).toHaveLength(1)
      expect(await backend.received()).toHaveLength(before + i)
    }
    expect(bodies).toHaveLength(1)
  })
})

test('a binding that is missing is said; sessions go on without a spool', async () => {
  const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  const backend = await scripted()
  const { report } = await session(to(backend, { spool: (env) => queueSpool(env.SPOOL) }))
  expect(report).toEqual(SENT)
  expect(said.mock.calls.join()).toContain('queueSpool: expected the binding of a Queue, got some undefined')
})

test('what maxRequests leaves no request for goes to the spool', async () => {
  const backend = await scripted()
  const { spool, batches } = keeping()
  const client = createAgentOps(to(backend, { spool, maxRequests: 2, maxExportBatchSize: 5, exportIntervalMs: 60_000 }))
  const one = client.startSession()
  for (let n = 0; n < 14; n++) one.tool(`t${n}`, () => n)
  // Three batches: one may be sent, one is spooled, and the last request is the root's.
  expect(await one.end()).toEqual({ sent: 10, dropped: 0, spooled: 5, pending: 0 })
  expect(batches.map(({ spans }) => spans)).toEqual([5])
})
