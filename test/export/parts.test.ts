/** How a backend's refusals are searched: what it takes arrives, what it does not costs a bounded number of requests. */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { deliverInParts } from '../../src/formats/parts.ts'
import { type AgentOpsOptions, createAgentOps, type Drop, type FlushReport } from '../../src/index.ts'
import type { Outcome } from '../../src/transport/transport.ts'
import { tries } from '../support/properties.ts'
import type { ReceivedSpans } from '../support/scripted.ts'
import { type Scripted, script, scripted } from '../support/scripted-client.ts'

const POISON = { when: 'poison.tool', status: 400 }

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}))
afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

interface Outcomes {
  report: FlushReport
  drops: Drop[]
  /** Of each request in order: how many spans, and whether they were taken. */
  requests: ReceivedSpans[]
}

/** One batch of `spans`, the last of them the session's own. */
async function run(
  backend: Scripted,
  spans: number,
  options: AgentOpsOptions = {},
  poisoned: (n: number) => boolean = () => false,
  textOf: (n: number) => string = () => '',
): Promise<Outcomes> {
  const drops: Drop[] = []
  const client = createAgentOps({
    endpoint: `${backend.url}/v1/traces`,
    mode: 'multi',
    exportIntervalMs: 60_000,
    maxRequests: 3000,
    onDrop: (drop) => drops.push(drop),
    ...options,
  })
  const session = client.startSession()
  for (let n = 0; n < spans - 1; n++) session.tool(poisoned(n) ? 'poison' : `t${n}`, textOf(n), () => n)
  const report = await session.end('Success')
  expect(report.sent + report.dropped).toBe(spans)
  expect(drops.reduce((sum, drop) => sum + drop.spans, 0)).toBe(report.dropped)
  const requests = await backend.spans()
  const taken = requests.filter(({ accepted }) => accepted).flatMap((request) => request.spans)
  expect(new Set(taken.map(({ spanId }) => spanId)).size).toBe(report.sent)
  expect(taken).toHaveLength(report.sent)
  return { report, drops, requests }
}

describe('refusals', () => {
  test.each([413, 400])('of everything with %i: 32 requests, and the reason', async (status) => {
    const { report, drops, requests } = await run(await scripted({ status }), 512)
    expect(report).toMatchObject({ sent: 0, dropped: 512, error: expect.stringContaining(`answered ${status}`) })
    expect(drops).toMatchObject([{ reason: 'rejected' }])
    expect(requests).toHaveLength(32)
  })

  test('of large bodies: halved once, and from then on sent as they fit', async () => {
    const { report, requests } = await run(await scripted({ maxBytes: 40_000, status: 413 }), 512)
    expect(report).toMatchObject({ sent: 512, dropped: 0 })
    const fits = requests.find(({ accepted }) => accepted)?.spans.length ?? 0
    const halvings = Math.log2(512 / fits)
    expect(requests.filter(({ accepted }) => !accepted)).toHaveLength(halvings)
    expect(requests.length).toBe(halvings + Math.ceil(512 / fits))
  })

  test('of large bodies, and one span is too large alone: the others are not sent one by one', async () => {
    const large = (n: number): string => (n === 300 ? 'x'.repeat(50_000) : '')
    const backend = await scripted({ maxBytes: 40_000, status: 413 })
    const { report, requests } = await run(backend, 512, {}, undefined, large)
    expect(report).toMatchObject({ sent: 511, dropped: 1, error: expect.stringContaining('413') })
    expect(requests.length).toBeLessThan(50)
  })

  test('of many spans together, as 400: no span is blamed for it', async () => {
    // Some hundred spans.
    const { report, requests } = await run(await scripted({ maxBytes: 130_000, status: 400 }), 500)
    expect(report).toEqual({ sent: 500, dropped: 0, spooled: 0, pending: 0 })
    expect(requests.length).toBeLessThan(60)
  })

  test.each<[string, number, (n: number) => boolean, requests: number]>([
    ['one', 1, (n) => n === 0, 12],
    ['8 far from each other', 8, (n) => n % 64 === 60, 80],
    ['12 in a row', 12, (n) => n >= 200 && n < 212, 45],
    ['64', 64, (n) => n % 8 === 5, 450],
  ])('of %s in 512: the others arrive', async (_, poison, poisoned, most) => {
    const { report, requests } = await run(await scripted(POISON), 512, {}, poisoned)
    expect(report).toMatchObject({ sent: 512 - poison, dropped: poison, error: expect.stringContaining('400') })
    expect(requests.length).toBeLessThanOrEqual(most)
  })

  test.each([0, 36, 49, 50, 98])('of one in 100, the %ith: 12 requests are enough', async (at) => {
    const { report, requests } = await run(await scripted(POISON), 100, { maxRequests: 12 }, (n) => n === at)
    expect(report).toMatchObject({ sent: 99, dropped: 1, error: expect.stringContaining('400') })
    expect(requests.length).toBeLessThanOrEqual(12)
  })

  test('of the key, by the token server: the spans are not searched for a reason', async () => {
    const backend = await scripted()
    await script(`${backend.url}-auth`, [{ status: 400 }])
    const options = { endpoint: `${backend.url}/v1/traces`, apiEndpoint: backend.url, apiKey: crypto.randomUUID() }
    const session = createAgentOps({ ...options, exportIntervalMs: 60_000 }).startSession()
    for (let n = 0; n < 99; n++) session.tool(`t${n}`, () => n)
    const span = session.tracer.startSpan('counted')
    let encodings = 0
    Object.defineProperty(span, 'kind', { get: () => encodings++ && 0 })
    span.end()
    const report = await session.end()
    expect(report).toMatchObject({ sent: 0, dropped: 101, error: expect.stringContaining('answered 400') })
    expect(encodings).toBe(1)
    expect(await backend.spans()).toHaveLength(0)
  })
})

