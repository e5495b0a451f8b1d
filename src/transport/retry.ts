/** A request that is repeated by itself: not the outbox's, which repeats what it has with what came meanwhile. */
import type { Deadline } from '../runtime/deadline.ts'
import { type Backoff, NO_TIME, note, waitFor } from './backoff.ts'
import type { Authorise, Route } from './connection.ts'
import { remembered } from './isolate.ts'
import type { Encoded, Outcome } from './transport.ts'

const backoffs: Map<string, Backoff> = new Map()

/** So often as `route.retries` says, and as the destination allows. */
export function post(route: Route, url: string, encoded: Encoded, authorise: Authorise): Promise<Outcome> {
  const { destination, deadline, retries } = route
  const backoff = remembered(backoffs, `${destination.url} ${destination.apiKey}`, () => ({ fails: 0, retryAt: 0 }))
  return retrying(backoff, retries, deadline, () => route.attempt(url, () => encoded, authorise))
}

/**
 * Makes an attempt, and again where its failure may pass, when `backoff` says so and inside one deadline. `retries`:
 * attempts after the first; where there is none, the first does not wait.
 */
export async function retrying(
  backoff: Backoff,
  retries: number,
  deadline: Deadline,
  attempt: () => Promise<Outcome>,
): Promise<Outcome> {
  let outcome: Outcome = NO_TIME
  for (let tried = 0; ; ) {
    const wait = retries ? waitFor(backoff.retryAt) : 0
    // A deadline that comes nearer meanwhile ends the wait.
    if (wait > 0 && wait < deadline.left) await new Promise<void>((resolve) => deadline.after(wait, resolve))
    if (wait >= deadline.left) return outcome
    outcome = await attempt()
    note(backoff, outcome)
    if (outcome.reason !== 'undelivered' || outcome.isFinal) return outcome
    // What is only remembered was no attempt.
    if (!retries || (!outcome.isRemembered && ++tried > retries)) return outcome
  }
}
