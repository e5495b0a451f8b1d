/** Repeats an attempt whose failure may pass, with exponential backoff and full jitter, inside one deadline. */
import type { Outcome } from './transport.ts'

const FIRST_DELAY_MS = 300
const MAX_DELAY_MS = 5000

export interface RetryPolicy {
  attempts: number
  /** For one attempt. */
  timeoutMs: number
  /** For all of them, as milliseconds since the epoch. */
  deadline: number
}

export async function retrying(
  attempt: (timeoutMs: number) => Promise<Outcome>,
  policy: RetryPolicy,
): Promise<Outcome> {
  for (let made = 1; ; made++) {
    const outcome = await attempt(Math.max(Math.min(policy.timeoutMs, policy.deadline - Date.now()), 1))
    if (outcome.kind !== 'retryable' || made >= policy.attempts) return outcome
    const delay = outcome.retryAfterMs ?? Math.random() * Math.min(FIRST_DELAY_MS * 2 ** (made - 1), MAX_DELAY_MS)
    if (Date.now() + delay >= policy.deadline) return outcome
    await sleep(delay)
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
