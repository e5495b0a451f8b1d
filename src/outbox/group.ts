/** Whose turn it is, and which parcels go in the next request. */
import { SILENT_MS, type Watch } from '../runtime/turns.ts'
import { waitFor } from '../transport/backoff.ts'
import { MAX_GROUP_BYTES, MAX_SPANS, type Outbox, queue } from './outbox.ts'
import type { Parcel } from './parcel.ts'
import type { Run, Sending } from './run.ts'

export interface Group {
  readonly parcels: readonly Parcel[]
  /** Others wait for its end. */
  readonly isLane: boolean
}

/** At the same time; one alone carries no more than a request's spans a round trip. */
const LANES = 4
/** So many requests at once are nobody's concern; who comes then waits for a lane. */
const MOST_FLIGHTS = 32
/** An attempt's time, at most: who has less left carries nobody else's. */
const CARRY_MS = 10_000
/** Requests that a carrier has left: where what it carries is refused, its own goes alone. */
const CARRY_REQUESTS = 2
/** So long nobody has looked after a parcel before somebody else does. */
const ADOPT_MS = 1500

/** Undefined: nothing, or not now. `slept`: by the sender's own timers, since it asked last. */
export function nextGroup(sender: Sending, run: Run, watch: Watch, slept: number): Group | undefined {
  const { outbox, own, config, init } = sender
  const { fails, flights, line, aside, size, fits } = outbox
  const { left } = sender.requests
  const watched = [...flights].filter(({ isUnwatched }) => !isUnwatched)
  // A destination that fails is asked when it may be, by one at a time.
  if (!run.isUrgent && (waitFor(outbox.retryAt) || (fails && watched.length))) return undefined
  const ready = [...own].filter((one) => one.left && !one.flight && one.tries > 0 && !waitFor(one.again))
  const isLast = left <= 1
  // The last request is the root's, and all of its own goes with it.
  const root = isLast ? ready.find((one) => one.hasRoot && line.has(one)) : undefined
  const mine = (root ? [root, ...ready] : ready).filter((one) => left > sender.kept([root ?? one]))
  const mayCarry =
    (run.carries || (run.collects && !mine.length)) &&
    left > CARRY_REQUESTS &&
    run.deadline.left > Math.min(config.exportTimeoutMs, CARRY_MS)

  for (const one of aside) {
    if (own.has(one)) {
      if (mine.includes(one)) return { parcels: [one], isLane: false }
    } else if (mayCarry && !waitFor(one.again) && (one.isOrphan || watch.silence(one, slept) >= ADOPT_MS)) {
      one.isOrphan = true
      return { parcels: [one], isLane: false }
    }
  }

  const isLane = mayCarry || (!init.isUnwatched && watched.length >= MOST_FLIGHTS)
  const lanes = watched.filter((flight) => flight.isLane).length
  const isFull = outbox.spans >= size || outbox.bytes >= MAX_GROUP_BYTES
  if (isLane && lanes && (fails || lanes >= LANES || !isFull)) return undefined
  const parcels: Parcel[] = []
  let [spans, bytes, most] = [0, 0, Number.POSITIVE_INFINITY]
  const maxSpans = Math.min(isLast ? MAX_SPANS : size, config.maxExportBatchSize)
  const maxBytes = Math.min(MAX_GROUP_BYTES, config.maxExportBytes, fits)
  // Its own first: who has sent is done.
  for (const one of new Set(isLane ? [...mine, ...line] : mine)) {
    const { length } = one.body
    const limit = Math.min(most, one.most)
    const isTooMany = spans + one.left > maxSpans || bytes + length > maxBytes || parcels.length >= limit
    if (!line.has(one) || waitFor(one.again) || (isTooMany && parcels.length)) continue
    parcels.push(one)
    spans += one.left
    bytes += length
    most = limit
    if (spans >= maxSpans) break
  }
  return parcels.length ? { parcels, isLane } : undefined
}

/** Whoever sends, and is silent, was cut off: others send again what it had. */
export function takeOver(outbox: Outbox, watch: Watch, slept: number): void {
  for (const flight of outbox.flights) {
    if (watch.silence(flight, slept) < SILENT_MS || Date.now() < flight.notBefore) continue
    outbox.flights.delete(flight)
    for (const one of flight.parcels) if (one.flight === flight) queue(outbox, one, flight.isAside)
  }
}
