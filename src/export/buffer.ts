/**
 * The bounded buffer between a session's spans and its exporter: a SimpleSpanProcessor that waits. A full batch, the
 * interval of a session that lives long, or a flush exports; one export at a time. Usable in anybody's TracerProvider.
 */
import type { SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import type { ExportResult, ExportResultCode } from '@opentelemetry/core'
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

// OpenTelemetry's numbers, typed by its enums: the enums themselves cost bytes in every bundle.
const SAMPLED: TraceFlags.SAMPLED = 1
const ERROR: SpanStatusCode.ERROR = 2
const SUCCESS: ExportResultCode.SUCCESS = 0

export class SessionSpanProcessor implements SpanProcessor {
  readonly #exporter: SpanExporter | SessionExporter
  readonly #options: BufferOptions
  readonly #maxQueueSize: number
  readonly #batchSize: number
  readonly #queue: ReadableSpan[] = []
  readonly #report: FlushReport = { sent: 0, dropped: 0, spooled: 0, pending: 0 }
  #interval: number
  #exporting: Promise<void> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #late: ((flushed: Promise<void>) => void) | undefined

  constructor(exporter: SpanExporter | SessionExporter, options: BufferOptions = {}) {
    this.#exporter = exporter
    this.#options = options
    this.#maxQueueSize = options.maxQueueSize || 2048
    // A batch that the queue cannot hold would never be full.
    this.#batchSize = Math.min(options.maxExportBatchSize || 512, this.#maxQueueSize)
    this.#interval = options.exportIntervalMs || 1000
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (!(span.spanContext().traceFlags & SAMPLED)) return
    this.#report.pending++
    if (this.#queue.push(span) > this.#maxQueueSize) this.#makeRoom(span)
    if (this.#late) this.#late(this.forceFlush())
    else if (this.#queue.length >= this.#batchSize) void this.#export()
    else if (!this.#timer) {
      this.#timer = setTimeout(() => {
        this.#interval = Math.max(this.#interval, Math.min(this.#interval * 2, MAX_INTERVAL_MS))
        void this.forceFlush()
      }, this.#interval)
      // Node keeps a process alive for a timer; a buffer is no reason to.
      ;(this.#timer as { unref?: () => void }).unref?.()
    }
  }

  /** Exports everything that has ended so far; what ends meanwhile belongs to a later flush. */
  async forceFlush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    let ended = this.#queue.length
    // The batch under way, which is no longer in the queue.
    await this.#exporting
    for (; ended > 0; ended -= this.#batchSize) await this.#export()
  }

  async shutdown(): Promise<void> {
    await this.forceFlush()
    await this.#exporter.shutdown()
  }

  /** Counters over the processor's life. */
  report(): FlushReport {
    const { error, ...counts } = this.#report
    return error === undefined ? counts : { ...counts, error }
  }

  /** No timer from here on: a span that still ends is exported at once, and `late` is given the export. */
  release(late: (flushed: Promise<void>) => void): void {
    this.#late = late
    late(this.forceFlush())
  }

  /** Starts the next batch, or joins the one under way. */
  #export(): Promise<void> {
    this.#exporting ??= this.#exportBatch()
    return this.#exporting
  }

  /** Never rejects: `deliver` and `guard` see to that. */
  async #exportBatch(): Promise<void> {
    const batch = this.#queue.splice(0, this.#batchSize)
    const { sent, reason = 'undelivered', error } = await deliver(this.#exporter, batch)
    this.#report.sent += sent
    this.#report.pending -= sent
    this.#report.error = error
    if (sent < batch.length) this.#drop(batch.length - sent, reason, error)
    guard('onExport', () => this.#options.onExport?.(this.report()))
    this.#exporting = undefined
    if (this.#queue.length >= this.#batchSize) void this.#export()
  }

  /** A full buffer loses an ordinary span before a root or an error: they say what the session came to. */
  #makeRoom(newest: ReadableSpan): void {
    const victim = isWeighty(newest) ? this.#queue.findIndex((span) => !isWeighty(span)) : -1
    // -1 is the newest itself; a root goes before the oldest error.
    this.#queue.splice(victim < 0 && isRoot(newest) ? 0 : victim, 1)
    this.#drop(1, 'queue-full', `raise maxQueueSize (${this.#maxQueueSize})`)
  }

  #drop(spans: number, reason: Drop['reason'], error?: string): void {
    this.#report.dropped += spans
    this.#report.pending -= spans
    // Without a destination, or after shutdown, there is no error to name: the configuration, or the user, said so.
    if (error) warn(`spans were lost (${reason}): ${error}`)
    guard('onDrop', () => this.#options.onDrop?.({ spans, reason, error }))
  }
}

function isRoot({ parentSpanContext: parent }: ReadableSpan): boolean {
  return !parent || parent.isRemote === true
}

function isWeighty(span: ReadableSpan): boolean {
  return isRoot(span) || span.status.code === ERROR
}

/** Exports through ours with its counts, through any other exporter with its yes or no. */
async function deliver(exporter: SpanExporter | SessionExporter, batch: ReadableSpan[]): Promise<Delivery> {
  try {
    if ('deliver' in exporter) return await exporter.deliver(batch)
    const { code, error } = await new Promise<ExportResult>((resolve) => exporter.export(batch, resolve))
    if (code !== SUCCESS) throw error ?? new Error('no reason given')
    return { sent: batch.length, dropped: 0 }
  } catch (error) {
    return { sent: 0, dropped: batch.length, reason: 'undelivered', error: describe(error) }
  }
}
