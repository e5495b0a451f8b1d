/** One request with what one or several sessions have finished, and what its answer means for each of them. */
import { add, type Delivery, deliverInParts } from '../formats/parts.ts'
import { identify } from '../runtime/diag.ts'
import { runQuietly } from '../runtime/scope.ts'
import { beating, changed } from '../runtime/turns.ts'
import { authorised } from '../transport/auth.ts'
import { delayOf, note } from '../transport/backoff.ts'
import { compress } from '../transport/compress.ts'
import { OF_CONTENT, type Route } from '../transport/connection.ts'
import type { Encoded, Outcome, Refused } from '../transport/transport.ts'
import type { Group } from './group.ts'
import { type Flight, isolate, lose, MAX_SPANS, type Outbox, queue, settle, shrink, unqueue } from './outbox.ts'
import type { Parcel } from './parcel.ts'
import { reportDrop } from './report.ts'
import type { Run, Sending } from './run.ts'

/** What fails so often alone, while others pass, is to blame itself. */
export const MAX_FAILED_ALONE = 4
/** So long the timers of an object may stand still. */
const UNWATCHED_MS = 60_000

/** Never rejects. */
export async function fly(sender: Sending, { parcels, isLane }: Group, run: Run): Promise<void> {
  const { outbox, init } = sender
  const { isUnwatched = false } = init
  const flight: Flight = {
    ...{ by: sender.mark, beats: 0, parcels, isLane, isUnwatched, isAside: outbox.aside.has(parcels[0] as Parcel) },
    notBefore: isUnwatched ? Date.now() + UNWATCHED_MS : 0,
  }
  for (const parcel of parcels) {
    unqueue(outbox, parcel)
    parcel.flight = flight
  }
  outbox.flights.add(flight)
  try {
    await beating(flight, () => send(sender, flight, run))
  } catch (error) {
    // Ours: to try again at once would be of no use.
    for (const parcel of heldBy(flight)) {
      Object.assign(parcel, { tries: parcel.tries - 1, error: identify(error), again: Date.now() + delayOf(1) })
    }
  }
  outbox.flights.delete(flight)
  for (const parcel of heldBy(flight)) queue(outbox, parcel, flight.isAside)
  changed(outbox)
}

/** What nobody has taken over, and something has still to become of. */
function heldBy(flight: Flight): Parcel[] {
  return flight.parcels.filter((parcel) => parcel.flight === flight && parcel.left)
}

async function send(sender: Sending, flight: Flight, run: Run): Promise<void> {
  const { outbox, config, destination } = sender
  const { wire } = config.format
  const { parcels } = flight
  const [first] = parcels
  if (!wire || !first) return
  const spans = parcels.reduce((sum, { left }) => sum + left, 0)
  const bodies = parcels.map(({ body }) => body)
  const body = bodies.length > 1 ? wire.join(bodies) : first.body
  const route = sender.connect(run.deadline, sender.kept(parcels))
  const post = (body: Uint8Array): Promise<Outcome> => {
    const encode = (): Promise<Encoded> =>
      compress({ body, headers: { 'content-type': wire.type } }, config.compression)
    return runQuietly(() => route.attempt(destination.url, encode, authorised))
  }
  const begun = Date.now()
  const outcome = await post(body)
  if (!outcome.reason) {
    passed(outbox, Date.now() - begun)
    let [lost, error = ''] = config.format.refused?.(outcome, spans, destination) ?? [0]
    const isOwn = parcels.every((parcel) => sender.own.has(parcel))
    for (const parcel of parcels) {
      const refused = isOwn ? Math.min(lost, parcel.left) : 0
      lost -= refused
      if (refused) lose(outbox, parcel, refused, 'rejected', error)
      // However late it comes: who took it over sends it in vain.
      settle(outbox, parcel, 'sent')
    }
    if (lost && !isOwn) loseOfSeveral(sender, parcels, lost, error)
    return
  }
  const held = heldBy(flight)
  const { reason, error, status = 0 } = outcome
  for (const parcel of held) Object.assign(parcel, { error, reason: reason === 'request-limit' ? reason : undefined })
  if (reason === 'request-limit' || !held.length) return
  if (reason === 'undelivered' && !outcome.isFinal) {
    if (outcome.retryAt === undefined) blame(outbox, held, spans, outcome)
    else note(outbox, outcome)
    if (!outcome.isRemembered) for (const parcel of held) parcel.tries--
    return
  }
  if (status === 413 && spans > 1) outbox.fits = Math.min(outbox.fits, body.length >> 1)
  // Each session sends and searches its own.
  if (parcels.length > 1) flight.isAside = true
  else if (outcome.isFinal) first.tries = 0
  else if (!OF_CONTENT.includes(status)) lose(outbox, first, first.left, 'rejected', error)
  else await search(sender, flight, first, outcome, route, post)
}

