/** The outbox for minutes, in real workerd with default options and no spool. What is quick: the files beside it. */
import { describe, expect, test } from 'vitest'
import { expectBackoff, expectWhole } from '../support/books.ts'
import { type Booked, startLedger } from '../support/ledger.ts'
import { startOutboxWorker } from '../support/outbox.ts'

/** For a request that nothing of ours delays, on a busy machine. */
const UNAFFECTED_MS = 1000
const KEY = '66666666-6666-4666-8666-666666666666'
const isToken = ({ path }: Booked): boolean => path.endsWith('/token')
const isPoisoned = ({ spans }: Booked): boolean => spans.some(({ name }) => name === 'poison.tool')

describe.concurrent('nothing is lost, nothing is sent twice', { timeout: 300_000 }, () => {
  test.for([8000, 15_000])('503 for %i ms', async (ms, t) => {
    const ledger = await startLedger(t, ({ at }) => ({ status: at < ms ? 503 : 200 }))
    const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
    ledger.restart()
    const sessions = await worker.traffic(20, ms + 3000)
    await worker.settled()
    expectWhole(ledger, sessions)
    expectBackoff(ledger.posts().filter(({ status }) => status === 503))
    expect(worker.slowestMs).toBeLessThan(UNAFFECTED_MS)
    // The first of a long one may wait no longer than it lasts; others carry what they leave.
    for (const line of worker.logs) expect(line).toMatch(/^agentops-edge: \d+ spans for \S+ go with the next request/)
  })

  test('connections refused for 10 s', async (t) => {
    const ledger = await startLedger(t)
    await ledger.shut()
    const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
    const opening = new Promise((resolve) => setTimeout(resolve, 10_000)).then(ledger.open)
    const sessions = await worker.traffic(20, 12_000)
    await opening
    await worker.settled()
    expectWhole(ledger, sessions)
    expect(worker.slowestMs).toBeLessThan(UNAFFECTED_MS)
  })

  test('the token endpoint answers 503 for 6 s', async (t) => {
    const ledger = await startLedger(t, (booked) => ({ status: isToken(booked) && booked.at < 6000 ? 503 : 200 }))
    const options = { endpoint: `${ledger.url}/v1/traces`, apiKey: KEY, apiEndpoint: ledger.url }
    const worker = await startOutboxWorker(t, options)
    ledger.restart()
    const sessions = await worker.traffic(20, 8000)
    await worker.settled()
    expectWhole(ledger, sessions)
    expect(worker.slowestMs).toBeLessThan(UNAFFECTED_MS)
    expectBackoff(ledger.requests.filter(isToken).slice(0, -1))
  })
})

test('503 by content in 1 of 200 sessions for 60 s: all others arrive, and the backend is never left alone for long', async (t) => {
  const ledger = await startLedger(t, (booked) => ({ status: isPoisoned(booked) ? 503 : 200, delayMs: 20 }))
  const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
  ledger.restart()
  let poisoned = 0
  const isBad = (n: number): boolean => n % 200 === 100 && n < 1000
  const sessions = await worker.traffic(20, 60_000, (n) => {
    if (isBad(n)) poisoned++
    return isBad(n) ? '/?tool=poison' : '/'
  })
  const { isolate } = await worker.settled()
  expectWhole(ledger, sessions - poisoned)
  expect(isolate).toMatchObject({ sent: 2 * (sessions - poisoned), dropped: 2 * poisoned })
  const posts = ledger.posts()
  for (const [n, { at }] of posts.slice(1).entries()) expect(at - Number(posts[n]?.at)).toBeLessThan(1200)
}, 300_000)

test('4,400 spans a second at 200 ms a round trip for 30 s: a bounded backlog, and nothing lost', async (t) => {
  const ledger = await startLedger(t, () => ({ delayMs: 200 }))
  const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
  const backlog: number[] = []
  const look = setInterval(async () => backlog.push((await worker.state()).isolate.pending), 1000)
  const asked = await worker.traffic(20, 30_000, () => '/many?sessions=22&tools=9')
  clearInterval(look)
  const { isolate } = await worker.settled(22 * asked)
  expect(isolate).toMatchObject({ sent: 220 * asked, dropped: 0 })
  expect(asked).toBeGreaterThan(500)
  // What comes in some round trips; without more than one lane it would be half of all.
  expect(Math.max(...backlog)).toBeLessThan(15_000)
  expect(Math.max(...backlog.slice(-5))).toBeLessThan(1.5 * Math.max(...backlog.slice(5, 15)) + 4400)
}, 300_000)

test('an outage that outlasts the memory: what is too much is lost as queue-full, the rest arrives; no session is kept', async (t) => {
  // Five minutes with the default deadline, a fifth of both.
  const MS = 60_000
  const ledger = await startLedger(t, ({ at }) => ({ status: at < MS ? 503 : 200 }))
  const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces`, flushDeadlineMs: 5000 }, true)
  ledger.restart()
  const heaps: number[] = []
  let [made, asked] = [0, 0]
  // From the third on the memory is full.
  for (let n = 0; n < 5; n++) {
    asked = await worker.traffic(10, 8000, () => '/many?sessions=1&tools=100')
    made += 101 * asked
    heaps.push(await worker.heapUsed())
  }
  const during = await worker.state()
  expect(during.isolate.sent).toBe(0)
  expect(during.isolate.bytes).toBeLessThanOrEqual(16 << 20)
  expect(during.isolate.dropped).toBeGreaterThan(made / 4)
  // Of those that ended in the last seconds.
  expect(during.kept).toBeLessThan(asked)
  expect(Math.max(...heaps.slice(3))).toBeLessThan(Number(heaps[2]) + (4 << 20))
  const healthy = await worker.traffic(5, 40_000, () => '/many?sessions=1')
  const { isolate, drops } = await worker.settled()
  // Whoever asks for the heap makes some sessions, too.
  expect(isolate.sent + isolate.dropped).toBeGreaterThanOrEqual(made + 2 * healthy)
  expect(drops.reduce((sum, { spans }) => sum + spans, 0)).toBe(isolate.dropped)
  expect(new Set(drops.map(({ reason }) => reason))).toEqual(new Set(['queue-full']))
  const counts = [...ledger.taken().values()]
  expect(counts).toHaveLength(isolate.sent)
  expect(Math.max(...counts)).toBe(1)
}, 300_000)
