/** A process: that lives on, with what sessions have left behind; that ends; that is frozen between two invocations. */
import { type Leaving, onLeaving } from '../runtime/leaving.ts'
import { unref } from '../runtime/timers.ts'
import { mayWake } from '../runtime/turns.ts'
import { waitFor } from '../transport/backoff.ts'
import { isEmpty, isolate, lose, type Outbox } from './outbox.ts'
import type { Run, Sending } from './run.ts'

const LEAST_MS = 1000
const ATTEND_MS = 60_000

/** So long after an answer its connection is taken for a living one. */
const FRESH_MS = 1000
/** So long one that may have died in silence is waited for, or four round trips. */
const STALE_MS = 250

const leftBehind: Leaving = {
  send(ms) {
    const outboxes = [...isolate().outboxes.values()]
    return Promise.all(outboxes.map((outbox) => !isEmpty(outbox) && outbox.collect?.(ms)))
  },
  lose() {
    for (const outbox of isolate().outboxes.values()) {
      for (const parcel of [...outbox.orphans, ...outbox.aside]) {
        if (parcel.isOrphan) lose(outbox, parcel, parcel.left, parcel.reason, parcel.report.error)
      }
    }
  },
}

/** `collect` sends what was left behind, where nobody else comes for it. */
export function leaveTo(outbox: Outbox, collect: (ms: number) => Promise<void>): void {
  outbox.collect = collect
  onLeaving(leftBehind)
}

/** Sends what was left behind as soon as the destination may be asked again. */
export function attend(outbox: Outbox): void {
  if (!mayWake() || waitFor(outbox.attendedUntil) || !(outbox.orphans.size + outbox.aside.size)) return
  outbox.attendedUntil = Date.now() + ATTEND_MS
  const timer = setTimeout(
    async () => {
      await outbox.collect?.(ATTEND_MS)
      outbox.attendedUntil = 0
      attend(outbox)
    },
    Math.max(waitFor(outbox.retryAt), LEAST_MS),
  )
  unref(timer)
}

/**
 * Where a platform freezes the process between invocations. `isStale`: it may have been frozen between the last answer and
 * this session, and the connections of before be dead. `attemptMs`: an attempt leaves time for another, unless those
 * before have failed for being too short.
 */
export function afterFreeze(
  { outbox, madeAt }: Sending,
  { collects, deadline }: Run,
): { isStale?: boolean; attemptMs?: number } {
  const { passed, fails, answeredAt, roundTripMs } = outbox
  if (!collects || fails) return {}
  const isStale = passed > 0 && madeAt - answeredAt > FRESH_MS
  return { isStale, attemptMs: Math.max(isStale ? STALE_MS : (deadline.left * 2) / 3, roundTripMs * 4) }
}
