/** Sessions that nobody looks at leave what they have to who sends, where somebody else sees to it that it is sent. */
import { describe, expect, test } from 'vitest'
import { expectWhole } from '../support/books.ts'
import { startLedger } from '../support/ledger.ts'
import { startOutboxWorker } from '../support/outbox.ts'
import { waitFor } from '../support/wait.ts'

const ROUND_TRIP_MS = 600
const SESSIONS = 40

describe.concurrent('sessions that end while another is being sent', () => {
  test('set no timer but the one behind their answer', async (t) => {
    const ledger = await startLedger(t, () => ({ delayMs: ROUND_TRIP_MS }))
    const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
    for (let n = 0; n < SESSIONS; n++) await worker.ask('/?tools=0')
    const { timers, isolate } = await worker.settled()
    expectWhole(ledger, SESSIONS, 1)
    expect(isolate).toMatchObject({ sent: SESSIONS, dropped: 0, pending: 0 })
    expect(worker.logs).toEqual([])
    const posts = ledger.posts().length
    expect(posts).toBeLessThan(6)
    // Beside theirs: a limit for each request, and the looks of the one that waits, 10 to 100 ms apart.
    const set = timers.reduce((sum, each) => sum + (each ?? 0), 0)
    expect(set - SESSIONS).toBeLessThan(posts * 12)
  })

  test('are sent though it is cut off, with no request that comes after', async (t) => {
    let count = 0
    const ledger = await startLedger(t, () => ({ delayMs: count++ ? 0 : 8000 }))
    const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces` })
    void fetch(`${worker.url}/cut?how=abort&after=400`).catch(() => {})
    await waitFor('the first request', () => ledger.posts().length > 0)
    for (let n = 0; n < SESSIONS; n++) await worker.ask()
    await worker.settled()
    expectWhole(ledger, SESSIONS + 1)
  })

  test('each wait where somebody is told what became of them', async (t) => {
    const ledger = await startLedger(t, () => ({ delayMs: ROUND_TRIP_MS }))
    const worker = await startOutboxWorker(t, { endpoint: `${ledger.url}/v1/traces`, told: true })
    for (let n = 0; n < SESSIONS; n++) await worker.ask()
    const { reports } = await worker.settled(SESSIONS)
    expect(Object.values(reports)).toEqual(Array(SESSIONS).fill({ sent: 2, dropped: 0, spooled: 0, pending: 0 }))
  })
})
