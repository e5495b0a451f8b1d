/**
 * Delivers spans to one destination as a standard OpenTelemetry `SpanExporter`: through the outbox, or, where the format
 * has requests of its own, through that. It needs nothing but `fetch`.
 */
import type { ExportResult } from '@opentelemetry/core'
import { Deadline } from '../runtime/deadline.ts'
import { guard } from '../runtime/diag.ts'
import { FAILED, SUCCESS } from '../runtime/otel.ts'
import type { ReadableSpan, SpanExporter } from '../runtime/sdk.ts'
import type { DeliveryConfig } from './config.ts'
import type { Sender, SenderInit } from './sender.ts'
import { type Source, sourceOf } from './source.ts'

export class DestinationExporter implements SpanExporter, Source {
  readonly #flushMs: number
  readonly #own: Source
  #isShutdown = false
  /** The exports under way. */
  #running: Promise<void> | undefined

  /** `init`: of the one session whose spans these are; without one, each export may cost `maxRequests`. */
  constructor(config: DeliveryConfig, init: SenderInit = {}) {
    this.#flushMs = config.flushDeadlineMs
    this.#own = sourceOf(config, init)
  }

  get isEarly(): boolean {
    return this.#own.isEarly
  }

  sender(init: SenderInit): Sender {
    return this.#own.sender(init)
  }

  /** OpenTelemetry's contract. An empty list, and anything after `shutdown`, succeeds without a request. */
  export(spans: ReadableSpan[], callback: (result: ExportResult) => void): void {
    const earlier = this.#running
    this.#running = this.#export(spans).then((error) => {
      guard('an export callback', () => callback(error ? { code: FAILED, error: new Error(error) } : { code: SUCCESS }))
      return earlier
    })
  }

  /** What was not sent is dropped: the caller is told that it failed. Gives why. */
  async #export(spans: ReadableSpan[]): Promise<string | undefined> {
    if (!spans.length || this.#isShutdown) return undefined
    const sender = this.sender({})
    sender.report.pending = spans.length
    const deadline = new Deadline(Date.now() + this.#flushMs)
    await sender.run({ deadline, waits: true, rest: 'drop' }, [spans])
    const { dropped, error = 'no destination' } = sender.report
    return dropped ? error : undefined
  }

  async forceFlush(): Promise<void> {
    await this.#running
  }

  async shutdown(): Promise<void> {
    await this.#running
    this.#isShutdown = true
  }
}