test('some rejected, the others undelivered: each with its own reason', async () => {
  const delivery = await deliverInParts(['poison', 'good'], {
    maxBytes: 1000,
    encode: (some) => ({ body: new TextEncoder().encode(some.join()), headers: {} }),
    post: async ({ body }) =>
      new TextDecoder().decode(body).includes('poison')
        ? { reason: 'rejected', status: 400, error: 'answered 400' }
        : { reason: 'undelivered', status: 503, error: 'answered 503' },
  })
  expect(delivery).toEqual({
    ...{ sent: 0, dropped: 1, spooled: 0, unsent: ['good'], spoiled: true },
    ...{ rejection: 'answered 400', reason: 'undelivered', error: 'answered 503' },
  })
})

function broken(stream: ReadableStreamDefaultController): void {
  stream.error(new Error('out of memory'))
}

test.each<[string, () => unknown]>([
  ['cannot be made', () => ({})],
  ['breaks off', () => ({ readable: new ReadableStream({ start: broken }), writable: new WritableStream() })],
])('a compression that %s: the body is sent as it is', async (_, stream) => {
  const backend = await scripted()
  vi.stubGlobal('CompressionStream', function CompressionStream() {
    return stream()
  })
  const { report } = await run(backend, 20, { compression: 'gzip' })
  expect(report).toMatchObject({ sent: 20, dropped: 0 })
  expect((await backend.received())[0]?.headers['content-encoding']).toBeUndefined()
})

/**
 * Property. Whatever is dropped was refused alone, or 32 requests in a row were refused; up to 8 that are refused alone
 * never make those 32. And the requests are as many as searches by halves for what is refused and for what fits.
 */
test('what a backend takes alone is dropped after 32 refusals in a row only', async () => {
  const indices = fc.uniqueArray(fc.nat(511), { maxLength: 40 })
  const few = fc.uniqueArray(fc.nat(511), { maxLength: 8 })
  const most = fc.option(fc.integer({ min: 1, max: 600 }), { nil: 600 })
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 512 }),
      fc.oneof(
        few,
        indices,
        fc.tuple(fc.nat(500), fc.nat(40)).map(([at, n]) => Array.from({ length: n }, (_, i) => at + i)),
      ),
      fc.array(fc.constantFrom(400, 413, 'unencodable', 'too large'), { minLength: 1, maxLength: 4 }),
      fc.record({ 400: most, 413: most, ours: most }),
      async (count, refused, kinds, limits) => {
        const items = Array.from({ length: count }, (_, n) => n)
        const faults = new Map(refused.map((item, n) => [item, kinds[n % kinds.length]]))
        const bad = items.filter((item) => faults.has(item))
        const taken: number[] = []
        const alone = new Set<number>()
        let [requests, inARow, longest] = [0, 0, 0]
        let part: readonly number[] = []
        const has = (fault: unknown): boolean => part.some((item) => faults.get(item) === fault)
        const statusOf = (): number => {
          if (part.length > limits[413] || has(413)) return 413
          return part.length > limits[400] || has(400) ? 400 : 200
        }
        const delivery = await deliverInParts(items, {
          maxBytes: 1000,
          encode(some) {
            part = some
            if (some.length === 1) alone.add(some[0] as number)
            if (has('unencodable')) throw new Error('unencodable')
            return { body: new Uint8Array(has('too large') || some.length > limits.ours ? 1001 : 1), headers: {} }
          },
          async post(): Promise<Outcome> {
            requests++
            const status = statusOf()
            inARow = status === 200 ? 0 : inARow + 1
            longest = Math.max(longest, inARow)
            if (status !== 200) return { reason: 'rejected', status, error: `answered ${status}` }
            taken.push(...part)
            return { status, body: new Uint8Array() }
          },
        })
        expect(delivery.sent + delivery.dropped).toBe(count)
        expect(delivery.unsent).toEqual([])
        expect(taken).toHaveLength(delivery.sent)
        expect(taken).toEqual([...new Set(taken)].sort((a, b) => a - b))
        expect(longest).toBeLessThanOrEqual(32)
        if (bad.length <= 8) expect(longest).toBeLessThan(32)
        if (longest < 32) {
          expect(taken).toEqual(items.filter((item) => !faults.has(item)))
          expect(bad.filter((item) => !alone.has(item))).toEqual([])
        }
        const search = Math.ceil(Math.log2(count)) + 2
        const fits = Math.min(limits[400], limits[413], limits.ours)
        const searches = bad.length + Math.ceil((2 * count) / fits) + 1
        expect(requests).toBeLessThanOrEqual(2 * search * searches)
      },
    ),
    tries(2000),
  )
})
