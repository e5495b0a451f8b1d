/** The platform's clock, and the forms of a time. */
import type { HrTime } from '@opentelemetry/api'

/** Nanoseconds since the Unix epoch. */
export type Nanos = bigint

/** Milliseconds since the Unix epoch; a fraction carries microseconds. */
export type Now = () => number

/** Later than the year 2500, nanoseconds no longer fit OTLP's 64 bits. */
export const MAX_MILLIS = 1.7e13
/** Beyond this difference (ms) the process was frozen or the system clock was set: the monotonic clock is re-anchored. */
const MAX_DRIFT_MS = 2

/** Adds to `performance.now()` to give the time of day; one for the isolate, so that all its times compare. */
let origin: number | undefined

/** Milliseconds since the epoch, with microseconds where the platform has them; follows the system clock when it jumps. */
export function systemNow(): number {
  const wall = Date.now()
  const monotonic = performance.now()
  if (origin === undefined || Math.abs(wall - origin - monotonic) > MAX_DRIFT_MS) origin = wall - monotonic
  return origin + monotonic
}

export function fromMillis(millis: number): Nanos {
  return BigInt(Math.round(millis * 1000)) * 1000n
}

export function fromHrTime([seconds, nanos]: HrTime): Nanos {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos)
}

export function toHrTime(time: Nanos): HrTime {
  return [Number(time / 1_000_000_000n), Number(time % 1_000_000_000n)]
}