/** The destination takes what it is sent. */
function passed(outbox: Outbox, ms: number): void {
  outbox.fails = outbox.retryAt = 0
  outbox.passed++
  outbox.size = Math.min(outbox.size * 2, MAX_SPANS)
  outbox.roundTripMs = ms
}

/** Whose they were the backend does not say: they are the isolate's loss. */
function loseOfSeveral({ config }: Sending, parcels: readonly Parcel[], spans: number, error: string): void {
  const all = isolate()
  all.sent -= spans
  all.dropped += spans
  reportDrop({ spans, reason: 'rejected', error }, config.onDrop)
  for (const parcel of parcels) parcel.error = `of a request with other sessions ${spans} spans were refused: ${error}`
}

/** It may pass. What failed while others passed goes in smaller and smaller company, and holds nobody else up. */
function blame(outbox: Outbox, parcels: readonly Parcel[], spans: number, outcome: Refused): void {
  const isSuspect = parcels.every(({ most }) => Number.isFinite(most))
  for (const parcel of parcels) {
    if (isSuspect) parcel.again = Date.now() + delayOf(parcel.failedAlone + 1)
    if ((parcel.passedBefore ?? outbox.passed) < outbox.passed) {
      parcel.most = Math.max(1, parcels.length >> 1)
      if (parcels.length === 1 && ++parcel.failedAlone >= MAX_FAILED_ALONE) parcel.tries = 0
    }
    parcel.passedBefore = outbox.passed
  }
  outbox.size = Math.max(1, spans >> 1)
  if (!isSuspect) note(outbox, outcome)
}

/** By halves, for the spans that the backend refuses `parcel` for. */
async function search(
  sender: Sending,
  flight: Flight,
  parcel: Parcel,
  refusal: Refused,
  route: Route,
  post: (body: Uint8Array) => Promise<Outcome>,
): Promise<void> {
  const { outbox, config, destination } = sender
  const { format, maxExportBytes } = config
  const { wire } = format
  if (!wire) return
  const pieces = wire.split(parcel.body)
  const deliver = (some: readonly unknown[], refusal?: Refused): Promise<Delivery<unknown>> =>
    deliverInParts(some, {
      maxBytes: maxExportBytes,
      encode: (those) => ({ body: wire.merge(those), headers: {} }),
      post: ({ body }) => post(body),
      refused: (answer, items) => format.refused?.(answer, items, destination),
      refusal,
    })
  // The root is the first.
  const [root] = pieces
  route.keep = parcel.hasRoot ? 1 : sender.kept([parcel])
  let delivery = await deliver(pieces, refusal)
  if (delivery.reason === 'request-limit' && parcel.hasRoot && delivery.unsent.includes(root)) {
    route.keep = 0
    const { unsent } = delivery
    const last = delivery.spoiled ? [root] : unsent
    delivery = { ...delivery, unsent: unsent.filter((piece) => !last.includes(piece)) }
    add(delivery, await deliver(last))
  }
  if (!heldBy(flight).length) return
  const { sent, dropped, unsent, reason, error, rejection } = delivery
  settle(outbox, parcel, 'sent', sent)
  if (dropped) lose(outbox, parcel, dropped, 'rejected', rejection)
  flight.isAside = true
  if (!unsent.length) return
  shrink(parcel, wire.merge(unsent))
  parcel.hasRoot &&= unsent[0] === root
  Object.assign(parcel, { error, reason: reason === 'request-limit' ? reason : undefined })
  if (reason !== 'undelivered') return
  parcel.tries--
  note(outbox, { reason, error: `${error}` })
}
