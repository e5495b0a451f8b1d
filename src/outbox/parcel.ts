/**
 * What a session has finished, on its way to one destination: encoded, and cut so that it fits a request. It holds nothing
 * of the session, which may end before it arrives.
 */
import { identify } from '../runtime/diag.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'
import type { Holder } from '../runtime/turns.ts'
import type { Requests } from '../transport/connection.ts'
import type { DeliveryConfig } from './config.ts'
import { type Drop, reportDrop } from './report.ts'

/** What a sender is told of its session. */
export interface SenderInit {
  /** Default: `maxRequests` for each run. */
  readonly requests?: Requests
  /** There where a session's root is to come, for which the last request is kept. */
  readonly isRoot?: (span: ReadableSpan) => boolean
  /** Nobody counts on its timers: a Durable Object may stop them. */
  readonly isUnwatched?: boolean
  /** The client's. */
  readonly onDrop?: (drop: Drop) => void
  /** Its counters have changed. */
  readonly onChange?: () => void
}

/** Its beats are the looks of the session that waits for it. */
export interface Parcel extends Holder {
  body: Uint8Array
  readonly traceId: string | undefined
  /** In the order of its isolate. */
  serial: number
  /** The session's root is its first span. */
  hasRoot: boolean
  /** Spans of which nothing has become yet, and what has become of the others. */
  left: number
  sent: number
  dropped: number
  spooled: number
  /** Why the last attempt failed, or spans were lost. */
  error?: string
  /** Default: `undelivered`. */
  reason?: 'undelivered' | 'request-limit'
  /** Losses that nobody has been told of. */
  lost: Drop[]
  /** So many attempts are left. */
  tries: number
  /** No attempt before, milliseconds since the epoch. */
  again: number
  /** How many may share its request: fewer each time that it failed while others passed. */
  most: number
  /** So often it failed alone while others passed. */
  failedAlone: number
  /** What had passed when it failed last. */
  passedBefore?: number
  /** What carries it, and whose. */
  flight?: { readonly by: object }
  /** Its session waits no longer. */
  isOrphan: boolean
  readonly onDrop?: (drop: Drop) => void
}

export type Outcomes = 'sent' | 'dropped' | 'spooled'

/** What one batch becomes: parcels, and what cannot be sent at all. */
export interface Packed {
  parcels: Parcel[]
  /** Spans that have no encoded form, or are too large alone, with the reason. */
  refused: string[]
}

/**
 * `spans`: of one session, the root first where it is among them. `fits`: bytes that the backend is known to take; a
 * single span may have as many as the user allows.
 */
export function pack(
  spans: readonly ReadableSpan[],
  { format: { wire }, maxExportBytes }: DeliveryConfig,
  fits: number,
  { isRoot, onDrop }: SenderInit,
): Packed {
  const packed: Packed = { parcels: [], refused: [] }
  const cut = (some: readonly ReadableSpan[]): void => {
    const [first] = some
    if (!first || !wire) return
    const { traceId } = first.spanContext()
    const isOne = some.length === 1
    let error = ''
    try {
      const body = wire.encode(some)
      const limit = isOne ? maxExportBytes : Math.min(maxExportBytes, fits)
      if (body.length <= limit) {
        packed.parcels.push({
          ...{ body, traceId, serial: 0, hasRoot: !!isRoot?.(first), beats: 0, onDrop },
          ...{ left: some.length, sent: 0, dropped: 0, spooled: 0, lost: [], isOrphan: false },
          ...{ tries: 0, again: 0, most: Number.POSITIVE_INFINITY, failedAlone: 0 },
        })
        return
      }
      error = `${body.length} bytes are more than the limit of ${limit}`
    } catch (thrown) {
      error = `not encodable: ${identify(thrown)}`
    }
    if (isOne) packed.refused.push(error)
    else for (const half of halves(some)) cut(half)
  }
  cut(spans)
  return packed
}

function halves<T>(items: readonly T[]): [readonly T[], readonly T[]] {
  const middle = items.length >> 1
  return [items.slice(0, middle), items.slice(middle)]
}

/** Says what of it was lost, and tells the client. */
export function tell({ lost, traceId, onDrop }: Parcel): void {
  for (const drop of lost.splice(0)) reportDrop({ ...drop, traceId }, onDrop)
}
