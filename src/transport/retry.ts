/** Repeats an attempt whose failure may pass, with exponential backoff and full jitter, inside one deadline. */
import type { Deadline } from '../runtime/deadline.ts'
import type { Outcome } from './transport.ts'

const FIRST_DELAY_MS = 300
const MAX_DELAY_MS = 5000

/** `retries`: attempts after the first. */
export async function retrying(retries: number, deadline: Deadline, attempt: () => Promise<Outcome>): Promise<Outcome> {
  for (let tried = 0; ; tried++) {
    const outcome = await attempt()
    if (outcome.reason !== 'undelivered' || tried >= retries) return outcome
    const delay = outcome.retryAfterMs ?? Math.random() * Math.min(FIRST_DELAY_MS * 2 ** tried, MAX_DELAY_MS)
    if (delay >= deadline.left) return outcome
    // A deadline that comes nearer meanwhile ends the wait.
    await deadline.within(delay, new Promise(() => {})).catch(() => {})
    if (deadline.left <= 0) return outcome
  }
}
