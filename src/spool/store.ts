/** Hands what could not be sent to a store, as encoded batches that it has room for. */

import type { Connection, Format } from '../formats/format.ts'
import { type Delivery, deliverInParts, reject } from '../formats/parts.ts'
import type { Spool } from '../outbox/spool.ts'
import { identify } from '../runtime/diag.ts'
import type { Destination } from '../transport/connection.ts'
import { takesAll } from './offer.ts'

/** Encoded spans that could not be sent. Plain data, without key, token or configured header. */
export interface SpooledBatch {
  /** UUID: the same where a batch is delivered twice. */
  id: string
  /** Where it is to be sent, without a query: that may hold a secret. */
  url: string
  format: Format['name']
  /** How many spans are in it. */
  spans: number
  /** `content-type`, and `content-encoding` where the body is compressed. */
  headers: Readonly<Record<string, string>>
  body: Uint8Array
}

/** Where batches wait until a consumer sends them. */
export interface SpoolStore {
  /** The largest body that it takes, as it is in the batch; a larger one is split. Default: any. */
  maxBytes?: number
  /**
   * Resolves when the batch is safe. A rejection, or no answer within 5 s (or a second after the flush's deadline, where
   * that is sooner), counts as not kept: a store that takes it all the same may hold spans that are sent once more.
   */
  put(batch: SpooledBatch): unknown
}

/** Between what the destination and what the store said. */
export const SPOOL_FAILED = '; the spool failed: '
/** For one batch. */
const PUT_TIMEOUT_MS = 5000
/** For all batches, after the deadline of their delivery. */
const GRACE_MS = 1000

/** How a batch names a destination. */
export function nameOf({ url }: Destination): string {
  return url.replace(/\?.*/, '')
}

/** A spool with a store of your own. `toMessage` gives a batch the form that `drainSpool` takes. */
export function spoolTo(store: SpoolStore): Spool {
  const own: SpoolStore = { maxBytes: store.maxBytes, put: (batch) => store.put(batch) }
  const spool: Spool & SpoolStore = {
    ...own,
    ...takesAll((delivery, connection) => keepIn(own, delivery, connection)),
  }
  return spool
}

/** `leave`: what is too large for the store stays unsent; else it is dropped. */
export async function keepIn(
  { maxBytes = Number.POSITIVE_INFINITY, put }: SpoolStore,
  delivery: Delivery<unknown>,
  connection: Connection,
  leave = false,
): Promise<Delivery<unknown>> {
  const { format } = connection.config
  const url = nameOf(connection.destination)
  const large: unknown[] = []
  let packed: readonly unknown[] = []
  const spooled = await deliverInParts(delivery.unsent, {
    maxBytes: leave ? Number.POSITIVE_INFINITY : maxBytes,
    encode(spans) {
      packed = spans
      return format.pack(spans, connection)
    },
    async post({ body, headers }, spans) {
      if (body.length > maxBytes) {
        // Halved; one that is too large alone is passed over.
        if (spans > 1) return { reason: 'rejected', status: 413, error: '' }
        large.push(...packed)
        return { status: 200, body }
      }
      try {
        const batch = { id: crypto.randomUUID(), url, format: format.name, spans, headers, body }
        await connection.deadline.within(PUT_TIMEOUT_MS, Promise.resolve(put(batch)), GRACE_MS)
        return { status: 200, body }
      } catch (error) {
        return { reason: 'undelivered', error: `${delivery.error}${SPOOL_FAILED}${identify(error)}` }
      }
    },
  })
  const { sent, dropped, reason = delivery.reason, error = delivery.error, rejection } = spooled
  const unsent = [...large, ...spooled.unsent]
  const kept: Delivery<unknown> = { ...delivery, spooled: sent - large.length, unsent }
  if (unsent.length) Object.assign(kept, { reason, error })
  if (dropped) reject(kept, dropped, `the spool takes no such batch: ${rejection}`)
  return kept
}
