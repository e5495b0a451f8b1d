/**
 * Delivers spans to one destination as a standard OpenTelemetry `SpanExporter`: through the outbox, or, where the format
 * has requests of its own, through that. It needs nothing but `fetch`.
 */
import type { ExportResult } from '@opentelemetry/core'
import { NOTHING } from '../formats/parts.ts'
import { Deadline } from '../runtime/deadline.ts'
import { guard } from '../runtime/diag.ts'
import { FAILED, SUCCESS } from '../runtime/otel.ts'
import { runQuietly } from '../runtime/scope.ts'
import type { ReadableSpan, SpanExporter } from '../runtime/sdk.ts'
import type { DeliveryConfig } from './config.ts'
import type { Sending } from './run.ts'
import { Sender, type SenderInit } from './sender.ts'

export class DestinationExporter implements SpanExporter {
  readonly #config: DeliveryConfig
  readonly #init: SenderInit
  #isShutdown = false
  /** The exports under way. */
  #running: Promise<void> | undefined

  /** `init`: of the one session whose spans these are; without one, each export may cost `maxRequests`. */
  constructor(config: DeliveryConfig, init: SenderInit = {}) {
    this.#config = config
    this.#init = init
  }

  /** Whether it delivers while the session goes on: AgentOps v2 does so only when it has to. */
  get isEarly(): boolean {
    return !this.#config.format.api
  }

  /** What delivers the spans of one processor. */
  sender(init: SenderInit): Sender {
    return new Sender(this.#config, { ...this.#init, ...init, direct: directOf(this.#config) })
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
    const deadline = new Deadline(Date.now() + this.#config.flushDeadlineMs)
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

/** Undefined where spans go through the outbox. */
function directOf({ destination, format }: DeliveryConfig): Sending['direct'] {
  const { deliver } = format
  if (destination && format.wire) return undefined
  return async (spans, connection) => {
    if (!destination || !deliver) return { ...NOTHING, dropped: spans.length, reason: 'no-destination' }
    // Without a request left there is nothing to encode for.
    const limited = connection.limited()
    return limited ? { ...NOTHING, unsent: spans, ...limited } : runQuietly(() => deliver(spans, connection))
  }
}
