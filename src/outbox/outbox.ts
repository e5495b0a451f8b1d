/**
 * What waits for one destination in an isolate, from all of its sessions: plain values, so that any request may carry it.
 * A destination is one URL, one key, one set of headers, one format, one compression and one `fetch`: what has another
 * never shares a request. Copies of the library in one process share them.
 */
import type { FormatConfig } from '../formats/format.ts'
import type { Awaited, Holder } from '../runtime/turns.ts'
import type { Backoff } from '../transport/backoff.ts'
import type { Destination } from '../transport/connection.ts'
import { remembered } from '../transport/isolate.ts'
import type { Parcel } from './parcel.ts'
import { type Drop, type FlushReport, reportDrop } from './report.ts'

/** A request under way. */
export interface Flight extends Holder {
  readonly parcels: readonly Parcel[]
  /** Others wait for its end. */
  readonly isLane: boolean
  /** Nobody does: a Durable Object's, whose timers may be stopped. */
  readonly isUnwatched: boolean
  /** When it began, milliseconds since the epoch. */
  readonly at: number
}

export interface Outbox extends Backoff, Awaited {
  /** Whatever anybody may send, the first first. */
  readonly line: Set<Parcel>
  /** The same of sessions that wait no longer. */
  readonly orphans: Set<Parcel>
  readonly aside: Set<Parcel>
  readonly flights: Set<Flight>
  /** Of what stands in `line`, and of the orphans. */
  spans: number
  bytes: number
  /** Spans in the next request: half as many after each failure, twice as many after each success. */
  size: number
  /** Bytes in a request, as a backend that finds them too many has shown. */
  fits: number
  /** Requests that the destination took. */
  passed: number
  roundTripMs: number
  /** When it answered last, milliseconds since the epoch. */
  answeredAt: number
  /** Connections that were silent since. */
  died: number
  /** Until then somebody will have looked whether who sends is alive, milliseconds since the epoch. */
  watchedUntil: number
  /** Until then somebody looks after what is left behind, milliseconds since the epoch. */
  attendedUntil: number
  /** Sends what was left behind: there where something was. */
  collect?: (ms: number) => Promise<void>
}

/** All that waits in an isolate; its counters are those of everything that was ever handed over. */
export interface Isolate extends FlushReport {
  readonly outboxes: Map<string, Outbox>
  bytes: number
  serial: number
  /** The users' own, by number. */
  readonly fetches: WeakMap<object, number>
}

const SHARED = Symbol.for('agentops-edge.outbox.1')
/** In an isolate, over all destinations; Workers have 128 MB. */
const MAX_BYTES = 16 << 20
/** A body that there is not yet, or not any more. */
export const NO_BYTES: Uint8Array = /* @__PURE__ */ new Uint8Array(0)
/** In a request of several sessions. */
export const MAX_SPANS = 512
export const MAX_GROUP_BYTES: number = 512 << 10
/** Where nobody has measured any. */
const ROUND_TRIP_MS = 10

export function newOutbox(): Outbox {
  return {
    ...{ line: new Set(), orphans: new Set(), aside: new Set(), flights: new Set(), waiting: new Set() },
    ...{ fails: 0, retryAt: 0, answeredAt: 0, died: 0, spans: 0, bytes: 0, passed: 0 },
    ...{
      size: MAX_SPANS,
      fits: Number.POSITIVE_INFINITY,
      roundTripMs: ROUND_TRIP_MS,
      watchedUntil: 0,
      attendedUntil: 0,
    },
  }
}

export function isolate(): Isolate {
  const globals = globalThis as { [SHARED]?: Isolate }
  if (!globals[SHARED]) {
    const value: Isolate = {
      ...{ sent: 0, dropped: 0, spooled: 0, pending: 0 },
      ...{ outboxes: new Map(), bytes: 0, serial: 0, fetches: new WeakMap() },
    }
    Object.defineProperty(globals, SHARED, { value })
  }
  return globals[SHARED] as Isolate
}

type Addressed = FormatConfig & { readonly destination?: Destination }

/** What the outbox of a configuration is called: of the same texts at each request. */
const names: WeakMap<Addressed, string> = new WeakMap()

export function outboxOf(config: Addressed): Outbox {
  const name = names.get(config) ?? nameOf(config)
  names.set(config, name)
  return remembered(isolate().outboxes, name, newOutbox, isEmpty)
}

function nameOf({ destination, format, compression, fetch }: Addressed): string {
  const all = isolate()
  if (fetch && !all.fetches.has(fetch)) all.fetches.set(fetch, ++all.serial)
  const { url, apiKey, tokenUrl, headers } = destination ?? {}
  return JSON.stringify([url, apiKey, tokenUrl, headers, format.name, compression, fetch && all.fetches.get(fetch)])
}

/** Nothing waits in it, and nothing is on its way. */
export function isEmpty({ line, orphans, aside, flights }: Outbox): boolean {
  return !(line.size + orphans.size + aside.size + flights.size)
}

/** Takes a parcel that has just been made; where they are too many, the oldest of those that wait goes. */
export function put(outbox: Outbox, parcel: Parcel): void {
  const all = isolate()
  all.pending += parcel.left
  all.bytes += parcel.body.length
  parcel.serial = ++all.serial
  queue(outbox, parcel)
  while (all.bytes > MAX_BYTES && parcel.left) {
    let [from, oldest] = [outbox, parcel]
    for (const one of all.outboxes.values()) {
      for (const waiting of [...one.aside, ...one.orphans, ...one.line]) {
        if (waiting.serial < oldest.serial) [from, oldest] = [one, waiting]
      }
    }
    lose(from, oldest, oldest.left, 'queue-full', `more than ${MAX_BYTES >> 20} MiB wait in this isolate`)
  }
}

/** At the back, or aside. */
export function queue(outbox: Outbox, parcel: Parcel): void {
  parcel.flight = undefined
  if (!parcel.left) return
  if (parcel.isAside) outbox.aside.add(parcel)
  else {
    outbox[parcel.isOrphan ? 'orphans' : 'line'].add(parcel)
    outbox.spans += parcel.left
    outbox.bytes += parcel.body.length
  }
}

/** It goes, and is nobody else's meanwhile. */
export function unqueue(outbox: Outbox, parcel: Parcel, flight?: object): void {
  parcel.flight = flight
  outbox.aside.delete(parcel)
  if (!outbox.line.delete(parcel) && !outbox.orphans.delete(parcel)) return
  outbox.spans -= parcel.left
  outbox.bytes -= parcel.body.length
}

/** Something has become of so many of its spans; what comes first counts. */
export function settle(
  outbox: Outbox,
  parcel: Parcel,
  how: 'sent' | 'dropped' | 'spooled',
  spans: number = parcel.left,
): void {
  const all = isolate()
  unqueue(outbox, parcel, parcel.flight)
  parcel.left -= spans
  for (const report of [parcel.report, all]) {
    report[how] += spans
    report.pending -= spans
  }
  if (!parcel.report.dropped) parcel.report.error = undefined
  if (!parcel.left) replaceBody(parcel, NO_BYTES)
}

export function lose(
  outbox: Outbox,
  parcel: Parcel,
  spans: number,
  reason: Drop['reason'] = 'undelivered',
  error?: string,
): void {
  const { report, traceId, onDrop } = parcel
  settle(outbox, parcel, 'dropped', spans)
  report.error = error
  reportDrop({ spans, reason, error, traceId }, onDrop)
}

export function replaceBody(parcel: Parcel, body: Uint8Array): void {
  isolate().bytes += body.length - parcel.body.length
  parcel.body = body
}
