/**
 * Sends items in as few requests as the limits allow: halved where a body is too large, searched by halves for the one
 * item that makes a backend refuse all of them.
 */
import type { Accepted, Encoded, Outcome, Refused } from '../transport/transport.ts'

/** What became of some items. */
export interface Delivery<T> {
  sent: number
  dropped: number
  /** Handed to the spool. */
  spooled: number
  /** May still be sent later. */
  unsent: readonly T[]
  /** A request was refused for what was in it: one for all that is unsent may be, too. */
  spoiled?: boolean
  /** Of what is unsent; where nothing is, of what was dropped. */
  reason?: Refused['reason'] | 'no-destination'
  error?: string
  /** Why some were `rejected`, all of `dropped`: the others may be unsent for another reason. */
  rejection?: string
}

/** To be added to: nothing has become of anything yet. */
export const NOTHING: Readonly<Delivery<never>> = { sent: 0, dropped: 0, spooled: 0, unsent: [] }

/** Counts `items` as rejected. */
export function reject(delivery: Delivery<unknown>, items: number, rejection: string): void {
  delivery.dropped += items
  delivery.rejection = rejection
  if (!delivery.unsent.length) Object.assign(delivery, { reason: 'rejected', error: rejection })
}

/** Adds what became of some to what became of others. */
export function add<T>(
  total: Delivery<T>,
  { sent, dropped, unsent, reason, error, rejection = '' }: Delivery<T>,
): void {
  total.sent += sent
  if (dropped) reject(total, dropped, rejection)
  if (unsent.length) Object.assign(total, { unsent: [...total.unsent, ...unsent], reason, error })
}

export type Refusal = (answer: Accepted, items: number) => readonly [items: number, error: string] | undefined

export interface Parts<T> {
  /** The largest body that is posted, before compression. */
  maxBytes: number
  encode(items: readonly T[]): Encoded | Promise<Encoded>
  post(encoded: Encoded, items: number): Promise<Outcome>
  /** How many of the `items` an answer refused that accepted the request, and why. */
  refused?: Refusal
  /** The statuses of a request that one item may have spoiled for the others. Default 400 and 422. */
  spoiled?: readonly number[]
  /**
   * A delivery ends with so many refusals in a row: a backend that refuses everything is not asked for each item. Any
   * request that it takes begins the count again, so that one that takes some is searched to the end. Default 32.
   */
  maxRefusals?: number
  /** All of it has been refused so. */
  refusal?: Refused
}

/** As many as a search of 512 has. What comes next is asked alone: neighbours are often spoiled alike. */
const ONE_SEARCH = 10

export async function deliverInParts<T>(items: readonly T[], parts: Parts<T>): Promise<Delivery<T>> {
  const { maxBytes, encode, post, refused, spoiled = [400, 422], maxRefusals = 32 } = parts
  let { refusal } = parts
  const delivery: Delivery<T> = { ...NOTHING }
  let rest = items
  /** So many at the head of `rest` hold one that spoils a request, as a refusal has shown. */
  let suspects = 0
  /** So many are not too large together. */
  let limit = items.length
  /** Refused alone. The more they are, the fewer are asked together, so that many do not cost a whole search each. */
  let found = 0
  /** Requests since one was taken; what is not posted costs none. */
  let refusals = refusal ? 1 : 0

  const attempt = async (part: readonly T[]): Promise<Outcome> => {
    let encoded: Encoded
    try {
      encoded = await encode(part)
    } catch (error) {
      return { reason: 'rejected', status: spoiled[0], error: `not encodable (${(error as Error | undefined)?.name})` }
    }
    const { length } = encoded.body
    if (length > maxBytes) {
      return { reason: 'rejected', status: 413, error: `${length} bytes are more than the limit of ${maxBytes}` }
    }
    refusals++
    return post(encoded, part.length)
  }

  while (rest.length) {
    const fresh = refusals < ONE_SEARCH ? (items.length / (found || 1)) | 0 : 1
    // A search needs no more than the first half: the other is the spoiled one where this one is not.
    let size = Math.max(Math.min(suspects ? suspects >> 1 : fresh, limit, rest.length), 1)
    const outcome = refusal ?? (await attempt(rest.slice(0, size)))
    refusal = undefined
    if (outcome.reason) {
      const { reason, error, status = 0 } = outcome
      if (reason !== 'rejected') {
        return { ...delivery, unsent: rest, spoiled: limit < items.length || suspects + found > 0, reason, error }
      }
      if (status === 413) limit = size >> 1
      else if (spoiled.includes(status)) suspects = size
      else refusals = maxRefusals
      if (refusals >= maxRefusals) size = rest.length
      // Each is asked alone before it is dropped: several may have been refused for their number.
      else if (size > 1) continue
      reject(delivery, size, error)
      limit = items.length
      found++
    } else {
      refusals = 0
      const [lost, error] = refused?.(outcome, size) ?? [0, '']
      if (lost) reject(delivery, lost, error)
      delivery.sent += size - lost
    }
    rest = rest.slice(size)
    suspects = Math.max(suspects - size, 0)
  }
  return delivery
}
