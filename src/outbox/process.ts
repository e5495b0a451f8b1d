/** What sessions have left behind, in a process that lives on, and when it ends. */
import { type Leaving, onLeaving } from '../runtime/leaving.ts'
import { unref } from '../runtime/timers.ts'
import { mayWake } from '../runtime/turns.ts'
import { waitFor } from '../transport/backoff.ts'
import { isEmpty, isolate, lose, type Outbox } from './outbox.ts'

const LEAST_MS = 1000
const ATTEND_MS = 60_000

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
