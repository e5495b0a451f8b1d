/** Repeats an attempt whose failure may pass, with exponential backoff and full jitter, inside one deadline. */
import type { Outcome } from './transport.ts'

const FIRST_DELAY_MS = 300
const MAX_DELAY_MS = 5000

/** When a delivery must be over, milliseconds since the epoch. A flush may move it while one is under way. */
export interface Deadline {
  at: number
}

export interface RetryPolicy {
  /** For one attempt. */
  exportTimeoutMs: number
  /** After the first attempt. */
  retryAttempts: number
}

export async function retrying(
  policy: RetryPolicy,
  deadline: Deadline,
  attempt: (timeoutMs: number) => Promise<Outcome>,
): Promise<Outcome> {
  for (let retries = 0; ; retries++) {
    const outcome = await attempt(Math.max(Math.min(policy.exportTimeoutMs, deadline.at - Date.now()), 1))
    if (outcome.reason !== 'undelivered' || retries >= policy.retryAttempts) return outcome
    const delay = outcome.retryAfterMs ?? Math.random() * Math.min(FIRST_DELAY_MS * 2 ** retries, MAX_DELAY_MS)
    if (Date.now() + delay >= deadline.at) return outcome
    await sleep(delay)
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** `promise`, or a rejection after `ms`. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
