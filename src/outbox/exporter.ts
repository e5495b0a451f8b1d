/**
 * Delivers spans to one destination as a standard OpenTelemetry `SpanExporter`: through the outbox, or, where the format
 * has requests of its own, through that. It needs nothing but `fetch`.
 */
import type { ExportResult } from '@opentelemetry/core'
import type { FormatSession } from '../formats/format.ts'
import { type Delivery, NOTHING } from '../formats/parts.ts'
import { Deadline } from '../runtime/deadline.ts'
import { guard, identify } from '../runtime/diag.ts'
import { FAILED, SUCCESS } from '../runtime/otel.ts'
import { runQuietly } from '../runtime/scope.ts'
import type { ReadableSpan, SpanExporter } from '../runtime/sdk.ts'
import { connect, type Requests } from '../transport/connection.ts'
import type { DeliveryConfig } from './config.ts'
import type { SenderInit } from './parcel.ts'
import type { FlushReport } from './report.ts'
import { Sender } from './sender.ts'

export class DestinationExporter implements SpanExporter {
  readonly #config: DeliveryConfig
  readonly #session: FormatSession | undefined
  readonly #requests: Requests | undefined
  readonly #isUnwatched: boolean
  #isShutdown = false
  /** The exports under way. */
  #running: Promise<void> | undefined

  /**
   * `session`: the one session whose spans these are, and the `requests` that it may cost; without one, each export may
   * cost `maxRequests`. `isUnwatched`: of a Durable Object, whose timers may stand still.
   */
  constructor(config: DeliveryConfig, session?: FormatSession, requests?: Requests, isUnwatched = false) {
    this.#config = config
    this.#session = session
    this.#requests = requests
    this.#isUnwatched = isUnwatched
  }

  /** Whether it delivers while the session goes on: AgentOps v2 does so only when it has to. */
  get isEarly(): boolean {
    return !this.#config.format.api
  }

  /** What delivers the spans of one processor; undefined where they share no request. */
  sender(onDrop: SenderInit['onDrop'] = this.#config.onDrop, onChange?: SenderInit['onChange']): Sender | undefined {
    const { destination, format } = this.#config
    if (!destination || !format.wire) return undefined
    const session = this.#session
    const isRoot = session && ((span: ReadableSpan): boolean => span === (session.root as unknown))
    const init = { requests: this.#requests, isRoot, isUnwatched: this.#isUnwatched, onDrop, onChange }
    return new Sender(this.#config, destination, init)
  }

  /** OpenTelemetry's contract. An empty list, and anything after `shutdown`, succeeds without a request. */
  export(spans: ReadableSpan[], callback: (result: ExportResult) => void): void {
    const earlier = this.#running
    this.#running = this.#export(spans).then(({ dropped, pending, error = 'no destination' }) => {
      guard('an export callback', () =>
        callback(dropped + pending ? { code: FAILED, error: new Error(error) } : { code: SUCCESS }),
      )
      return earlier
    })
  }

  /** What was not sent is dropped: the caller is told that it failed. */
  async #export(spans: ReadableSpan[]): Promise<FlushReport> {
    const sender = this.#isShutdown ? undefined : this.sender(() => {})
    if (!sender) {
      const { sent, dropped, spooled, unsent, error } = await this.deliver(spans)
      return { sent, dropped, spooled, pending: unsent.length, error }
    }
    sender.post(spans)
    await sender.run({ deadline: this.#deadline(), waits: true, rest: 'drop' })
    return sender.report()
  }

  /**
   * Where spans share no request: sends `spans` until `deadline`, by default `flushDeadlineMs` from now, and says what
   * became of them; never rejects.
   */
  async deliver(
    spans: readonly ReadableSpan[],
    deadline: Deadline = this.#deadline(),
    tries?: number,
  ): Promise<Delivery<ReadableSpan>> {
    const config = this.#config
    const { destination, format, spool, retryAttempts = Number.POSITIVE_INFINITY } = config
    if (!spans.length || this.#isShutdown) return { ...NOTHING }
    if (!destination || !format.deliver) return { ...NOTHING, dropped: spans.length, reason: 'no-destination' }
    const { deliver } = format
    const retries = tries === undefined ? retryAttempts : tries - 1
    const requests = this.#requests ?? { left: config.maxRequests }
    try {
      const way = { config, destination, session: this.#session, deadline, retries, keep: 0 }
      const connection = connect(way, requests)
      // Without a request left there is nothing to encode for.
      const limited = connection.limited()
      const delivery = limited
        ? { ...NOTHING, unsent: spans, ...limited }
        : await runQuietly(() => deliver(spans, connection))
      return spool && delivery.unsent.length
        ? ((await spool.keep(delivery, connection)) as Delivery<ReadableSpan>)
        : delivery
    } catch (error) {
      return { ...NOTHING, dropped: spans.length, reason: 'undelivered', error: identify(error) }
    }
  }

  async forceFlush(): Promise<void> {
    await this.#running
  }

  async shutdown(): Promise<void> {
    await this.#running
    this.#isShutdown = true
  }

  #deadline(): Deadline {
    return new Deadline(Date.now() + this.#config.flushDeadlineMs)
  }
}
