/** Whose turn it is, and what goes together. */
import { SILENT_MS, type Watch } from '../runtime/turns.ts'
import { waitFor } from '../transport/backoff.ts'
import { MAX_GROUP_BYTES, MAX_SPANS, type Outbox, queue } from './outbox.ts'
import type { Parcel } from './parcel.ts'
import type { Run, Sending } from './run.ts'

export interface Group {
  readonly parcels: readonly Parcel[]
  /** Others wait for its end. */
  readonly isLane: boolean
  /** Something that waits has found no room in it. */
  readonly isFull?: boolean
}

/** At the same time; one alone carries no more than a request's spans a round trip. */
const LANES = 4
/** So many requests at once are nobody's concern; who comes then waits for a lane. */
const MOST_FLIGHTS = 32
/** An attempt's time, at most: who has less left carries nobody else's. */
const CARRY_MS = 10_000
/** Who collects has no other time than this one. */
const COLLECT_MS = 100
/** Requests that a carrier has left: where what it carries is refused, its own goes alone. */
const CARRY_REQUESTS = 2
/** So long nobody has looked after a parcel before somebody else does. */
const ADOPT_MS = 1500
/** So long the timers of an object may stand still. */
const UNWATCHED_MS = 60_000

/** Whether it has the time and the requests to send what others have. */
export function mayCarry({ config, requests }: Sending, { collects, deadline }: Run): boolean {
  const neededMs = collects ? COLLECT_MS : Math.min(config.exportTimeoutMs, config.flushDeadlineMs / 2, CARRY_MS)
  return requests.left > CARRY_REQUESTS && deadline.left > neededMs
}

/** Undefined: nothing, or not now. `slept`: by the sender's own timers, since it asked last. */
export function nextGroup(sender: Sending, run: Run, watch: Watch, slept: number): Group | undefined {
  const { outbox, own, config, isUnwatched } = sender
  const { fails, flights, line, orphans, aside } = outbox
  const { left } = sender.requests
  const mine: Parcel[] = []
  for (const one of own) {
    // The root goes first: without it the backend has no session to show the others in.
    if (one.left && !one.flight && one.tries > 0 && !waitFor(one.again)) mine[one.hasRoot ? 'unshift' : 'push'](one)
  }
  if (sender.direct) return mine.length && !flights.size ? { parcels: mine.slice(0, 1), isLane: true } : undefined
  const watched = [...flights].filter((flight) => !flight.isUnwatched)
  // A destination that fails is asked when it may be, by one at a time.
  const isEarly = !run.asks && waitFor(outbox.retryAt)
  const mustWait = !run.isUrgent && (isEarly || (fails && watched.length))
  if (mustWait || left <= sender.kept(run)) return undefined
  const isCrowded = !isUnwatched && watched.length >= MOST_FLIGHTS
  const carries = (run.carries || (run.collects && !mine.length)) && mayCarry(sender, run)
  // Whether an outage is over is shown by those that nothing is known of.
  for (const one of isCrowded || (fails && line.size + orphans.size) ? [] : aside) {
    const isLost = carries && !own.has(one) && (one.isOrphan || watch.silence(one, slept) >= ADOPT_MS)
    if (isLost) one.isOrphan = true
    if (mine.includes(one) || (isLost && !waitFor(one.again))) return { parcels: [one], isLane: false }
  }

  const isLane = carries || isCrowded
  const lanes = watched.filter((flight) => flight.isLane).length
  const isFull = outbox.spans >= outbox.size || outbox.bytes >= MAX_GROUP_BYTES
  if (isLane && lanes && (fails || lanes >= LANES || !isFull)) return undefined
  const parcels: Parcel[] = []
  let [spans, bytes] = [0, 0]
  // With the last request goes all that can.
  const maxSpans = Math.min(left > 1 ? outbox.size : MAX_SPANS, config.maxExportBatchSize)
  const maxBytes = Math.min(MAX_GROUP_BYTES, config.maxExportBytes, outbox.fits)
  // Its own first: who has sent is done.
  for (const one of new Set(isLane ? [...mine, ...orphans, ...line] : mine)) {
    if (one.isAside || waitFor(one.again)) continue
    spans += one.left
    bytes += one.body.length
    if (parcels.length && (spans > maxSpans || bytes > maxBytes)) return { parcels, isLane, isFull: isLane }
    parcels.push(one)
  }
  return parcels.length ? { parcels, isLane } : undefined
}

/** Whoever sends, and is silent, was cut off: others send again what it had. */
export function takeOver(outbox: Outbox, watch: Watch, slept: number): void {
  for (const flight of outbox.flights) {
    if (watch.silence(flight, slept) < SILENT_MS || (flight.isUnwatched && waitFor(flight.at + UNWATCHED_MS))) continue
    outbox.flights.delete(flight)
    for (const one of flight.parcels) if (one.flight === flight) queue(outbox, one)
  }
}
