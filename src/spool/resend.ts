/** Sends one spooled message after the other, each to the destination that it was meant for, if the configuration names it. */
import type { Connection } from '../formats/format.ts'
import { type Delivery, reject } from '../formats/parts.ts'
import type { Config } from '../options/config.ts'
import { reportDrop } from '../outbox/report.ts'
import type { Deadline } from '../runtime/deadline.ts'
import { identify, warn } from '../runtime/diag.ts'
import { connect } from '../transport/connection.ts'
import { gunzip } from './gunzip.ts'
import { fromMessage } from './message.ts'
import { resendOtlp } from './otlp.ts'
import { nameOf, type SpooledBatch } from './store.ts'

/** What became of a message's spans. */
export interface Resent {
  sent: number
  dropped: number
  /** Spans that may still be sent later. */
  left: number
  /** Why some are left, or were dropped. */
  error?: string
  /** The configuration does not say where to. */
  unknown?: boolean
  /** Its destination was not asked: it has failed before, or no time was left. */
  isUntried?: boolean
}

/** With so many `retries` after the first attempt. Never rejects. */
export type Resend = (message: unknown, retries: number) => Promise<Resent>

/** Decompressed; twice `maxExportBytes` where that is more. What our own batches are, as JSON, fits a few times. */
const MAX_BODY_BYTES = 8 << 20
/** Of one message. A search among the 512 spans of a default batch costs fewer, however many of them are refused. */
const MAX_REQUESTS = 1000

/**
 * All of it by `deadline`. A destination that has failed is not asked again, and a message that is no batch is dropped
 * alone, whatever it holds. `what`: becomes of a batch that has no destination.
 */
export function resender(config: Config, deadline: Deadline, what: string): Resend {
  const targets = [config, ...config.exporters]
    .filter((target): target is Config => !('export' in target))
    // What cannot be sent stays where it is.
    .map((target): Config => ({ ...target, spool: undefined }))
  const down = new Map<string, string>()

  const send = async (batch: SpooledBatch, retries: number): Promise<Resent> => {
    const { url, format, spans } = batch
    const keep = (error: string): Resent => ({ sent: 0, dropped: 0, left: spans, error })
    const [target, other] = targets.filter(
      ({ destination, format: { name } }) => destination && nameOf(destination) === url && name === format,
    )
    // A key and headers go where the configuration sends them only, and a batch to nobody else's project.
    if (!target?.destination || other) {
      const found = other ? 'several destinations are' : 'no destination is'
      const error = `${found} configured for ${url} as ${format}; its batches ${what}`
      warn(`a spool: ${error}`)
      return { ...keep(error), unknown: true }
    }
    const failed = down.get(url)
    if (failed !== undefined) return { ...keep(failed), isUntried: true }
    if (deadline.left <= 0) return { ...keep('no time was left; see flushDeadlineMs'), isUntried: true }
    const { destination, maxExportBytes } = target
    const body = batch.headers['content-encoding']
      ? await gunzip(batch.body, Math.max(MAX_BODY_BYTES, 2 * maxExportBytes))
      : batch.body
    const requests = { left: MAX_REQUESTS }
    const way = connect({ config: target, destination, deadline, retries, keep: 0, keeps: true }, requests)
    const delivery = await resend({ ...batch, body }, way)
    const { unsent } = delivery
    if (delivery.reason === 'request-limit' && !requests.left) {
      // A message that takes so many requests would take them again.
      delivery.unsent = []
      reject(delivery, unsent.length, `it takes more than ${MAX_REQUESTS} requests`)
    } else if (unsent.length) down.set(url, delivery.error ?? '')
    const { sent, dropped, error, rejection } = delivery
    if (dropped) reportDrop({ spans: dropped, reason: 'rejected', error: rejection }, config.onDrop)
    return { sent, dropped, left: delivery.unsent.length, error }
  }

  return async (message, retries) => {
    let spans = 1
    try {
      const batch = fromMessage(message)
      spans = batch.spans
      return await send(batch, retries)
    } catch (thrown) {
      const error = `a message is no spooled batch: ${identify(thrown)}`
      reportDrop({ spans, reason: 'rejected', error }, config.onDrop)
      return { sent: 0, dropped: spans, left: 0, error }
    }
  }
}

function resend(batch: SpooledBatch, connection: Connection): Promise<Delivery<unknown>> {
  const { resend } = connection.config.format
  return resend ? resend(batch.body, connection) : resendOtlp(batch, connection)
}
