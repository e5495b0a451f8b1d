/** A span for each outgoing request. */
import type { FetchInstrumentation } from '../session/instruments.ts'
import { patchFetch } from './fetch.ts'

const FETCH: FetchInstrumentation = { instruments: 'fetch', install: patchFetch }

/**
 * Makes each outgoing request a span of the session. Replaces the global `fetch`, once; call it before clients are made,
 * because some of them keep the `fetch` that they found.
 */
export function fetchCalls(): FetchInstrumentation {
  patchFetch()
  return FETCH
}
