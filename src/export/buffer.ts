/**
 * The bounded buffer between a session's spans and its exporter: a SimpleSpanProcessor that waits. A full batch, the
 * interval of a session that lives long, or a flush exports; one export at a time. Usable in anybody's TracerProvider.
 */
import { SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import { ExportResultCode } from '@opentelemetry/core'
import { describe, guard, warn } from '../diag.ts'
import type { Drop, FlushReport } from '../options.ts'
import type { ReadableSpan, SpanExporter, SpanProcessor } from '../sdk.ts'
import type { Delivery, SessionExporter } from './exporter.ts'

export interface BufferOptions {
  /** Default 2048. */
  maxQueueSize?: number
  /** Default 512. */
  maxExportBatchSize?: number
  /** Default 1000, doubling with each export up to 15 000. */
  exportIntervalMs?: number
  onDrop?: (drop: Drop) => void
  onExport?: (report: FlushReport) => void
}

const MAX_INTERVAL_MS = 15_000

export class SessionSpanProcessor implements SpanProcessor {
  readonly #exporter: SpanExporter | SessionExporter
  readonly #options: BufferOptions
  readonly #maxQueueSize: number
  readonly #batchSize: number
  #interval: number
  #queue: ReadableSpan[] = []
  #inFlight = 0
  #exported = 0
  #sent = 0
  #dropped = 0
  #error: string | undefined
  #exporting: Promise<void> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #released = false

  constructor(exporter: SpanExporter | SessionExporter, options: BufferOptions = {}) {
    this.#exporter = exporter
    this.#options = options
    this.#maxQueueSize = options.maxQueueSize ?? 2048
    this.#batchSize = options.maxExportBatchSize ?? 512
    this.#interval = options.exportIntervalMs ?? 1000
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (!(span.spanContext().traceFlags & TraceFlags.SAMPLED)) return
    if (this.#queue.length >= this.#maxQueueSize && !this.#makeRoom(span)) return
    this.#queue.push(span)
    if (this.#released) void this.forceFlush()
    else if (this.#queue.length >= this.#batchSize) void this.#export()
    else this.#timer ??= this.#startTimer()
  }

  /** Exports everything that has ended so far; what ends meanwhile belongs to a later flush. */
  async forceFlush(): Promise<void> {
    this.#stopTimer()
    const target = this.#exported + this.#inFlight + this.#queue.length
    while (this.#exported < target && (this.#exporting || this.#queue.length > 0)) await this.#export()
  }

  async shutdown(): Promise<void> {
    await this.forceFlush()
    await this.#exporter.shutdown()
  }

  /** Counters over the processor's life. */
  report(): FlushReport {
    const report: FlushReport = {
      sent: this.#sent,
      dropped: this.#dropped,
      spooled: 0,
      pending: this.#queue.length + this.#inFlight,
    }
    if (this.#error !== undefined) report.error = this.#error
    return report
  }

  /** No timer from here on: a span that still ends is exported at once. */
  release(): void {
    this.#released = true
    this.#stopTimer()
  }

  /** Starts the next batch, or joins the one under way. */
  #export(): Promise<void> {
    this.#exporting ??= this.#exportBatch().finally(() => {
      this.#exporting = undefined
      if (this.#queue.length >= this.#batchSize) void this.#export()
    })
    return this.#exporting
  }

  async #exportBatch(): Promise<void> {
    const batch = this.#queue.splice(0, this.#batchSize)
    if (batch.length === 0) return
    this.#inFlight = batch.length
    const { sent, dropped, reason, error } = await deliver(this.#exporter, batch)
    this.#inFlight = 0
    this.#exported += batch.length
    this.#sent += sent
    this.#error = error
    if (dropped > 0) this.#drop({ spans: dropped, reason: reason ?? 'undelivered', error })
    guard('onExport', () => this.#options.onExport?.(this.report()))
  }

  /** A full buffer loses an ordinary span before a root or an error: they say what the session came to. */
  #makeRoom(span: ReadableSpan): boolean {
    const weighty = isWeighty(span)
    const victim = weighty ? this.#queue.findIndex((queued) => !isWeighty(queued)) : -1
    if (victim >= 0) this.#queue.splice(victim, 1)
    this.#drop({ spans: 1, reason: 'queue-full', error: `the buffer holds maxQueueSize (${this.#maxQueueSize}) spans` })
    return victim >= 0
  }

  #drop(drop: Drop): void {
    this.#dropped += drop.spans
    // Without a destination the configuration has said so already.
    if (drop.reason !== 'no-destination') {
      warn(`spans were lost (${drop.reason}): ${drop.error ?? 'no reason given'}`, `${drop.reason} ${drop.error}`)
    }
    guard('onDrop', () => this.#options.onDrop?.(drop))
  }

  #startTimer(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.#timer = undefined
      this.#interval = Math.min(this.#interval * 2, Math.max(MAX_INTERVAL_MS, this.#interval))
      void this.#export()
    }, this.#interval)
    // Node keeps a process alive for a timer; a buffer is no reason to.
    ;(timer as { unref?: () => void }).unref?.()
    return timer
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

function isWeighty(span: ReadableSpan): boolean {
  return (
    !span.parentSpanContext || span.parentSpanContext.isRemote === true || span.status.code === SpanStatusCode.ERROR
  )
}

/** Exports through ours with its counts, through any other exporter with its yes or no. */
async function deliver(exporter: SpanExporter | SessionExporter, batch: ReadableSpan[]): Promise<Delivery> {
  try {
    if ('deliver' in exporter) return await exporter.deliver(batch)
    return await new Promise<Delivery>((resolve) => {
      exporter.export(batch, ({ code, error }) =>
        resolve(
          code === ExportResultCode.SUCCESS
            ? { sent: batch.length, dropped: 0 }
            : { sent: 0, dropped: batch.length, reason: 'undelivered', error: error && describe(error) },
        ),
      )
    })
  } catch (error) {
    return { sent: 0, dropped: batch.length, reason: 'undelivered', error: describe(error) }
  }
}
