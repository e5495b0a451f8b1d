/**
 * One clock per session: every span start is unique in the session and later than the root's, no span ends before it
 * starts. Cloudflare freezes the system clock between I/O, and AgentOps' backend picks a trace's name, tags and outcome
 * by start time, so equal times would make it guess. A time is only ever moved by nanoseconds.
 */
import type { HrTime } from '@opentelemetry/api'
import { fromHrTime, fromMillis, MAX_MILLIS, type Nanos, type Now, systemNow, toHrTime } from '../runtime/clock.ts'
import { guard, warn } from '../runtime/diag.ts'

/** How many distinct microseconds a session remembers: enough for any batch, and bounded for a session of days. */
const MAX_REMEMBERED = 4096

export class SessionClock {
  readonly now: Now
  /** microsecond → first nanosecond in it that no span start has taken */
  readonly #free: Map<Nanos, Nanos> = new Map()
  #root: Nanos = 0n
  #latest: Nanos = 0n

  /** `now`: a clock of the user's own; where it fails or gives no time, the platform's is used. */
  constructor(now: Now = systemNow) {
    this.now = () => {
      const time = guard('the clock', () => {
        const given = now()
        if (given <= MAX_MILLIS) return Math.max(given, 1)
        return warn("the clock failed: expected milliseconds since 1970; the platform's time is used", 'the clock')
      })
      return time || systemNow()
    }
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

function max(a: Nanos, b: Nanos): Nanos {
  return a > b ? a : b
}
