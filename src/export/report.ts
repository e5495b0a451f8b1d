/** Counters of several buffers, or sessions, as one. */
import type { FlushReport } from '../options.ts'

export function sumOf(reports: readonly FlushReport[]): FlushReport {
  const sum: FlushReport = { sent: 0, dropped: 0, spooled: 0, pending: 0 }
  for (const { error, ...counts } of reports) {
    for (const name of Object.keys(counts) as (keyof typeof counts)[]) sum[name] += counts[name]
    if (error !== undefined) sum.error ??= error
  }
  return sum
}
