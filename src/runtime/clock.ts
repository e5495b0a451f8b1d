/** The platform's clock, and the forms of a time. */

import type { HrTime, TimeInput } from '@opentelemetry/api'
import { apart } from './apart.ts'

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
  const wall = apart(() => Date.now())
  // On Workers both are the time of day.
  if (origin === 0) return wall
  const monotonic = performance.now()
  if (origin === undefined || Math.abs(wall - origin - monotonic) > MAX_DRIFT_MS) origin = wall - monotonic
  return origin + monotonic
}

/** Seconds and nanoseconds, of a time in whole microseconds. */
export function fromMillis(millis: number): HrTime {
  const micros = Math.round(millis * 1000)
  const seconds = Math.floor(micros / 1e6)
  return [seconds, (micros - seconds * 1e6) * 1000]
}

/**
 * A time in any of the forms that OpenTelemetry's API takes: milliseconds since the epoch, a Date, seconds and
 * nanoseconds, or what `performance.now()` gave. Undefined where it is no time that OTLP can hold.
 */
export function toHrTime(time: TimeInput | undefined): HrTime | undefined {
  if (Array.isArray(time)) return wholeTime(time)
  const millis = typeof time === 'number' ? time : Number(time?.getTime?.())
  if (!(millis >= 0 && millis < MAX_MILLIS)) return undefined
  // On Workers `performance.now()` is the time of day itself.
  const isSinceStart = typeof time === 'number' && millis < performance.timeOrigin / 2
  return fromMillis(isSinceStart ? systemNow() - performance.now() + millis : millis)
}

/** Some count more nanoseconds than a second has, or parts of one. Undefined where it is no time that OTLP can hold. */
export function wholeTime(time: HrTime): HrTime | undefined {
  const nanos = Number(time[1])
  const seconds = time[0] + Math.floor(nanos / 1e9)
  const isTime = time.length === 2 && Number.isInteger(seconds) && seconds >= 0 && nanos >= 0
  return isTime && seconds * 1000 < MAX_MILLIS ? [seconds, Math.floor(nanos % 1e9)] : undefined
}

/** How much later `a` is than `b`, seconds and nanoseconds; negative seconds where it is earlier. */
export function since(a: HrTime, b: HrTime): HrTime {
  const nanos = a[1] - b[1]
  return nanos < 0 ? [a[0] - b[0] - 1, nanos + 1e9] : [a[0] - b[0], nanos]
}

export function plus(time: HrTime, by: HrTime): HrTime {
  const nanos = time[1] + by[1]
  return nanos < 1e9 ? [time[0] + by[0], nanos] : [time[0] + by[0] + 1, nanos - 1e9]
}

export function later(a: HrTime, b: HrTime): HrTime {
  return since(a, b)[0] < 0 ? b : a
}
