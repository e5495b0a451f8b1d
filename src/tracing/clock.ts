/**
 * One clock per session: every span start is unique in the session and later than the root's, no span ends before it
 * starts. Cloudflare freezes the system clock between I/O, and AgentOps' backend picks a trace's name, tags and outcome
 * by start time, so equal times would make it guess. A time is only ever moved by nanoseconds, or behind the root's start.
 */
import type { HrTime } from '@opentelemetry/api'
import { fromMillis, later, MAX_MILLIS, type Now, plus, since, systemNow } from '../runtime/clock.ts'
import { guard, warn } from '../runtime/diag.ts'

/** How many distinct microseconds a session remembers: enough for any batch, and bounded for a session of days. */
const MAX_REMEMBERED = 4096
const EPOCH: HrTime = [0, 0]

function guardedTime(now: Now): number {
  const time = guard('the clock', () => {
    const given = now()
    if (given <= MAX_MILLIS) return Math.max(given, 1)
    return warn("the clock failed: expected milliseconds since 1970; the platform's time is used", 'the clock')
  })
  return time || systemNow()
}

export class SessionClock {
  readonly now: Now
  /** Microsecond since the epoch → the first nanosecond in it (0 to 1000) that no span start has taken. */
  readonly #free: Map<number, number> = new Map()
  /** No span but the root starts before it. */
  #first: HrTime = EPOCH
  #latest: HrTime = EPOCH

  /** `now`: a clock of the user's own; where it fails or gives no time, the platform's is used. */
  constructor(now?: Now) {
    // Global scope has no clock on Workers (it reads 0).
    this.now = now ? () => guardedTime(now) : () => systemNow() || 1
  }

  /** A start time that no other span of the session has. The first call is the root's. `at`: the time asked for. */
  start(at?: HrTime): HrTime {
    const now = this.#tick()
    const claimed = this.#claim(later(at ?? now, this.#first))
    if (this.#first === EPOCH) this.#first = plus(claimed, [0, 1])
    // A time to come, given by the caller, is no reason for later spans to move there.
    if (!at || later(now, at) === now) this.#latest = later(this.#latest, claimed)
    return claimed
  }

  /**
   * An end time for a span that started at `start`: `at`, or now, but never before the start. `asked`: the start that was
   * asked for; a span that was moved behind the root's start keeps its duration.
   */
  end(start: HrTime, at?: HrTime, asked: HrTime = start): HrTime {
    if (at) {
      const duration = since(at, asked)
      return since(start, asked)[0] > 0 && duration[0] >= 0 ? plus(start, duration) : later(at, start)
    }
    const now = this.#tick()
    this.#latest = now
    return later(now, start)
  }

  /** Now, but never before a time already given out: a parent that ends after its child says so. */
  #tick(): HrTime {
    return later(fromMillis(this.now()), this.#latest)
  }

  #claim([seconds, nanos]: HrTime): HrTime {
    let micro = seconds * 1e6 + Math.floor(nanos / 1000)
    let free = Math.max(nanos % 1000, this.#free.get(micro) ?? 0)
    // The microsecond is full.
    while (free > 999) free = this.#free.get(++micro) ?? 0
    this.#free.set(micro, free + 1)
    if (this.#free.size > MAX_REMEMBERED) this.#free.delete(this.#free.keys().next().value as number)
    return [Math.floor(micro / 1e6), (micro % 1e6) * 1000 + free]
  }
}
