/**
 * What waits for one destination in an isolate, from all of its sessions: plain values, so that any request may carry it.
 * A destination is one URL, one key, one set of headers, one format, one compression and one `fetch`: what has another
 * never shares a request. Copies of the library in one process share them.
 */
import type { Awaited, Holder } from '../runtime/turns.ts'
import type { Backoff } from '../transport/backoff.ts'
import type { Destination } from '../transport/connection.ts'
import { remembered } from '../transport/isolate.ts'
import type { DeliveryConfig } from './config.ts'
import { type Outcomes, type Parcel, tell } from './parcel.ts'
import type { Drop } from './report.ts'

/** A request under way. Who took its parcels over has another: only the last puts them back. */
export interface Flight extends Holder {
  /** A sender's own mark, and nothing of it. */
  readonly by: object
  readonly parcels: readonly Parcel[]
  /** Others wait for its end. */
  readonly isLane: boolean
  /** Nobody waits for its end. */
  readonly isUnwatched: boolean
  /** By the clock, milliseconds since the epoch: it is not given up before, however silent. */
  readonly notBefore: number
  /** What it could not send stands aside. */
  isAside: boolean
}

export interface Outbox extends Backoff, Awaited {
  /** Whatever anybody may send, the first first. */
  readonly line: Set<Parcel>
  /** Sent by its own session: it was refused together with others. */
  readonly aside: Set<Parcel>
  readonly flights: Set<Flight>
  /** Of what stands in `line`. */
  spans: number
  bytes: number
  /** Spans in the next request: half as many after each failure, twice as many after each success. */
  size: number
  /** Bytes in a request, as a backend that finds them too many has shown. */
  fits: number
  /** Requests that the destination took. */
  passed: number
  roundTripMs: number
  /** Somebody looks after what is left behind. */
  isAttended: boolean
}

/** All that waits in an isolate. */
export interface Isolate extends Record<Outcomes, number> {
  readonly outboxes: Map<string, Outbox>
  /** Spans that were handed over. */
  made: number
  bytes: number
  /** The users' own, by number. */
  readonly fetches: WeakMap<object, number>
  fetched: number
}

const SHARED = Symbol.for('agentops-edge.outbox.1')
/** In an isolate, over all destinations; Workers have 128 MB. */
export const MAX_BYTES: number = 16 << 20
/** In a request of several sessions. */
export const MAX_SPANS = 512
export const MAX_GROUP_BYTES: number = 512 << 10
/** Where nobody has measured any. */
const ROUND_TRIP_MS = 10

export function isolate(): Isolate {
  const globals = globalThis as { [SHARED]?: Isolate }
  const made = globals[SHARED]
  if (made) return made
  const value: Isolate = {
    ...{ outboxes: new Map(), made: 0, sent: 0, dropped: 0, spooled: 0, bytes: 0 },
    ...{ fetches: new WeakMap(), fetched: 0 },
  }
  Object.defineProperty(globals, SHARED, { value })
  return value
}

export function outboxOf({ url, apiKey, tokenUrl, headers }: Destination, config: DeliveryConfig): Outbox {
  const { format, compression, fetch } = config
  const all = isolate()
  if (fetch && !all.fetches.has(fetch)) all.fetches.set(fetch, ++all.fetched)
  const name = JSON.stringify([
    url,
    apiKey,
    tokenUrl,
    headers,
    format.name,
    compression,
    fetch && all.fetches.get(fetch),
  ])
  return remembered(
    all.outboxes,
    name,
    (): Outbox => ({
      ...{ line: new Set(), aside: new Set(), flights: new Set(), waiting: new Set(), fails: 0, retryAt: 0, passed: 0 },
      ...{ spans: 0, bytes: 0, size: MAX_SPANS, fits: Number.POSITIVE_INFINITY },
      ...{ roundTripMs: ROUND_TRIP_MS, isAttended: false },
    }),
    ({ line, aside, flights }) => !line.size && !aside.size && !flights.size,
  )
}

/** Takes a parcel that has just been made; where they are too many, the oldest goes. */
export function put(outbox: Outbox, parcel: Parcel): void {
  const all = isolate()
  all.made += parcel.left
  parcel.serial = all.made
  all.bytes += parcel.body.length
  queue(outbox, parcel)
  while (all.bytes > MAX_BYTES) {
    let [from, oldest] = [outbox, parcel]
    for (const one of all.outboxes.values()) {
      for (const waiting of [...one.aside, ...one.line]) {
        if (waiting.serial < oldest.serial) [from, oldest] = [one, waiting]
      }
    }
    // All the others are on their way.
    if (oldest === parcel) return
    lose(from, oldest, oldest.left, 'queue-full', `more than ${MAX_BYTES >> 20} MiB wait in this isolate`)
  }
}

/** At the back, or aside. */
export function queue(outbox: Outbox, parcel: Parcel, isAside = false): void {
  parcel.flight = undefined
  if (!parcel.left) return
  if (isAside || parcel.most === 1) outbox.aside.add(parcel)
  else {
    outbox.line.add(parcel)
    outbox.spans += parcel.left
    outbox.bytes += parcel.body.length
  }
}

export function unqueue(outbox: Outbox, parcel: Parcel): void {
  outbox.aside.delete(parcel)
  if (!outbox.line.delete(parcel)) return
  outbox.spans -= parcel.left
  outbox.bytes -= parcel.body.length
}

/** So many of its spans have come to their end; the first end counts. */
export function settle(outbox: Outbox, parcel: Parcel, how: Outcomes, spans: number = parcel.left): void {
  const all = isolate()
  unqueue(outbox, parcel)
  parcel.left -= spans
  parcel[how] += spans
  all[how] += spans
  if (!parcel.dropped) parcel.error = undefined
  if (parcel.left) return
  all.bytes -= parcel.body.length
  parcel.body = new Uint8Array(0)
}

/** It is told by its session, or, where that is gone, at once. */
export function lose(
  outbox: Outbox,
  parcel: Parcel,
  spans: number,
  reason: Drop['reason'] = 'undelivered',
  error?: string,
): void {
  settle(outbox, parcel, 'dropped', spans)
  parcel.error = error
  parcel.lost.push({ spans, reason, error })
  if (parcel.isOrphan) tell(parcel)
}

/** Fewer spans are left in it: those of `body`. */
export function shrink(parcel: Parcel, body: Uint8Array): void {
  isolate().bytes += body.length - parcel.body.length
  parcel.body = body
}
