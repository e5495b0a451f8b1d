/** One request with what one or several sessions have finished, and what its answer means for each of them. */
import { afterFreeze } from '#process'
import { add, type Delivery, deliverInParts, type Refusal } from '../formats/parts.ts'
import { identify } from '../runtime/diag.ts'
import { runQuietly } from '../runtime/scope.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'
import { beating, changed } from '../runtime/turns.ts'
import { authorised } from '../transport/auth.ts'
import { delayOf, note } from '../transport/backoff.ts'
import { compress } from '../transport/compress.ts'
import { OF_CONTENT } from '../transport/connection.ts'
import type { Outcome, Refused } from '../transport/transport.ts'
import type { Group } from './group.ts'
import { type Flight, isolate, lose, MAX_SPANS, type Outbox, queue, replaceBody, settle, unqueue } from './outbox.ts'
import type { Parcel } from './parcel.ts'
import { reportDrop } from './report.ts'
import type { Run, Sending } from './run.ts'

/** What fails so often alone, while others pass, is to blame itself. */
const MAX_FAILURES = 4
/** So many may have been kept. */
const MAX_DIED = 3

/** Never rejects. */
export async function fly(sender: Sending, { parcels, isLane }: Group, run: Run): Promise<void> {
  const { outbox, isUnwatched, direct } = sender
  const flight: Flight = { beats: 0, parcels, isLane, isUnwatched, at: Date.now() }
  for (const parcel of parcels) unqueue(outbox, parcel, flight)
  outbox.flights.add(flight)
  try {
    await beating(flight, async () => {
      if (!direct) return send(sender, flight, run)
      const [parcel] = parcels as [Parcel]
      const { spans = [], tries, isOffered } = parcel
      const isOnce = sender.config.spool?.prompt && !isOffered
      parcel.tries = isOnce ? tries - 1 : 0
      take(outbox, parcel, await direct(spans, sender.connect(run.deadline, 0, isOnce ? 0 : tries - 1)))
    })
  } catch (error) {
    blameNobody(flight, identify(error))
  }
  outbox.flights.delete(flight)
  for (const parcel of heldBy(flight)) queue(outbox, parcel)
  changed(outbox)
}

/** Ours: to try again at once would be of no use. */
function blameNobody(flight: Flight, error: string): void {
  for (const parcel of heldBy(flight)) {
    parcel.tries--
    parcel.again = Date.now() + delayOf(1)
    parcel.report.error = error
  }
}

/** What nobody has taken over, and something has still to become of. */
function heldBy(flight: Flight): Parcel[] {
  return flight.parcels.filter((parcel) => parcel.flight === flight && parcel.left)
}

