/**
 * Sends items in as few requests as the limits allow: halved where a body is too large, searched by halves for the one
 * item that makes a backend refuse all of them.
 */
import { describe } from '../diag.ts'
import type { Accepted, Encoded, Outcome, Refused } from './transport.ts'

/** What became of some items. */
export interface Delivery<T> {
  sent: number
  dropped: number
  /** Handed to the spool. */
  spooled: number
  /** May still be sent later. */
  unsent: readonly T[]
  /** Of what was dropped or is unsent. */
  reason?: Refused['reason'] | 'no-destination'
  error?: string
}

/** To be added to: nothing has become of anything yet. */
export const NOTHING: Readonly<Delivery<never>> = { sent: 0, dropped: 0, spooled: 0, unsent: [] }

export interface Parts<T> {
  /** The largest body that is posted, before compression. */
  maxBytes: number
  encode(items: readonly T[]): Encoded | Promise<Encoded>
  post(encoded: Encoded, items: number): Promise<Outcome>
  /** How many of the `items` an answer refused that accepted the request, and why. */
  refused?(answer: Accepted, items: number): readonly [items: number, error: string] | undefined
  /** The statuses of a request that one item may have spoiled for the others. Default 400. */
  spoiled?: readonly number[]
}

/** A backend that refuses everything is not asked for each item. */
const MAX_REFUSALS = 32

export async function deliverInParts<T>(items: readonly T[], parts: Parts<T>): Promise<Delivery<T>> {
  const { maxBytes, encode, post, refused, spoiled = [400] } = parts
  const delivery: Delivery<T> = { ...NOTHING }
  let rest = items
  /** So many at the head of `rest` hold one that spoils a request, as a refusal has shown. */
  let suspects = 0
  let limit = items.length
  let refusals = 0

  const attempt = async (part: readonly T[]): Promise<Outcome> => {
    let encoded: Encoded
    try {
      encoded = await encode(part)
    } catch (error) {
      return { reason: 'rejected', status: spoiled[0], error: `not encodable: ${describe(error)}` }
    }
    const { length } = encoded.body
    if (length <= maxBytes) return post(encoded, part.length)
    return { reason: 'rejected', status: 413, error: `${length} bytes are more than the limit of ${maxBytes}` }
  }

  while (rest.length) {
    // A search needs no more than the first half: the other is the spoiled one where this one is not.
    const size = Math.max(Math.min(suspects ? suspects >> 1 : rest.length, limit), 1)
    // The last suspect needs no request of its own.
    const outcome = suspects === 1 ? undefined : await attempt(rest.slice(0, size))
    if (outcome?.reason) {
      const { reason, error, status = 0 } = outcome
      Object.assign(delivery, { reason, error })
      if (reason !== 'rejected') break
      if (status === 413 && size > 1) {
        limit = size >> 1
        continue
      }
      if (spoiled.includes(status) && refusals++ < MAX_REFUSALS) {
        suspects = size
        continue
      }
      delivery.dropped += status === 413 ? 1 : rest.length
      rest = status === 413 ? rest.slice(1) : []
      limit = items.length
    } else {
      const [lost, error] = (outcome && refused?.(outcome, size)) ?? [0]
      if (lost) Object.assign(delivery, { reason: 'rejected', error })
      if (outcome) delivery.sent += size - lost
      delivery.dropped += outcome ? lost : 1
      rest = rest.slice(size)
    }
    suspects = Math.max(suspects - size, 0)
  }
  delivery.unsent = rest
  return delivery
}
