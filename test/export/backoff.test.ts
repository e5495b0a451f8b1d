/** When a destination is asked again: the rules themselves, without one. What they do to deliveries is `faults.test.ts`'. */
import { describe, expect, test } from 'vitest'
import { Deadline } from '../../src/runtime/deadline.ts'
import { type Backoff, delayOf, NO_TIME, note, waitFor } from '../../src/transport/backoff.ts'
import { retrying } from '../../src/transport/retry.ts'
import type { Outcome, Refused } from '../../src/transport/transport.ts'

const accepted: Outcome = { status: 200, body: new Uint8Array() }
const failed: Refused = { reason: 'undelivered', error: '503', status: 503 }
/** A backoff that `outcomes` have left, and how long it waits from now, to the 400 ms that a busy machine may take. */
function after(...outcomes: Outcome[]): Backoff & { waits: number } {
  const backoff: Backoff = { fails: 0, retryAt: 0 }
  for (const outcome of outcomes) note(backoff, outcome)
  return { ...backoff, waits: backoff.retryAt ? backoff.retryAt - Date.now() : 0 }
}
/** `ms`, less what has gone by since. */
const about = (ms: number): unknown =>
  expect.toSatisfy((value: number) => value <= ms && value > ms - 400, `${ms} ms, less at most 400`)

test('a failure waits from half of its time to all of it, twice as long each time, and 15 s at most', () => {
  for (const [fails, ms] of [
    [1, 500],
    [2, 1000],
    [3, 2000],
    [5, 8000],
    [6, 15_000],
    [40, 15_000],
  ] as const) {
    const delays = Array.from({ length: 200 }, () => delayOf(fails))
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(ms / 2)
    expect(Math.max(...delays)).toBeLessThanOrEqual(ms)
    // 200 draws that miss a quarter of the range: one time in 10²⁵.
    expect(Math.min(...delays)).toBeLessThan(ms * 0.625)
    expect(Math.max(...delays)).toBeGreaterThan(ms * 0.875)
  }
})

test('a time that is over, or further away than anything waits, is none', () => {
  const now = Date.now()
  expect(waitFor(now - 1)).toBe(0)
  expect(waitFor(now + 5000)).toEqual(about(5000))
  expect(waitFor(now + 60_000)).toEqual(about(60_000))
  expect(waitFor(now + 70_000)).toBe(0)
})

describe('what an outcome means for the next attempt', () => {
  test('one that is taken ends all waiting', () => {
    expect(after(failed, failed, accepted)).toMatchObject({ fails: 0, retryAt: 0 })
  })

  test('one that may pass counts, and waits', () => {
    const { fails, waits, isTold } = after(failed)
    expect([fails, isTold]).toEqual([1, false])
    expect(waits).toBeGreaterThan(150)
    expect(waits).toBeLessThanOrEqual(500)
  })

  test.each<[string, Outcome]>([
    ['refused for what is in it', { reason: 'rejected', error: '400' }],
    ['out of requests', { reason: 'request-limit', error: 'maxRequests' }],
    ['kept for later', { ...failed, isFinal: true }],
  ])('one that is %s moves nothing', (_, outcome) => {
    expect(after(outcome)).toMatchObject({ fails: 0, retryAt: 0 })
    expect(after({ ...failed, retryAfterMs: 5000 }, outcome)).toMatchObject({ fails: 1, waits: about(5000) })
  })

  test.each([
    [5000, 5000],
    [3_600_000, 60_000],
    [0, 100],
  ])('Retry-After of %i ms waits %i', (told, ms) => {
    expect(after({ ...failed, retryAfterMs: told })).toMatchObject({ waits: about(ms), isTold: true, fails: 1 })
  })

  test('of several at the same time the first counts, unless the destination says more', () => {
    expect(after({ ...failed, retryAfterMs: 5000 }, failed)).toMatchObject({ fails: 1, waits: about(5000) })
    expect(after(failed, { ...failed, retryAfterMs: 5000 })).toMatchObject({ fails: 2, waits: about(5000) })
    const retryAt = Date.now() + 7000
    expect(after(failed, { ...failed, retryAt })).toMatchObject({ fails: 1, retryAt, isTold: false })
  })
})

describe('attempts', () => {
  const none = (): Backoff => ({ fails: 0, retryAt: 0 })
  /** Outcomes in a row, the last one again and again; counts. */
  function making(...outcomes: Outcome[]): { made: () => number; attempt: () => Promise<Outcome> } {
    let made = 0
    const attempt = async (): Promise<Outcome> => outcomes[Math.min(made++, outcomes.length - 1)] as Outcome
    return { made: () => made, attempt }
  }
  const told: Refused = { ...failed, retryAfterMs: 100 }
  const soon = (ms = 5000): Deadline => new Deadline(Date.now() + ms)

  test('go on until one is taken, each after its wait', async () => {
    const { made, attempt } = making(told, told, accepted)
    const started = Date.now()
    expect(await retrying(none(), 5, soon(), attempt)).toBe(accepted)
    expect(made()).toBe(3)
    // Timers may be a millisecond early.
    expect(Date.now() - started).toBeGreaterThanOrEqual(195)
  })

  test('are one and so many retries', async () => {
    const { made, attempt } = making(told)
    expect(await retrying(none(), 2, soon(), attempt)).toBe(told)
    expect(made()).toBe(3)
  })

  test('without retries are one, that waits for nothing', async () => {
    const { made, attempt } = making(failed)
    const started = Date.now()
    expect(await retrying({ fails: 3, retryAt: Date.now() + 4000 }, 0, soon(), attempt)).toBe(failed)
    expect(made()).toBe(1)
    expect(Date.now() - started).toBeLessThan(3000)
  })

  test('that are only remembered do not count', async () => {
    const remembered = { ...told, isRemembered: true }
    const { made, attempt } = making(remembered, remembered, remembered, accepted)
    expect(await retrying(none(), 1, soon(), attempt)).toBe(accepted)
    expect(made()).toBe(4)
  })

  test.each<[string, Outcome]>([
    ['rejected', { reason: 'rejected', error: '400' }],
    ['kept for later', { ...failed, isFinal: true }],
  ])('end with one that is %s', async (_, outcome) => {
    const { made, attempt } = making(outcome)
    expect(await retrying(none(), 5, soon(), attempt)).toBe(outcome)
    expect(made()).toBe(1)
  })

  test('end at once where the wait would outlast the deadline', async () => {
    const { made, attempt } = making({ ...failed, retryAfterMs: 30_000 })
    const started = Date.now()
    expect(await retrying(none(), 5, soon(), attempt)).toMatchObject({ retryAfterMs: 30_000 })
    expect(made()).toBe(1)
    expect(Date.now() - started).toBeLessThan(4000)
  })

  test('are none where no time is left, or the destination is left alone for longer', async () => {
    const { made, attempt } = making(accepted)
    expect(await retrying(none(), 5, soon(-1), attempt)).toBe(NO_TIME)
    expect(await retrying({ fails: 1, retryAt: Date.now() + 30_000 }, 5, soon(), attempt)).toBe(NO_TIME)
    expect(made()).toBe(0)
  })

  test('end when the deadline comes nearer meanwhile', async () => {
    const deadline = soon(20_000)
    const { made, attempt } = making({ ...failed, retryAfterMs: 10_000 })
    const started = Date.now()
    setTimeout(() => deadline.sooner(Date.now() + 50), 50)
    expect(await retrying(none(), 5, deadline, attempt)).toMatchObject({ retryAfterMs: 10_000 })
    expect(made()).toBe(1)
    expect(Date.now() - started).toBeLessThan(9000)
  })
})
