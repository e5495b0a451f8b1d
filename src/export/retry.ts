/** Repeats an attempt whose failure may pass, with exponential backoff and full jitter, inside one deadline. */
import type { Outcome } from './transport.ts'

const FIRST_DELAY_MS = 300
const MAX_DELAY_MS = 5000

export interface RetryPolicy {
  /** For one attempt. */
  exportTimeoutMs: number
  /** For all of them. */
  flushDeadlineMs: number
  /** After the first attempt. */
  retryAttempts: number
}

export async function retrying(
  policy: RetryPolicy,
  attempt: (timeoutMs: number) => Promise<Outcome>,
): Promise<Outcome> {
  const deadline = Date.now() + policy.flushDeadlineMs
  for (let retries = 0; ; retries++) {
    const outcome = await attempt(Math.max(Math.min(policy.exportTimeoutMs, deadline - Date.now()), 1))
    if (outcome.reason !== 'undelivered' || retries >= policy.retryAttempts) return outcome
    const delay = outcome.retryAfterMs ?? Math.random() * Math.min(FIRST_DELAY_MS * 2 ** retries, MAX_DELAY_MS)
    if (Date.now() + delay >= deadline) return outcome
    await sleep(delay)
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
