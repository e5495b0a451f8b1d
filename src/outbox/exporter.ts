/**
 * Delivers spans to one destination: it has a format send them through a connection, and hands to the spool what could
 * not be sent. It is a standard OpenTelemetry `SpanExporter`, too, and needs nothing but `fetch`.
 */
import type { ExportResult } from '@opentelemetry/core'
import type { FormatConfig, FormatSession } from '../formats/format.ts'
import { add, type Delivery, NOTHING } from '../formats/parts.ts'
import { Deadline } from '../runtime/deadline.ts'
import { guard, identify } from '../runtime/diag.ts'
import { FAILED, SUCCESS } from '../runtime/otel.ts'
import { runQuietly } from '../runtime/scope.ts'
import type { ReadableSpan, SpanExporter } from '../runtime/sdk.ts'
import { connect, type Destination, type Requests } from '../transport/connection.ts'
import type { Spool } from './spool.ts'

/** What delivering needs of what the user has said. */
export interface DeliveryConfig extends FormatConfig {
  /** None: what is delivered is dropped. */
  readonly destination?: Destination
  readonly spool?: Spool
  readonly flushDeadlineMs: number
  /** After the first. */
  readonly retryAttempts: number
}

export class DestinationExporter implements SpanExporter {
  readonly #config: DeliveryConfig
  readonly #session: FormatSession | undefined
  readonly #requests: Requests | undefined
  #rootGone = false
  #shutdown = false
  /** The exports under way. */
  #running: Promise<void> | undefined

  /**
   * `session`: the one session whose spans these are, and the `requests` that it may cost; without one, each export may
   * cost `maxRequests`.
   */
  constructor(config: DeliveryConfig, session?: FormatSession, requests?: Requests) {
    this.#config = config
    this.#session = session
    this.#requests = requests
  }

  /** Whether it delivers while the session goes on: AgentOps v2 does so only when it has to. */
  get early(): boolean {
    return !this.#config.format.api
  }

  /** OpenTelemetry's contract. An empty list, and anything after `shutdown`, succeeds without a request. */
  export(spans: ReadableSpan[], callback: (result: ExportResult) => void): void {
    const earlier = this.#running
    this.#running = this.deliver(spans).then(({ dropped, unsent, error = 'no destination' }) => {
      guard('an export callback', () =>
        callback(dropped + unsent.length ? { code: FAILED, error: new Error(error) } : { code: SUCCESS }),
      )
      return earlier
    })
  }

  /**
   * Sends `spans` until `deadline`, by default `flushDeadlineMs` from now, with `retries` after the first attempt, and
   * says what became of them; never rejects.
   */
  async deliver(
    spans: readonly ReadableSpan[],
    deadline: Deadline = new Deadline(Date.now() + this.#config.flushDeadlineMs),
    retries: number = this.#config.retryAttempts,
  ): Promise<Delivery<ReadableSpan>> {
    const config = this.#config
    const session = this.#session
    const { destination, format, spool } = config
    if (!spans.length || this.#shutdown) return { ...NOTHING }
    if (!destination) return { ...NOTHING, dropped: spans.length, reason: 'no-destination' }
    const rootId = session?.root.spanContext().spanId
    const root = spans.filter((span) => span.spanContext().spanId === rootId)
    const requests = this.#requests ?? { left: config.maxRequests }
    // The last request is the root's: without it the backend has no session to show the others in.
    const keep = this.#rootGone || !session || (root.length && requests.left === 1) ? 0 : 1
    try {
      const way = { config, destination, session, deadline, retries, keep }
      const connection = connect(spool?.prompt ? { ...way, retries: 0 } : way, requests)
      const deliver = async (some: readonly ReadableSpan[]): Promise<Delivery<ReadableSpan>> => {
        // Without a request left there is nothing to encode for.
        const limited = connection.limited()
        return limited ? { ...NOTHING, unsent: some, ...limited } : runQuietly(() => format.deliver(some, connection))
      }
      let delivery = await deliver(spans)
      const { unsent, spoiled } = delivery
      if (delivery.reason === 'request-limit' && root.some((span) => unsent.includes(span))) {
        connection.keep = 0
        const last = spoiled ? root : unsent
        delivery = { ...delivery, unsent: unsent.filter((span) => !last.includes(span)) }
        add(delivery, await deliver(last))
      }
      if (spool && delivery.unsent.length) delivery = await spool.keep(delivery, connection)
      if (spool?.prompt && retries && delivery.unsent.length) {
        const { unsent } = delivery
        delivery.unsent = []
        add(
          delivery,
          await runQuietly(() => format.deliver(unsent, connect({ ...way, keep: connection.keep }, requests))),
        )
      }
      this.#rootGone ||= root.some((span) => !delivery.unsent.includes(span))
      return delivery
    } catch (error) {
      return { ...NOTHING, dropped: spans.length, reason: 'undelivered', error: identify(error) }
    }
  }

  async forceFlush(): Promise<void> {
    await this.#running
  }

  async shutdown(): Promise<void> {
    await this.#running
    this.#shutdown = true
  }
}
