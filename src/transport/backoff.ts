/** When a destination, or a token endpoint, is asked again: a state of its own, that all its senders keep to. */
import type { Outcome, Refused } from './transport.ts'

export interface Backoff {
  /** Attempts in a row that failed. */
  fails: number
  /** No request before, milliseconds since the epoch. */
  retryAt: number
  /** The destination has said so itself, by `Retry-After`. */
  isTold?: boolean
}

const FIRST_MS = 500
const MAX_MS = 15_000
/** Of a `Retry-After`. */
const MOST_MS = 60_000
const LEAST_MS = 100

export const NO_TIME: Refused = { reason: 'undelivered', error: 'no time was left; see flushDeadlineMs' }

/** Exponential, from half of the time to all of it. */
export function delayOf(fails: number): number {
  return Math.min(FIRST_MS * 2 ** (fails - 1), MAX_MS) * (0.5 + Math.random() / 2)
}

/** Milliseconds until `at`; none where that is further than anything waits: the clock has been set. */
export function waitFor(at: number): number {
  const ms = at - Date.now()
  return ms > 0 && ms <= MOST_MS ? ms : 0
}

/** What an attempt means for the next one. */
export function note(backoff: Backoff, outcome: Outcome): void {
  if (!outcome.reason) backoff.fails = backoff.retryAt = 0
  else if (outcome.reason === 'undelivered' && !outcome.isFinal) {
    const { retryAt, retryAfterMs } = outcome
    // Of several at the same time the first counts.
    if (waitFor(backoff.retryAt) && retryAt === undefined && retryAfterMs === undefined) return
    if (retryAt === undefined) backoff.fails++
    const wait =
      retryAfterMs === undefined ? delayOf(backoff.fails) : Math.min(Math.max(retryAfterMs, LEAST_MS), MOST_MS)
    backoff.retryAt = retryAt ?? Date.now() + wait
    backoff.isTold = retryAfterMs !== undefined
  }
}
