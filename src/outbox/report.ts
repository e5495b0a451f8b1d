/** What is told of deliveries: the counters of several buffers, or sessions, as one, and what was lost. */

import type { Drop, FlushReport } from '../options/options.ts'
import { guard, warn } from '../runtime/diag.ts'

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
