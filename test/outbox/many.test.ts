/** Many sessions at once, and many tenants: bounded requests and looks, and nobody's spans in another's request. */
import { expect, test } from 'vitest'
import { expectWhole } from '../support/books.ts'
import { startLedger } from '../support/ledger.ts'
import { startOutboxWorker } from '../support/outbox.ts'

test('4,000 sessions that end at once, 300 ms a round trip: all sent, at most 3,000 looks a second', async (t) => {
  const ledger = await startLedger(t, () => ({ delayMs: 300 }))
  const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
  const begun = performance.now()
  await Promise.all(Array.from({ length: 80 }, () => worker.ask('/many?sessions=50&tools=2')))
  const { timers, ends } = await worker.settled()
  expect(performance.now() - begun).toBeLessThan(12_000)
  expectWhole(ledger, 4000, 3)
  // A look is a timer; a session begins with one, and a request has some.
  for (const [second, set] of timers.entries()) expect((set ?? 0) - (ends[second] ?? 0)).toBeLessThan(3000 + 32 * 3)
  expect(ledger.mostOpen).toBeLessThanOrEqual(32)
  expect(ledger.posts().length).toBeLessThan(100)
}, 90_000)

test('500 sessions of two tenants at once: no request carries both, and each report is right', async (t) => {
  const tenants = ['77777777-7777-4777-8777-777777777777', '88888888-8888-4888-8888-888888888888']
  const ledger = await startLedger(t, () => ({ delayMs: 50 }))
  const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces`, apiEndpoint: ledger.url })
  await Promise.all(
    Array.from({ length: 50 }, (_, n) => worker.ask(`/many?sessions=10&tenant=${tenants[n % 2]}&tool=tenant${n % 2}`)),
  )
  const { reports } = await worker.settled(500)
  expectWhole(ledger, 500)
  const tokens = new Map<string, Set<string>>()
  for (const { headers, spans } of ledger.posts()) {
    const of = new Set(spans.flatMap(({ name }) => /tenant\d/.exec(name) ?? []).map(String))
    expect(of.size).toBe(1)
    tokens.set(`${headers.authorization}`, new Set([...(tokens.get(`${headers.authorization}`) ?? []), ...of]))
  }
  expect([...tokens.values()].map(({ size }) => size)).toEqual([1, 1])
  expect(Object.values(reports)).toEqual(Array(500).fill({ sent: 2, dropped: 0, spooled: 0, pending: 0 }))
})

test('300 tenants lose none, and one’s 429s hold up nobody else', async (t) => {
  const key = (n: number): string => `99999999-9999-4999-8999-${`${n}`.padStart(12, '0')}`
  const ledger = await startLedger(t, ({ spans, at }) =>
    spans.some(({ name }) => name === 'n7.session') && at < 4000
      ? { status: 429, headers: { 'retry-after': '3' } }
      : { delayMs: 5 },
  )
  const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces`, apiEndpoint: ledger.url })
  ledger.restart()
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 300; n += 10) {
      await Promise.all(
        Array.from({ length: 10 }, (_, i) => worker.ask(`/many?sessions=1&tenant=${key(n + i)}&name=n${n + i}`)),
      )
    }
  }
  await worker.settled()
  expectWhole(ledger, 600)
  const limited = ledger.posts().filter(({ status }) => status === 429)
  expect(limited.length).toBeGreaterThan(0)
  const others = ledger.posts().filter(({ spans }) => !spans.some(({ name }) => name === 'n7.session'))
  expect(others.every(({ status }) => status === 200)).toBe(true)
})
