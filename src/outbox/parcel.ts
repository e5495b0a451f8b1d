/**
 * What a session has finished, on its way to one destination. It holds nothing of the session but its counters, which may
 * outlive it.
 */
import type { Delivery } from '../formats/parts.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'
import type { Holder } from '../runtime/turns.ts'
import type { Drop, FlushReport } from './report.ts'

/** Its beats are the looks of the session that waits for it. */
export interface Parcel extends Holder {
  /** Encoded. */
  body: Uint8Array
  /** The spans themselves, where they share no request with others. */
  spans?: readonly ReadableSpan[]
  /** Of which nothing has become yet. */
  left: number
  /** Of its session. */
  readonly report: FlushReport
  readonly traceId?: string
  /** The client's. */
  readonly onDrop?: (drop: Drop) => void
  /** In the order of its isolate. */
  serial: number
  /** The session's root is its first span. */
  hasRoot: boolean
  /** Why it was not sent. Default: `undelivered`. */
  reason?: Delivery<unknown>['reason']
  /** So many attempts are left. */
  tries: number
  /** No attempt before, milliseconds since the epoch. */
  again: number
  /** Its own session sends it: it was refused, or has failed, together with others. */
  isAside?: boolean
  /** It has failed again while others passed. */
  isSuspect?: boolean
  /** What had passed when it failed last, and how often it failed alone while others passed. */
  passed?: number
  failures: number
  /** It is on its way. */
  flight?: object
  /** To a spool. */
  isOffered?: boolean
  /** Its session waits no longer. */
  isOrphan?: boolean
}
