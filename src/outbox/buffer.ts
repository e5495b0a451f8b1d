/**
 * The bounded buffer between a session's spans and its exporter: a SimpleSpanProcessor that waits. A full batch, the
 * interval of a session that lives long, or a flush exports; one export at a time. Usable in anybody's TracerProvider.
 */
import type { ExportResult } from '@opentelemetry/core'
import { type Delivery, NOTHING } from '../formats/parts.ts'
import { Deadline, sleep } from '../runtime/deadline.ts'
import { describe, guard, identify, warn } from '../runtime/diag.ts'
import { ERROR, SAMPLED, SUCCESS } from '../runtime/otel.ts'
import { runQuietly } from '../runtime/scope.ts'
import type { ReadableSpan, SpanExporter, SpanProcessor } from '../runtime/sdk.ts'
import { SPAN_KIND } from '../runtime/semconv.ts'
import { unref } from '../runtime/timers.ts'
import { DestinationExporter } from './exporter.ts'
import { type Drop, type FlushReport, reportDrop } from './report.ts'

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
  /** Given: nothing is exported before `open` is called. It is called itself where the queue is too small to wait any longer. */
  onOutgrown?: () => void
}

interface Queued {
  span: ReadableSpan
  /** About as many as the span takes in a request. */
  bytes: number
}

const MAX_INTERVAL_MS = 15_000
const LAST_TRY_MS = 50

export class SessionSpanProcessor implements SpanProcessor {
  readonly #exporter: SpanExporter
  readonly #options: BufferOptions
  readonly #maxQueueSize: number
  readonly #maxBytes: number
  readonly #batchSize: number
  #flushMs: number
  readonly #report: FlushReport = { sent: 0, dropped: 0, spooled: 0, pending: 0 }
  #queue: Queued[] = []
  #bytes = 0
  #interval: number
  /** The export under way. */
  #exporting: Promise<number> | undefined
  #deadline: Deadline | undefined
  /** When the platform ends the invocation, milliseconds since the epoch. */
  #limit = Number.POSITIVE_INFINITY
  /** The last export could not send everything: the next waits for its time, so that an outage is not asked for each span. */
  #failing = false
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The process ends: no export is repeated. */
  #leaving = false
  /** Nothing comes after: what cannot be sent now is lost. */
  #closing = false
  #late: ((flushed: Promise<void>) => void) | undefined
  /** `shut` until it is decided whether the spans are sent at all, `refused` when they are not. */
  #gate: 'open' | 'shut' | 'refused' = 'open'

