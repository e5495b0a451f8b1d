/**
 * One clock per session: every span start is unique in the session and later than the root's, no span ends before it
 * starts. Cloudflare freezes the system clock between I/O, and AgentOps' backend picks a trace's name, tags and outcome
 * by start time, so equal times would make it guess. A time is only ever moved by nanoseconds.
 */
import type { HrTime } from '@opentelemetry/api'
import { guard } from '../runtime/diag.ts'

/** Nanoseconds since the Unix epoch. */
export type Nanos = bigint

/** Milliseconds since the Unix epoch; a fraction carries microseconds. */
export type Now = () => number

/** How many distinct microseconds a session remembers: enough for any batch, and bounded for a session of days. */
const MAX_REMEMBERED = 4096
/** Beyond this difference (ms) the process was frozen or the system clock was set: the monotonic clock is re-anchored. */
const MAX_DRIFT_MS = 2

export class SessionClock {
  readonly now: Now
  /** microsecond → first nanosecond in it that no span start has taken */
  readonly #free: Map<Nanos, Nanos> = new Map()
  #root: Nanos = 0n
  #latest: Nanos = 0n

  /** `now`: a clock of the user's own; where it fails or gives no time, the platform's is used. */
  constructor(now: Now = systemNow) {
    this.now = () => guard('the clock', () => Math.max(now(), 1)) || systemNow()
  }

  /** A start time that no other span of the session has. The first call is the root's. `at`: the time asked for. */
  start(at?: Nanos): HrTime {
    const now = this.#tick()
    const time = max(at ?? now, this.#root + 1n)
    const claimed = this.#claim(time)
    this.#root ||= claimed
    // A time to come, given by the caller, is no reason for later spans to move there.
    if (time <= now) this.#latest = max(this.#latest, claimed)
    return toHrTime(claimed)
  }

  /** An end time for a span that started at `start`: `at`, or now, but never before the start. */
  end(start: HrTime, at?: Nanos): HrTime {
    const time = max(at ?? this.#tick(), fromHrTime(start))
    if (at === undefined) this.#latest = time
    return toHrTime(time)
  }

  /** Now, but never before a time already given out: a parent that ends after its child says so. */
  #tick(): Nanos {
    return max(fromMillis(this.now()), this.#latest)
  }

  #claim(time: Nanos): Nanos {
    const micro = time / 1000n
    const claimed = max(time, this.#free.get(micro) ?? 0n)
    // The microsecond is full.
    if (claimed / 1000n > micro) return this.#claim(claimed)
    this.#free.set(micro, claimed + 1n)
    if (this.#free.size > MAX_REMEMBERED) this.#free.delete(this.#free.keys().next().value as Nanos)
    return claimed
  }
}

/** Adds to `performance.now()` to give the time of day; one for the isolate, so that all its times compare. */
let origin: number | undefined

/** Milliseconds since the epoch, with microseconds where the platform has them; follows the system clock when it jumps. */
export function systemNow(): number {
  const wall = Date.now()
  const monotonic = performance.now()
  if (origin === undefined || Math.abs(wall - origin - monotonic) > MAX_DRIFT_MS) origin = wall - monotonic
  return origin + monotonic
}

function max(a: Nanos, b: Nanos): Nanos {
  return a > b ? a : b
}

export function fromMillis(millis: number): Nanos {
  return BigInt(Math.round(millis * 1000)) * 1000n
}

export function fromHrTime([seconds, nanos]: HrTime): Nanos {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos)
}

function toHrTime(time: Nanos): HrTime {
  return [Number(time / 1_000_000_000n), Number(time % 1_000_000_000n)]
}
