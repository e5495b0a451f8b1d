/**
 * The bounded buffer between a session's spans and its exporter: a SimpleSpanProcessor that waits. A full batch, the
 * interval of a session that lives long, or a flush exports; one export at a time. Usable in anybody's TracerProvider.
 */
import type { SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import type { ExportResult, ExportResultCode } from '@opentelemetry/core'
import { describe, guard } from '../diag.ts'
import type { Drop, FlushReport } from '../options.ts'
import type { ReadableSpan, SpanExporter, SpanProcessor } from '../sdk.ts'
import { runQuietly } from '../session/scope.ts'
import type { SessionExporter } from './exporter.ts'
import { type Delivery, NOTHING } from './parts.ts'
import { reportDrop } from './report.ts'
import { type Deadline, within } from './retry.ts'

export interface BufferOptions {
  /** Spans. Default 2048. */
  maxQueueSize?: number
  /** Spans. Default 512. */
  maxExportBatchSize?: number
  /** Bytes of one batch, as the spans' texts are long; the queue holds four times as many. Default 4 MiB. */
  maxExportBytes?: number
  /** Default 1000, doubling with each export up to 15 000. */
  exportIntervalMs?: number
  /** For one flush with all its batches. Default 25 000. */
  flushDeadlineMs?: number
  onDrop?: (drop: Drop) => void
  onExport?: (report: FlushReport) => void
}

interface Queued {
  span: ReadableSpan
  /** About as many as the span takes in a request. */
  bytes: number
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
  readonly #maxBytes: number
  readonly #batchSize: number
  readonly #flushMs: number
  readonly #report: FlushReport = { sent: 0, dropped: 0, spooled: 0, pending: 0 }
  readonly #deadline: Deadline = { at: 0 }
  #queue: Queued[] = []
  #bytes = 0
  #interval: number
  #exporting: Promise<number> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Nothing comes after: what cannot be sent now is lost. */
  #closing = false
  #late: ((flushed: Promise<void>) => void) | undefined

  constructor(exporter: SpanExporter | SessionExporter, options: BufferOptions = {}) {
    this.#exporter = exporter
    this.#options = options
    this.#maxQueueSize = options.maxQueueSize || 2048
    this.#maxBytes = options.maxExportBytes || 4 << 20
    // A batch that the queue cannot hold would never be full.
    this.#batchSize = Math.min(options.maxExportBatchSize || 512, this.#maxQueueSize)
    this.#interval = options.exportIntervalMs || 1000
    this.#flushMs = options.flushDeadlineMs || 25_000
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (!(span.spanContext().traceFlags & SAMPLED)) return
    this.#report.pending++
    const bytes = sizeOf(span)
    this.#queue.push({ span, bytes })
    this.#bytes += bytes
    this.#makeRoom()
    const early = !('early' in this.#exporter) || this.#exporter.early
    if (this.#late) this.#late(this.forceFlush())
    else if (this.#isFull(early ? 1 : 4)) void this.#export()
    else if (early && !this.#timer) {
      this.#timer = setTimeout(() => {
        this.#interval = Math.max(this.#interval, Math.min(this.#interval * 2, MAX_INTERVAL_MS))
        void this.forceFlush()
      }, this.#interval)
      // Node keeps a process alive for a timer; a buffer is no reason to.
      ;(this.#timer as { unref?: () => void }).unref?.()
    }
  }

  /**
   * Exports everything that has ended so far; what ends meanwhile belongs to a later flush, and what could not be sent
   * stays for one. `until`: milliseconds since the epoch, where that is sooner than `flushDeadlineMs` from now.
   */
  async forceFlush(until: number = Number.POSITIVE_INFINITY): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    let ended = this.#queue.length
    this.#deadline.at = Math.min(Date.now() + this.#flushMs, until)
    // The batch under way, which is no longer in the queue.
    await this.#exporting
    while (ended > 0) {
      const handled = await this.#export()
      if (!handled) return
      ended -= handled
    }
  }

  /** The last flush that anyone waits for: what cannot be sent now is dropped. */
  async close(until?: number): Promise<void> {
    this.#closing = true
    await this.forceFlush(until)
  }

  async shutdown(): Promise<void> {
    await this.close()
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
    late(this.close())
  }

  #isFull(batches: number): boolean {
    return (
      this.#queue.length >= Math.min(this.#batchSize * batches, this.#maxQueueSize) ||
      this.#bytes >= this.#maxBytes * batches
    )
  }

  /** Starts the next batch, or joins the one under way. Gives the number of spans that left the buffer. */
  #export(): Promise<number> {
    if (!this.#exporting) {
      // An export that no flush waits for has a time of its own.
      if (!this.#closing && this.#deadline.at <= Date.now()) this.#deadline.at = Date.now() + this.#flushMs
      this.#exporting = this.#exportBatch()
    }
    return this.#exporting
  }

  /** Never rejects: `deliver` and `guard` see to that. */
  async #exportBatch(): Promise<number> {
    const batch = this.#takeBatch()
    const delivery = await deliver(this.#exporter, batch, this.#deadline)
    const { sent, spooled, dropped, unsent, reason = 'undelivered', error } = delivery
    const report = this.#report
    report.sent += sent
    report.spooled += spooled
    report.pending -= sent + spooled
    if (dropped + unsent.length) report.error = error
    else if (!report.dropped) report.error = undefined
    if (dropped) this.#drop(dropped, reason, error)
    // An exporter that forgets some of them has lost them.
    const lost = batch.length - sent - spooled - dropped
    const kept = this.#closing ? 0 : unsent.length
    if (lost > kept) this.#drop(lost - kept, reason, error)
    if (kept) {
      const again = batch.filter(({ span }) => unsent.includes(span))
      this.#queue = [...again, ...this.#queue]
      for (const { bytes } of again) this.#bytes += bytes
      this.#makeRoom()
    }
    guard('onExport', () => this.#options.onExport?.(this.report()))
    this.#exporting = undefined
    if (!kept && this.#isFull(1)) void this.#export()
    return batch.length - kept
  }

  #takeBatch(): Queued[] {
    let size = 0
    let taken = 0
    for (const { bytes } of this.#queue) {
      if (size === this.#batchSize || (size && taken + bytes > this.#maxBytes)) break
      size++
      taken += bytes
    }
    this.#bytes -= taken
    return this.#queue.splice(0, size)
  }

  /** A full buffer loses ordinary spans before roots and errors: they say what the session came to. */
  #makeRoom(): void {
    while (this.#queue.length > this.#maxQueueSize || (this.#bytes > this.#maxBytes * 4 && this.#queue.length > 1)) {
      const newest = this.#queue.at(-1)
      let victim = newest && isWeighty(newest.span) ? this.#queue.findIndex(({ span }) => !isWeighty(span)) : -1
      // -1 is the newest itself; a root goes before the oldest error.
      if (victim < 0 && newest && isRoot(newest.span)) victim = 0
      for (const { bytes } of this.#queue.splice(victim, 1)) this.#bytes -= bytes
      this.#drop(
        1,
        'queue-full',
        `raise maxQueueSize (${this.#maxQueueSize}) or maxExportBytes (${this.#maxBytes}, of which it holds 4)`,
      )
    }
  }

  #drop(spans: number, reason: Drop['reason'], error?: string): void {
    this.#report.dropped += spans
    this.#report.error = error
    this.#report.pending -= spans
    reportDrop({ spans, reason, error }, this.#options.onDrop)
  }
}

function isRoot({ parentSpanContext: parent }: ReadableSpan): boolean {
  return !parent || parent.isRemote === true
}

function isWeighty(span: ReadableSpan): boolean {
  return isRoot(span) || span.status.code === ERROR
}

/** Its texts, and what a span takes without any. */
function sizeOf({ attributes, events }: ReadableSpan): number {
  let bytes = 512
  for (const named of [attributes, ...events.map((event) => event.attributes)]) {
    for (const name in named) bytes += name.length + String(named[name]).length + 32
  }
  return bytes
}

/** Exports through ours with its counts, through any other exporter with its yes or no. */
async function deliver(
  exporter: SpanExporter | SessionExporter,
  batch: readonly Queued[],
  deadline: Deadline,
): Promise<Delivery<ReadableSpan>> {
  const spans = batch.map(({ span }) => span)
  try {
    if ('deliver' in exporter) return await exporter.deliver(spans, deadline)
    const exported = runQuietly(() => new Promise<ExportResult>((resolve) => exporter.export(spans, resolve)))
    const { code, error } = await within(Math.max(deadline.at - Date.now(), 1), exported)
    if (code !== SUCCESS) throw error ?? new Error('no reason given')
    return { ...NOTHING, sent: spans.length }
  } catch (error) {
    return { ...NOTHING, dropped: spans.length, reason: 'undelivered', error: describe(error) }
  }
}
