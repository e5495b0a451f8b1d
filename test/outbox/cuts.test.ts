/** A sender whose context is cut off while it sends: others take over. A sender that is merely slow is left alone. */
import { describe, expect, type TestContext, test } from 'vitest'
import { type Ledger, startLedger } from '../support/ledger.ts'
import { type OutboxWorker, startOutboxWorker } from '../support/outbox.ts'
import { waitFor } from '../support/wait.ts'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** The first request is not answered in time; the others are. */
async function start(t: TestContext, options: object = {}): Promise<{ ledger: Ledger; worker: OutboxWorker }> {
  let count = 0
  const ledger = await startLedger(t, () => ({ delayMs: count++ ? 0 : 8000 }))
  return { ledger, worker: await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces`, ...options }) }
}

/** Sessions that end while the first request is under way wait for it; it is cut off, and the next comes soon. */
async function expectTakenOver(
  { ledger, worker }: { ledger: Ledger; worker: OutboxWorker },
  cut: () => unknown,
): Promise<void> {
  const cutting = Promise.resolve(cut()).catch(() => {})
  await waitFor('the first request', () => ledger.posts().length > 0)
  for (let n = 0; n < 5; n++) await worker.ask()
  await cutting
  const cutAt = Number(ledger.posts()[0]?.at) + 300
  const next = await waitFor('the next request', () => ledger.posts()[1])
  // 600 ms, and what a busy machine takes.
  expect(next.at - cutAt).toBeLessThan(1200)
  await worker.settled()
  const counts = [...ledger.taken().values()]
  expect(counts).toHaveLength(12)
  expect(Math.max(...counts)).toBe(1)
}

describe.concurrent('the next request comes soon, and has what the first one had', () => {
  test.for(['abort', 'throw'])('an object that is cut off by %s', async (how, t) => {
    const given = await start(t)
    await expectTakenOver(given, () => fetch(`${given.worker.url}/cut?how=${how}&after=100`))
    expect(given.ledger.traces().size).toBe(6)
  })

  test('a client that leaves, with nothing that keeps the request', async (t) => {
    const given = await start(t)
    await expectTakenOver(given, () => given.worker.leave('/floating', 300))
    expect(given.ledger.traces().size).toBe(6)
  })

  test('a provider at module scope: its next flush sends what the one that was cut off had', async (t) => {
    const { ledger, worker } = await start(t)
    await worker.leave('/provider?name=first&floating', 300)
    await worker.ask('/provider?name=second')
    await worker.settled()
    const names = ledger
      .posts()
      .filter(({ status }) => status === 200)
      .flatMap(({ spans }) => spans.map(({ name }) => name))
    expect(names.sort()).toEqual(['first', 'second'])
  })

  test('nobody waits when it happens: a session that ends later sees to it', async (t) => {
    const { ledger, worker } = await start(t)
    await worker.leave('/floating?name=cut', 300)
    await sleep(1200)
    await worker.ask()
    await worker.settled()
    expect(ledger.traces().size).toBe(2)
    expect(Math.max(...ledger.taken().values())).toBe(1)
  })

  test('a backend that resets when it has read all: once or twice, never thrice', async (t) => {
    let count = 0
    const ledger = await startLedger(t, () => ({ reset: count++ === 0, delayMs: 50 }))
    const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
    for (let n = 0; n < 5; n++) await worker.ask()
    await worker.settled()
    const times = new Map<string, number>()
    for (const { spans } of ledger.posts())
      for (const { spanId } of spans) times.set(spanId, (times.get(spanId) ?? 0) + 1)
    expect([times.size, Math.max(...times.values())]).toEqual([10, 2])
    expect(ledger.taken().size).toBe(10)
  })
})

describe.concurrent('who is merely slow keeps its turn', () => {
  test('2 s of CPU in the isolate are no cut', async (t) => {
    const ledger = await startLedger(t, () => ({ delayMs: 400 }))
    const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
    // How much this machine does in 2 s.
    await worker.ask('/cpu?rounds=2e7')
    const begun = performance.now()
    await worker.ask('/cpu?rounds=2e7')
    const rounds = Math.round((2e7 * 2000) / (performance.now() - begun))
    await worker.ask()
    await worker.ask()
    await worker.ask(`/cpu?rounds=${rounds}`)
    await worker.ask()
    await worker.settled()
    expect(ledger.traces().size).toBe(3)
    expect(Math.max(...ledger.taken().values())).toBe(1)
  })

  test('an object whose timers stand still for 3 s is none, and nobody waits for it', async (t) => {
    let count = 0
    const ledger = await startLedger(t, () => ({ delayMs: count++ ? 0 : 2000 }))
    const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
    await worker.ask('/blocked?after=20')
    await waitFor('the first request', () => ledger.posts().length > 0)
    const before = performance.now()
    await worker.ask()
    await waitFor('the next request', () => ledger.traces().size > 0)
    expect(performance.now() - before).toBeLessThan(1500)
    for (let n = 0; n < 10; n++) {
      await worker.ask()
      await sleep(200)
    }
    await worker.settled()
    expect(ledger.traces().size).toBe(12)
    expect(Math.max(...ledger.taken().values())).toBe(1)
  })
})
