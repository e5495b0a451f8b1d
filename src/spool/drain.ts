/** The consumer of a spool: sends each batch to the destination that it was meant for, if the configuration names it. */

import type { Connection } from '../formats/format.ts'
import { type Delivery, NOTHING, reject } from '../formats/parts.ts'
import type { Config } from '../options/config.ts'
import type { AgentOpsOptions, Environment } from '../options/options.ts'
import { readConfig } from '../options/read.ts'
import type { FlushReport } from '../outbox/report.ts'
import { reportDrop } from '../outbox/report.ts'
import { Deadline } from '../runtime/deadline.ts'
import { identify, warn } from '../runtime/diag.ts'
import { connect } from '../transport/connection.ts'
import { fromMessage } from './message.ts'
import { resendOtlp } from './otlp.ts'
import { nameOf, type SpooledBatch } from './store.ts'

/** What is needed of Cloudflare's `MessageBatch`. */
export interface QueueBatch {
  readonly messages: readonly {
    readonly body: unknown
    readonly attempts: number
    ack(): void
    retry(options?: { delaySeconds?: number }): void
  }[]
}

/** What is needed of Lambda's `SQSEvent`. */
export interface SqsEvent {
  readonly Records: readonly { readonly messageId: string; readonly body: string }[]
}

export interface DrainOptions extends AgentOpsOptions {
  /** Seconds until a queue delivers a message again, after so many attempts. Default: 10, 20, 40… up to 600. */
  retryDelaySeconds?: (attempts: number) => number
}

const MAX_DELAY_SECONDS = 600

/**
 * For a Cloudflare Queue's `queue` handler: acknowledges what the backend took or refused for good (said, and given to
 * `onDrop`), and has the rest delivered again. Options and environment as for the sessions: they name the destinations.
 *
 * ```ts
 * export default { fetch: app.fetch, queue: (batch, env) => drainSpool(batch, {}, env) }
 * ```
 */
export function drainSpool(batch: QueueBatch, options?: DrainOptions, env?: unknown): Promise<FlushReport>
/** For a Lambda with SQS as its event source, `ReportBatchItemFailures` switched on. */
export function drainSpool(
  event: SqsEvent,
  options?: DrainOptions,
  env?: unknown,
): Promise<{ batchItemFailures: { itemIdentifier: string }[] }>
export async function drainSpool(
  input: QueueBatch | SqsEvent,
  { retryDelaySeconds = exponential, ...options }: DrainOptions = {},
  env?: unknown,
): Promise<FlushReport | { batchItemFailures: { itemIdentifier: string }[] }> {
  const drain = drainer(readConfig(options, env as Environment))
  if ('Records' in input) {
    const batchItemFailures: { itemIdentifier: string }[] = []
    for (const { messageId, body } of input.Records) {
      const { unsent } = await drain(body)
      if (unsent.length) batchItemFailures.push({ itemIdentifier: messageId })
    }
    return { batchItemFailures }
  }
  const report: FlushReport = { sent: 0, dropped: 0, spooled: 0, pending: 0 }
  for (const message of input.messages) {
    const { sent, dropped, unsent, error } = await drain(message.body)
    report.sent += sent
    report.dropped += dropped
    report.spooled += unsent.length
    if (error && dropped + unsent.length) report.error ??= error
    if (unsent.length) message.retry({ delaySeconds: retryDelaySeconds(message.attempts) })
    else message.ack()
  }
  return report
}

function exponential(attempts: number): number {
  return Math.min(5 * 2 ** attempts, MAX_DELAY_SECONDS)
}

/** Sends one message after the other; a destination that failed is not tried again for the same batch of messages. */
function drainer(config: Config): (message: unknown) => Promise<Delivery<unknown>> {
  const targets = [config, ...config.exporters]
    .filter((target): target is Config => !('export' in target))
    // What cannot be sent stays in the queue.
    .map((target): Config => ({ ...target, spool: undefined }))
  const down = new Map<string, string>()

  const send = async (batch: SpooledBatch): Promise<Delivery<unknown>> => {
    const kept: Delivery<unknown> = { ...NOTHING, unsent: Array(batch.spans).fill(batch.id) }
    const [target, other] = targets.filter(
      ({ destination, format }) => destination && nameOf(destination) === batch.url && format.name === batch.format,
    )
    // A key and headers go where the configuration sends them only, and a batch to nobody else's project.
    if (!target?.destination || other) {
      const found = other ? 'several destinations are' : 'no destination is'
      const error = `drainSpool: ${found} configured for ${batch.url} as ${batch.format}; its batches stay in the queue`
      warn(error)
      return { ...kept, error }
    }
    const { url } = target.destination
    const error = down.get(url)
    if (error) return { ...kept, error }
    const deadline = new Deadline(Date.now() + target.flushDeadlineMs)
    // The queue is the retry.
    const way = { config: target, destination: target.destination, deadline, retries: 0, keep: 0, keeps: true }
    const delivery = await resend(batch, connect(way, { left: Number.POSITIVE_INFINITY }))
    if (delivery.unsent.length) down.set(url, delivery.error ?? '')
    return delivery
  }

  return async (message) => {
    let spans = 1
    let delivery: Delivery<unknown> = { ...NOTHING }
    try {
      const batch = fromMessage(message)
      spans = batch.spans
      delivery = await send(batch)
    } catch (error) {
      reject(delivery, spans, `a message is no spooled batch: ${identify(error)}`)
    }
    const { dropped, rejection } = delivery
    if (dropped) reportDrop({ spans: dropped, reason: 'rejected', error: rejection }, config.onDrop)
    return delivery
  }
}

async function resend(batch: SpooledBatch, connection: Connection): Promise<Delivery<unknown>> {
  const body = batch.headers['content-encoding'] ? await decompress(batch.body) : batch.body
  const { resend } = connection.config.format
  return resend ? resend(body, connection) : resendOtlp({ ...batch, body }, connection)
}

async function decompress(body: Uint8Array): Promise<Uint8Array> {
  const plain = new Blob([body as never]).stream().pipeThrough(new DecompressionStream('gzip'))
  return new Uint8Array(await new Response(plain).arrayBuffer())
}
