/** What is told of deliveries: the counters of several buffers, or sessions, as one, and what was lost. */

import { guard, warn } from '../runtime/diag.ts'

/** What became of a session's spans, counted over the session's life; where there are several destinations, for each of them. */
export interface FlushReport {
  /** Accepted by the backend. */
  sent: number
  /** Lost, each one reported by `onDrop`. */
  dropped: number
  /** Handed to a spool, to be sent later. */
  spooled: number
  /** Not sent yet: they go with the next export, or, where the session has ended, with the next request of the isolate or process. */
  pending: number
  /** Left unsent because `keep` said no; not there where it is 0. */
  sampledOut?: number
  /** Why spans were dropped, or why the last export did not succeed. */
  error?: string
}

/** What `onDrop` is told: how many spans were lost, and why. */
export interface Drop {
  spans: number
  /**
   * `queue-full`: the buffer was full. `rejected`: the backend refused them. `undelivered`: it could not be reached, nor
   * could the spool. `request-limit`: `maxRequests` was used up. `no-destination`: none is configured.
   */
  reason: 'queue-full' | 'rejected' | 'undelivered' | 'request-limit' | 'no-destination'
  error?: string
  /** Of the session that they are of, where they are of one. */
  traceId?: string
}

export function sumOf(reports: readonly FlushReport[]): FlushReport {
  const sum: FlushReport = { sent: 0, dropped: 0, spooled: 0, pending: 0 }
  for (const { error, ...counts } of reports) {
    for (const name of Object.keys(counts) as (keyof typeof counts)[])
      sum[name] = (sum[name] ?? 0) + (counts[name] ?? 0)
    if (error !== undefined) sum.error ??= error
  }
  return sum
}

/**
 * Says that spans were lost, once a cause, and gives them to `onDrop`. What follows a colon, or an amount or id (a word
 * with a digit), is no part of the cause: it may be new each time. A status stands at the end, and is.
 */
export function reportDrop(drop: Drop, onDrop: ((drop: Drop) => void) | undefined): void {
  const { spans, reason, error } = drop
  // Without a destination, or after shutdown, there is no error to name: the configuration, or the user, said so.
  if (error) {
    const cause = `${reason} ${error}`.replace(/(:| [a-z-]*\d[\w-]*) .*/is, '')
    warn(`${spans} spans were lost (${reason}): ${error}`, cause)
  }
  guard('onDrop', () => onDrop?.(drop))
}