async function send(sender: Sending, flight: Flight, run: Run): Promise<void> {
  const { outbox, config } = sender
  const { format, compression, destination, onDrop } = config
  const { wire } = format
  const { parcels } = flight
  const [first] = parcels
  if (!wire || !destination || !first) return
  const spans = parcels.reduce((sum, { left }) => sum + left, 0)
  const whole = parcels.length > 1 ? wire.join(parcels.map(({ body }) => body)) : first.body
  const route = sender.connect(run.deadline, sender.kept(run))
  const { isStale, attemptMs } = afterFreeze(sender, run)
  route.attemptMs = attemptMs
  // The CPU time of an invocation is limited (10 ms on Workers' free plan): none is spent on making others' spans smaller.
  const mode = compression === 'auto' && parcels.length > 1 ? 'none' : compression
  const post = (body: Uint8Array): Promise<Outcome> =>
    runQuietly(() =>
      route.attempt(
        destination.url,
        () => compress({ body, headers: { 'content-type': wire.type } }, mode),
        authorised,
      ),
    )
  const refused: Refusal = (answer, items) => format.refused?.(answer, items, destination)
  const begun = Date.now()
  const outcome = await post(whole)
  if (outcome.status) Object.assign(outbox, { answeredAt: Date.now(), died: 0 })
  if (!outcome.reason) {
    note(outbox, outcome)
    outbox.passed++
    outbox.size = Math.min(outbox.size * 2, MAX_SPANS)
    outbox.roundTripMs = Date.now() - begun
    const [lost = 0, error] = refused(outcome, spans) ?? []
    const isShared = !parcels.every((parcel) => sender.own.has(parcel))
    let remaining = isShared ? 0 : lost
    for (const parcel of parcels) {
      const part = Math.min(remaining, parcel.left)
      remaining -= part
      if (part) lose(outbox, parcel, part, 'rejected', error)
      // However late it comes: who took it over sends it in vain.
      settle(outbox, parcel, 'sent')
      if (isShared && lost)
        parcel.report.error = `${lost} spans of a request of several sessions were refused: ${error}`
    }
    if (!isShared || !lost) return
    // Whose they were the backend does not say: they are the isolate's loss.
    isolate().sent -= lost
    isolate().dropped += lost
    reportDrop({ spans: lost, reason: 'rejected', error }, onDrop)
    return
  }
  const held = heldBy(flight)
  const { reason, error, status = 0, isFinal } = outcome
  for (const parcel of held) {
    parcel.reason = reason === 'rejected' ? undefined : reason
    parcel.report.error = error
  }
  if (reason === 'request-limit' || !held.length) return
  if (outcome.isRemembered && outcome.retryAt === undefined) return blameNobody(flight, error)
  // No fault of the destination's: the next attempt has another connection, and soon a new one.
  if (isStale && !status && !outcome.isRemembered && ++outbox.died < MAX_DIED) return
  if (reason === 'undelivered' && !isFinal) {
    if (!outcome.isRemembered) for (const parcel of held) parcel.tries--
    if (outcome.retryAt !== undefined || !isTheirs(outbox, held)) note(outbox, outcome)
    outbox.size = Math.max(1, spans >> 1)
    return
  }
  if (status === 413 && spans > 1) outbox.fits = Math.min(outbox.fits, whole.length >> 1)
  // Each session sends and searches its own.
  for (const parcel of held) parcel.isAside = true
  if (parcels.length > 1) return
  if (isFinal) first.tries = 0
  else if (!OF_CONTENT.includes(status)) lose(outbox, first, first.left, 'rejected', error)
  else {
    const { body } = first
    const pieces = wire.split(body)
    // The root is the first of them.
    const [root] = pieces
    const search = (some: readonly unknown[], refusal?: Refused): Promise<Delivery<unknown>> =>
      deliverInParts(some, {
        maxBytes: config.maxExportBytes,
        encode: (those) => ({ body: wire.merge(those), headers: {} }),
        post: ({ body }) => post(body),
        ...{ refused, refusal },
      })
    if (first.hasRoot) route.keep = 1
    let delivery = await search(pieces, outcome)
    if (delivery.reason === 'request-limit' && first.hasRoot && delivery.unsent.includes(root)) {
      route.keep = 0
      const { unsent } = delivery
      const last = delivery.spoiled ? [root] : unsent
      delivery = { ...delivery, unsent: unsent.filter((piece) => !last.includes(piece)) }
      add(delivery, await search(last))
    }
    // Who has taken it over may have found what becomes of it, and been first.
    if (first.body !== body) return
    unqueue(outbox, first, first.flight)
    first.hasRoot = delivery.unsent[0] === root
    if (delivery.reason === 'undelivered') {
      first.tries--
      note(outbox, delivery as Outcome)
    }
    if (delivery.unsent.length) replaceBody(first, wire.merge(delivery.unsent))
    take(outbox, first, delivery)
    if (!first.flight) queue(outbox, first)
  }
}

/** What a delivery says of a parcel. */
export function take(outbox: Outbox, parcel: Parcel, delivery: Delivery<unknown>): void {
  const { sent, spooled, dropped, unsent, reason, error, rejection } = delivery
  settle(outbox, parcel, 'sent', sent)
  settle(outbox, parcel, 'spooled', spooled)
  if (dropped) lose(outbox, parcel, dropped, rejection === undefined ? reason : 'rejected', rejection ?? error)
  // An exporter that forgets some of them has lost them.
  const lost = parcel.left - unsent.length
  if (lost > 0) lose(outbox, parcel, lost, reason, error)
  if (unsent.length) {
    parcel.report.error = error
    parcel.reason = reason
  }
  if (parcel.spans) parcel.spans = unsent as readonly ReadableSpan[]
}

/**
 * Whether a failure that may pass is that of the spans themselves: those that failed before, and again while others passed.
 * Their own sessions send them; what then fails alone holds nobody else up, and is not carried for ever.
 */
function isTheirs(outbox: Outbox, parcels: readonly Parcel[]): boolean {
  const isKnown = parcels.every(({ isSuspect }) => isSuspect)
  for (const parcel of parcels) {
    const isAgain = (parcel.passed ?? outbox.passed) < outbox.passed
    parcel.passed = outbox.passed
    if (isAgain && parcel.isSuspect && ++parcel.failures >= MAX_FAILURES) parcel.tries = 0
    if (isAgain) parcel.isSuspect = parcel.isAside = true
    if (parcel.isSuspect) parcel.again = Date.now() + delayOf(isAgain ? parcel.failures + 1 : MAX_FAILURES)
  }
  return isKnown
}
