/**
 * Spools: where batches wait that could not be sent, and the consumers that send them again. A queue delivers at least
 * once, so a batch may arrive twice where a consumer dies after the backend's answer and before it could say so; its
 * spans have the same ids then.
 *
 * @module
 */

import type { Spool } from '../outbox/spool.ts'
import { OwnError } from '../runtime/diag.ts'
import { bodyWithin, toMessage } from './message.ts'
import { spoolTo } from './store.ts'

export { type DrainOptions, drainSpool, type QueueBatch, type SqsContext, type SqsEvent } from './drain.ts'
export { drainTail, type TailItem } from './drain-tail.ts'
export { type SpoolMessage, toMessage } from './message.ts'
export { type SpooledBatch, type SpoolStore, spoolTo } from './store.ts'
export { type TailSpoolOptions, tailSpool } from './tail.ts'

/** Cloudflare Queues take 128 KB a message, SQS 256 KiB (more where a queue is configured for it). */
const QUEUE_BYTES = 128_000
const SQS_BYTES = 262_144

/** What is needed of Cloudflare's `Queue`. */
export interface QueueLike {
  send(body: unknown, options?: { contentType: 'json' }): Promise<unknown>
}

/**
 * Spools to a Cloudflare Queue. Give its consumer `max_retries = 100` in the Wrangler configuration: the default of 3
 * loses a batch after a short outage. Throws where `queue` is no binding of a Queue; an option that throws is left out.
 *
 * ```ts
 * app.use(agentops({ spool: (env) => queueSpool(env.SPOOL) }))
 * ```
 */
export function queueSpool(queue: unknown): Spool {
  if (typeof (queue as QueueLike | undefined)?.send !== 'function') {
    throw new OwnError(`queueSpool: expected the binding of a Queue, got some ${typeof queue}: see queues.producers`)
  }
  return spoolTo({
    maxBytes: bodyWithin(QUEUE_BYTES),
    put: (batch) => (queue as QueueLike).send(toMessage(batch), { contentType: 'json' }),
  })
}

/**
 * Spools to SQS, or to anything else that takes a text of up to 256 KiB.
 *
 * ```ts
 * const spool = sqsSpool((body) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body })))
 * ```
 */
export function sqsSpool(send: (body: string) => unknown): Spool {
  return spoolTo({ maxBytes: bodyWithin(SQS_BYTES), put: (batch) => send(JSON.stringify(toMessage(batch))) })
}
