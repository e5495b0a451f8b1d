/** How a spool takes what a session's sender could not send. */
import { NOTHING } from '../formats/parts.ts'
import { take } from '../outbox/flight.ts'
import { lose, queue, replaceBody, unqueue } from '../outbox/outbox.ts'
import type { Parcel } from '../outbox/parcel.ts'
import type { Spool, Spooling } from '../outbox/spool.ts'
import type { Deadline } from '../runtime/deadline.ts'
import { identify } from '../runtime/diag.ts'
import { changed } from '../runtime/turns.ts'
import { waitFor } from '../transport/backoff.ts'

/** What it does not take is lost. */
export function takesAll(keep: Spool['keep']): Spool {
  return {
    keep,
    async offer(sender, parcel, deadline) {
      await hand(keep, sender, parcel, deadline)
      const { left, reason, report } = parcel
      if (left) lose(sender.outbox, parcel, left, reason, report.error)
      changed(sender.outbox)
    },
  }
}

/** It costs nothing: who waits may be thrown away meanwhile. What it does not take is queued again. */
export function takesAtOnce(keep: Spool['keep']): Spool {
  return {
    prompt: true,
    keep,
    async offer(sender, parcel, deadline) {
      parcel.report.error ??= 'another session’s attempt has just failed'
      const { wire } = sender.config.format
      const [pieces, unsent] = await hand(keep, sender, parcel, deadline)
      if (wire && parcel.left && unsent) {
        const left = new Set(unsent)
        // The root stays the first.
        replaceBody(parcel, wire.merge(pieces.filter((piece) => left.has(piece))))
        parcel.hasRoot &&= left.has(pieces[0])
      }
      queue(sender.outbox, parcel)
      changed(sender.outbox)
    },
    next({ outbox, direct }, parcels) {
      return parcels.find(({ flight, isOffered, tries, reason, again }) => {
        // What was refused together with others is tried alone first.
        const hasFailed = tries <= 0 || (direct ? reason : reason === 'request-limit')
        return !flight && !isOffered && (hasFailed || waitFor(again) || waitFor(outbox.retryAt))
      })
    },
  }
}

/** Gives what the parcel held, and what of it was not taken; no such where the spool failed. */
async function hand(
  keep: Spool['keep'],
  sender: Spooling,
  parcel: Parcel,
  deadline: Deadline,
): Promise<readonly [pieces: readonly unknown[], unsent?: readonly unknown[]]> {
  const { outbox, config } = sender
  const { spans, report, reason } = parcel
  const { error } = report
  parcel.isOffered = true
  // Nobody else is to send it meanwhile.
  unqueue(outbox, parcel, {})
  let pieces: readonly unknown[] = []
  try {
    pieces = spans ?? config.format.wire?.split(parcel.body) ?? []
    const kept = await keep({ ...NOTHING, unsent: pieces, reason, error }, sender.connect(deadline))
    take(outbox, parcel, kept)
    return [pieces, kept.unsent]
  } catch (thrown) {
    report.error = `${error}; the spool failed: ${identify(thrown)}`
    return [pieces]
  }
}
