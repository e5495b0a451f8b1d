/**
 * A backend that is away for a while, in real workerd with default options and no spool: nothing is lost, nothing is sent
 * twice, and it is asked one at a time, each time later. Longer outages: `npm run soak`.
 */
import { describe, expect, test } from 'vitest'
import { expectBackoff, expectWhole } from '../support/books.ts'
import { type Booked, startLedger } from '../support/ledger.ts'
import { startOutboxWorker } from '../support/outbox.ts'
import { waitFor } from '../support/wait.ts'

const KEY = '66666666-6666-4666-8666-666666666666'
const isToken = ({ path }: Booked): boolean => path.endsWith('/token')

describe.concurrent('nothing is lost', () => {
  test('503 for 3 s', async (t) => {
    const ledger = await startLedger(t, ({ at }) => ({ status: at < 3000 ? 503 : 200 }))
    const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
    ledger.restart()
    const sessions = await worker.traffic(20, 4000)
    const { isolate } = await worker.settled()
    expectWhole(ledger, sessions)
    expectBackoff(ledger.posts().filter(({ status }) => status === 503))
    expect(isolate).toMatchObject({ sent: sessions * 2, dropped: 0, pending: 0, bytes: 0 })
    expect(worker.logs).toEqual([])
  })

  test('connections refused for 3 s', async (t) => {
    const ledger = await startLedger(t)
    await ledger.shut()
    const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
    const opening = new Promise((resolve) => setTimeout(resolve, 3000)).then(ledger.open)
    ledger.restart()
    const sessions = await worker.traffic(20, 4000)
    await opening
    await worker.settled()
    expectWhole(ledger, sessions)
    expect(worker.logs).toEqual([])
  })

  test('the token endpoint answers 503 for 2 s: it is asked with a backoff of its own', async (t) => {
    const ledger = await startLedger(t, (booked) => ({ status: isToken(booked) && booked.at < 2000 ? 503 : 200 }))
    const options = { endpoint: `${ledger.url}/v1/traces`, apiKey: KEY, apiEndpoint: ledger.url }
    const worker = await startOutboxWorker(t, options)
    ledger.restart()
    const sessions = await worker.traffic(20, 3000)
    await worker.settled()
    expectWhole(ledger, sessions)
    const tokens = ledger.requests.filter(isToken)
    expectBackoff(tokens.slice(0, -1))
    expect(tokens.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(1)
    expect(ledger.posts().every(({ headers }) => headers.authorization === `Bearer token of ${KEY}`)).toBe(true)
  })

  test('Retry-After: 5 is kept to', async (t) => {
    const ledger = await startLedger(t, ({ at }) =>
      at < 2000 ? { status: 429, headers: { 'retry-after': '5' } } : { status: 200 },
    )
    const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
    ledger.restart()
    const sessions = await worker.traffic(20, 3000)
    await worker.settled()
    expectWhole(ledger, sessions)
    const [refused, next] = ledger.posts()
    expect([refused?.status, next?.status]).toEqual([429, 200])
    expect(Number(next?.at) - Number(refused?.at)).toBeGreaterThan(4950)
  })

  test('a session that cannot wait any longer leaves its spans to the next request', async (t) => {
    const ledger = await startLedger(t, ({ at }) => ({ status: at < 2000 ? 503 : 200 }))
    const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces`, flushDeadlineMs: 1000 })
    ledger.restart()
    for (let n = 0; n < 5; n++) await worker.ask('/many?sessions=1')
    await new Promise((resolve) => setTimeout(resolve, 2500))
    const left = await worker.state()
    expect(left.isolate).toMatchObject({ pending: 10, dropped: 0 })
    const reports = Object.values(left.reports)
    for (const report of reports) expect(report).toMatchObject({ sent: 0, dropped: 0, pending: 2 })
    expect(reports.map(({ error }) => error).join()).toContain(`${ledger.url}/v1/traces answered 503`)
    expect(worker.logs[0]).toContain(`2 spans for ${ledger.url}/v1/traces go with the next request`)
    // One that comes while the destination is not to be asked leaves its spans, too.
    let sessions = 5
    await waitFor('the end of the outage', async () => {
      await worker.ask('/many?sessions=1')
      sessions++
      return ledger.posts().some(({ status }) => status === 200)
    })
    await worker.settled()
    expectWhole(ledger, sessions)
    // A report that was given stays as it was.
    expect((await worker.state()).reports).toMatchObject(left.reports)
  })
})
