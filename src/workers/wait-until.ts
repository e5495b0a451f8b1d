/**
 * `waitUntil` for code that has no `ctx`. The one of `cloudflare:workers` is a module's export, which nobody can
 * intercept: this one takes its place.
 */

import type { WaitUntil } from '../lifetime/wait-until.ts'
import { debug, guard, identify } from '../runtime/diag.ts'
import { currentSession } from '../session/current.ts'

/**
 * Keeps the invocation alive, and its session open, until `promise` settles (see `workDeadlineMs`). Outside a session it
 * is the `waitUntil` of `cloudflare:workers`; where there is none either, it is said and does nothing. Never throws.
 *
 * ```ts
 * waitUntil(cache.put(request, response.clone()))
 * ```
 */
export function waitUntil(promise: Promise<unknown>): void {
  guard('waitUntil', () => {
    // A lazy thenable (a query) would be started by each of us who looks at it.
    const kept = Promise.resolve(promise)
    if (currentSession()?.keepAlive(kept)) return
    platform()
      .then((keep) => keep(kept))
      .catch((error) => debug(`waitUntil: no session, and cloudflare:workers has none to give (${identify(error)})`))
  })
}

/** A bundler must not look for it: the package is loaded on other runtimes, too. */
async function platform(): Promise<WaitUntil> {
  const module = ['cloudflare', 'workers'].join(':')
  const { waitUntil } = (await import(/* @vite-ignore */ /* webpackIgnore: true */ module)) as { waitUntil: WaitUntil }
  return waitUntil
}