  constructor(exporter: SpanExporter, options: BufferOptions = {}) {
    this.#exporter = exporter
    this.#options = options
    this.#maxQueueSize = options.maxQueueSize || 2048
    this.#maxBytes = options.maxExportBytes || 4 << 20
    // A batch that the queue cannot hold would never be full.
    this.#batchSize = Math.min(options.maxExportBatchSize || 512, this.#maxQueueSize)
    this.#interval = options.exportIntervalMs || 1000
    this.#flushMs = options.flushDeadlineMs || 25_000
    if (options.onOutgrown) this.#gate = 'shut'
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (!(span.spanContext().traceFlags & SAMPLED)) return
    this.#report.pending++
    const bytes = sizeOf(span)
    this.#queue.push({ span, bytes })
    this.#bytes += bytes
    if (this.#gate !== 'open' && !this.#isOpened()) return
    this.#makeRoom()
    if (this.#late) this.#late(this.forceFlush())
    else if (this.#failing) this.#arm()
    else if (this.#isFull(this.#isEarly() ? 1 : 4)) void this.#export()
    else if (this.#isEarly()) this.#arm()
  }

  /**
   * Exports everything that has ended so far; what ends meanwhile belongs to a later flush, and what could not be sent
   * stays for one.
   */
  forceFlush(): Promise<void> {
    return this.#flush(this.#inTime())
  }

  /** The last flush that anyone waits for: what cannot be sent now is dropped. */
  close(): Promise<void> {
    this.#closing = true
    return this.forceFlush()
  }

  async shutdown(): Promise<void> {
    await this.close()
    try {
      await new Deadline(this.#inTime()).within(this.#flushMs, this.#exporter.shutdown())
    } catch (error) {
      warn(`an exporter's shutdown failed: ${identify(error)}`)
    }
  }

  /** What has waited may be exported. */
  open(): void {
    this.#gate = 'open'
  }

  /** Nothing is exported, of what waits and of what still ends. */
  refuse(): void {
    this.#gate = 'refused'
    this.#isOpened()
  }

  /** Nothing may take longer: `at` is when the platform ends the invocation, milliseconds since the epoch. */
  endBy(at: number): void {
    this.#limit = at
    this.#deadline?.sooner(at)
  }

  /**
   * The process may end: a flush in one try, over in `ms`. `last`: nothing comes after, so that what cannot be sent is
   * dropped, and what still ends is sent in as short a time.
   */
  async leave(ms: number, last: boolean): Promise<void> {
    const usual = this.#flushMs
    this.#flushMs = Math.min(ms, usual)
    this.#leaving = true
    this.#deadline?.sooner(Date.now() + ms)
    // What ends in this turn goes out in the same request.
    await sleep(0)
    await (last ? this.close() : this.forceFlush())
    if (last) return
    this.#flushMs = usual
    this.#leaving = false
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

  /** Whether the gate has opened for the span that has just ended. */
  #isOpened(): boolean {
    if (this.#gate === 'refused') {
      this.#report.sampledOut = (this.#report.sampledOut ?? 0) + this.#queue.length
      this.#report.pending -= this.#queue.length
      this.#queue = []
      return false
    }
    if (this.#queue.length < this.#maxQueueSize && this.#bytes < this.#maxBytes * 4) return false
    guard('onOutgrown', () => this.#options.onOutgrown?.())
    return this.#gate === 'open'
  }

  #isFull(batches: number): boolean {
    return (
      this.#queue.length >= Math.min(this.#batchSize * batches, this.#maxQueueSize) ||
      this.#bytes >= this.#maxBytes * batches
    )
  }

  #isEarly(): boolean {
    return !(this.#exporter instanceof DestinationExporter) || this.#exporter.early
  }

  /** When an export that begins now must be over. The last are tried shortly where the limit has passed; code behind them shows that there was none. */
  #inTime(): number {
    const now = Date.now()
    const passed = this.#late ? Number.POSITIVE_INFINITY : now + LAST_TRY_MS
    return Math.min(now + this.#flushMs, this.#limit > now ? this.#limit : passed)
  }

  #arm(): void {
    if (this.#timer) return
    this.#timer = setTimeout(() => {
      this.#interval = Math.max(this.#interval, Math.min(this.#interval * 2, MAX_INTERVAL_MS))
      void this.#flush()
    }, this.#interval)
    unref(this.#timer)
  }

  /** Exports what has ended so far, batch by batch, as far as it goes. `until`: as for `#export`. */
  async #flush(until?: number): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#gate !== 'open') return
    let left = this.#report.pending
    // The batch under way may fail where one of this flush's own would not.
    if (this.#exporting) left -= await this.#export(until)
    while (left > 0) {
      const handled = await this.#export(until)
      if (!handled) return
      left -= handled
    }
  }

  /**
   * Starts the next batch, or joins the one under way. Gives the number of spans that left the buffer. `until`: when who
   * waits for it stops waiting; an export that nobody waits for is not repeated, as the next one repeats it.
   */
  #export(until?: number): Promise<number> {
    if (!this.#exporting) {
      const batch = this.#takeBatch()
      if (!batch.length) return Promise.resolve(0)
      const deadline = new Deadline(until ?? this.#inTime())
      this.#deadline = deadline
      // Not at once: an exporter may end a span of its own, which must find this export under way.
      this.#exporting = Promise.resolve().then(() => this.#exportBatch(batch, deadline, until === undefined))
    } else if (until) this.#deadline?.sooner(until)
    return this.#exporting
  }

  /** Never rejects: `deliver` and `guard` see to that. */
  async #exportBatch(batch: readonly Queued[], deadline: Deadline, isEarly: boolean): Promise<number> {
    const isLast = this.#closing
    const delivery = await deliver(this.#exporter, batch, deadline, isEarly || this.#leaving ? 0 : undefined)
    const { sent, spooled, dropped, unsent, reason = 'undelivered', error, rejection } = delivery
    const report = this.#report
    report.sent += sent
    report.spooled += spooled
    report.pending -= sent + spooled
    if (dropped + unsent.length) report.error = error
    else if (!report.dropped) report.error = undefined
    if (dropped) this.#drop(dropped, rejection ? 'rejected' : reason, rejection ?? error)
    // An exporter that forgets some of them has lost them.
    const lost = batch.length - sent - spooled - dropped
    const kept = isLast ? 0 : unsent.length
    if (lost > kept) this.#drop(lost - kept, reason, error)
    this.#failing = kept > 0
    if (kept) {
      const those = new Set(unsent)
      const again = batch.filter(({ span }) => those.has(span))
      this.#queue = [...again, ...this.#queue]
      for (const { bytes } of again) this.#bytes += bytes
      this.#makeRoom()
    }
    guard('onExport', () => this.#options.onExport?.(this.report()))
    this.#exporting = undefined
    if (kept && !this.#closing) this.#arm()
    else if (this.#isFull(1)) void this.#export()
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

/** A session's, though another session is its parent, or a trace's. */
function isRoot({ parentSpanContext: parent, attributes }: ReadableSpan): boolean {
  return !parent || parent.isRemote === true || attributes[SPAN_KIND] === 'session'
}

function isWeighty(span: ReadableSpan): boolean {
  return isRoot(span) || span.status.code === ERROR
}

/** Its texts, and what a span takes without any. */
function sizeOf({ attributes, events }: ReadableSpan): number {
  let bytes = 512
  for (const named of [attributes, ...events.map((event) => event.attributes)]) {
    for (const name in named) bytes += name.length + describe(named[name]).length + 32
  }
  return bytes
}

/** Exports through ours with its counts, through any other exporter with its yes or no. */
async function deliver(
  exporter: SpanExporter,
  batch: readonly Queued[],
  deadline: Deadline,
  retries: number | undefined,
): Promise<Delivery<ReadableSpan>> {
  const spans = batch.map(({ span }) => span)
  try {
    if (exporter instanceof DestinationExporter) return await exporter.deliver(spans, deadline, retries)
    const exported = new Promise<ExportResult>((resolve, reject) => {
      const running: unknown = runQuietly(() => exporter.export(spans, resolve))
      // Some are async, and say that they failed in a rejection.
      Promise.resolve(running).catch(reject)
    })
    const { code, error } = await deadline.within(Number.POSITIVE_INFINITY, exported)
    if (code !== SUCCESS) throw error ?? new Error('no reason given')
    return { ...NOTHING, sent: spans.length }
  } catch (error) {
    return { ...NOTHING, dropped: spans.length, reason: 'undelivered', error: identify(error) }
  }
}
