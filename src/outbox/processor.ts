/**
 * A session's sink for one destination, and usable in anybody's TracerProvider: a SimpleSpanProcessor that waits. A full
 * batch, the interval of a session that lives long, or a flush hands over what has finished.
 *
 * At module scope it serves many requests. On Workers any of them may be cut off, its timers with it: no promise is kept
 * from one to the next, and what nobody has come back from is begun again.
 */
import type { Attributes } from '@opentelemetry/api'
import { Deadline, sleep } from '../runtime/deadline.ts'
import { guard, identify, warn } from '../runtime/diag.ts'
import { SAMPLED } from '../runtime/otel.ts'
import type { ReadableSpan, SpanExporter, SpanProcessor } from '../runtime/sdk.ts'
import { unref } from '../runtime/timers.ts'
import { SpanBuffer } from './buffer.ts'
import type { DeliveryConfig } from './config.ts'
import { through } from './direct.ts'
import { type Extra, extraOf } from './extras.ts'
import { type Drop, type FlushReport, reportDrop } from './report.ts'
import type { Run } from './run.ts'
import { Sender, type SenderInit } from './sender.ts'
import type { Source } from './source.ts'

/** How many spans wait for a destination, and how much goes at once. */
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
  /** The form in which this destination is given a span. Default: as it is. */
  present?: (span: ReadableSpan) => ReadableSpan
  onDrop?: (drop: Drop) => void
  onExport?: (report: FlushReport) => void
  /** Given: nothing is exported before `open` is called. It is called itself where the queue is too small to wait any longer. */
  onOutgrown?: () => void
  /** What it is sent beside what everybody is. Default: nothing. */
  extras?: readonly Extra[]
  /** Nothing waits for its end, and the platform keeps it alive: it may carry what other sessions have. Default `false`. */
  carries?: boolean
}

const MAX_INTERVAL_MS = 15_000
const LAST_TRY_MS = 50
/** Of anybody's exporter. */
const NONE = { maxRequests: Number.POSITIVE_INFINITY } as DeliveryConfig

/**
 * Buffers spans, and delivers them in batches to `exporter`: a session's own sink, and a `SpanProcessor` for anybody's
 * provider of SDK 2 or 3. Limits: `BufferOptions`. It never throws or rejects into the provider; what it loses is
 * counted and said. Call `forceFlush()` when a request has been answered, `shutdown()` before the process ends.
 */
export class SessionSpanProcessor implements SpanProcessor {
  readonly extras: readonly Extra[]
  readonly #exporter: Partial<SpanExporter>
  readonly #options: BufferOptions
  readonly #buffer: SpanBuffer
  readonly #sender: Sender
  /** Whether it delivers while the session goes on: AgentOps v2 does so only when it has to. */
  readonly #isEarly: boolean
  #flushMs: number
  #interval: number
  /** Of the runs under way. */
  readonly #deadlines: Set<Deadline> = new Set()
  /** When the platform ends the invocation, milliseconds since the epoch. */
  #limit = Number.POSITIVE_INFINITY
  #timer: ReturnType<typeof setTimeout> | undefined
  /** When the timer, and an export that nobody waits for, should be over: milliseconds since the epoch. */
  #dueAt = 0
  #busyUntil = 0
  /** Spans that found no room, and were not told of yet: all of them at once. */
  #lost = 0
  /** When a time as long as the one that a flush has waited in vain is over, milliseconds since the epoch. */
  #restedAt = 0
  /** The process ends: no export is repeated. */
  #isLeaving = false
  /** Nothing of the session comes after. */
  #isClosing = false
  #late: ((flushed: Promise<void>) => void) | undefined
  /** `shut` until it is decided whether the spans are sent at all, `refused` when they are not. */
  #gate: 'open' | 'shut' | 'refused' = 'open'

  constructor(exporter: SpanExporter | Source, options: BufferOptions = {}) {
    this.#exporter = exporter as Partial<SpanExporter>
    this.#options = options
    this.extras = options.extras ?? []
    const { onDrop, onExport } = options
    const isOurs = 'isEarly' in exporter
    const init: SenderInit = { onDrop, onRun: onExport && (() => onExport(this.report())) }
    this.#sender = isOurs ? exporter.sender(init) : new Sender(NONE, { ...init, direct: through(exporter) })
    this.#buffer = new SpanBuffer(
      options.maxQueueSize || 2048,
      options.maxExportBatchSize || 512,
      options.maxExportBytes || 4 << 20,
    )
    this.#isEarly = !isOurs || exporter.isEarly
    this.#interval = options.exportIntervalMs || 1000
    this.#flushMs = options.flushDeadlineMs || 25_000
    if (options.onOutgrown) this.#gate = 'shut'
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (!(span.spanContext().traceFlags & SAMPLED)) return
    const extra = extraOf(span)
    if (extra && !this.extras.includes(extra)) return
    const buffer = this.#buffer
    const sender = this.#sender
    buffer.add(this.#options.present?.(span) ?? span)
    sender.report.pending++
    if (this.#gate !== 'open' && !this.#isOpened()) return
    const { waiting, report } = sender
    const lost = buffer.makeRoom(waiting)
    if (lost) {
      report.dropped += lost
      report.pending -= lost
      report.error = buffer.limits
      this.#lost += lost
    }
    if (this.#late) this.#late(this.forceFlush())
    // An outage is not asked for each span.
    else if (waiting) this.#arm()
    else if (buffer.isFull(this.#isEarly ? 1 : 4)) this.#early(1)
    else if (this.#isEarly) this.#arm()
  }

  /**
   * Exports everything that has ended so far; what ends meanwhile belongs to a later flush, and what could not be sent
   * stays for one.
   */
  forceFlush(): Promise<void> {
    return this.#deliver(this.#inTime())
  }

  /** No timer from here on: the session ends its spans, and then closes. */
  closing(): void {
    this.#isClosing = true
  }

  /**
   * The last flush that anyone waits for: what cannot be sent now is left to who sends next. `leaves`: nobody looks at
   * what becomes of it.
   */
  close(leaves = false): Promise<void> {
    this.closing()
    return this.#deliver(this.#inTime(), leaves && !this.#options.onExport)
  }

  async shutdown(): Promise<void> {
    await this.close()
    try {
      await new Deadline(this.#inTime()).within(this.#flushMs, Promise.resolve(this.#exporter.shutdown?.()))
    } catch (error) {
      warn(`an exporter's shutdown failed: ${identify(error)}`)
    }
  }

  /** @internal Attributes of what waits. */
  amend(attributes: Attributes): void {
    this.#buffer.amend(attributes)
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
    for (const deadline of this.#deadlines) deadline.sooner(at)
  }

  /**
   * The process may end: a flush in one try, over in `ms`. `last`: nothing comes after, so that what cannot be sent is
   * left behind, and what still ends is sent in as short a time.
   */
  async leave(ms: number, last: boolean): Promise<void> {
    const usual = this.#flushMs
    this.#flushMs = Math.min(ms, usual)
    this.#isLeaving = true
    for (const deadline of this.#deadlines) deadline.sooner(Date.now() + ms)
    // What ends in this turn goes out in the same request.
    await sleep(0)
    await (last ? this.close() : this.forceFlush())
    if (last) return
    this.#flushMs = usual
    this.#isLeaving = false
  }

  /** Counters over the processor's life. */
  report(): FlushReport {
    const { error, ...counts } = this.#sender.report
    return error === undefined ? counts : { ...counts, error }
  }

  /** A span that still ends is exported at once, and `late` is given the export; so is what ended since it was closed. */
  release(late: (flushed: Promise<void>) => void): void {
    this.#late = late
    if (this.#buffer.size || this.#lost || this.#sender.own.size) late(this.close())
  }

  /** Whether the gate has opened for the span that has just ended. */
  #isOpened(): boolean {
    const buffer = this.#buffer
    if (this.#gate === 'refused') {
      const { report } = this.#sender
      report.sampledOut = (report.sampledOut ?? 0) + buffer.size
      report.pending -= buffer.size
      buffer.clear()
      return false
    }
    if (!buffer.isOutgrown) return false
    guard('onOutgrown', () => this.#options.onOutgrown?.())
    return this.#gate === 'open'
  }

  /** When an export that begins now must be over. The last are tried shortly where the limit has passed; code behind them shows that there was none. */
  #inTime(): number {
    const now = Date.now()
    const passed = this.#late ? Number.POSITIVE_INFINITY : now + LAST_TRY_MS
    return Math.min(now + this.#flushMs, this.#limit > now ? this.#limit : passed)
  }

  #arm(): void {
    const now = Date.now()
    if (this.#isClosing || now < this.#dueAt + this.#interval) return
    this.#dueAt = now + this.#interval
    this.#timer = setTimeout(() => {
      this.#dueAt = 0
      this.#interval = Math.max(this.#interval, Math.min(this.#interval * 2, MAX_INTERVAL_MS))
      this.#early()
    }, this.#interval)
    unref(this.#timer)
  }

  /** An export that nobody waits for: in one try, as the next one repeats it; one at a time. `batches`: default all. */
  #early(batches = Number.POSITIVE_INFINITY): void {
    const now = Date.now()
    if (this.#gate !== 'open' || now < this.#busyUntil) return
    const at = this.#inTime()
    this.#busyUntil = at
    const over = this.#run({ deadline: new Deadline(at), tries: 1 }, batches)
    void over.then(() => {
      this.#busyUntil = 0
      const { waiting } = this.#sender
      if (!waiting && this.#buffer.isFull(1)) this.#early(1)
      else if (waiting + this.#buffer.size && this.#isEarly) this.#arm()
    })
  }

  async #deliver(at: number, leaves = false): Promise<void> {
    clearTimeout(this.#timer)
    this.#dueAt = 0
    if (this.#gate !== 'open') return
    const isLast = this.#isClosing
    const carries = isLast && this.#options.carries
    const begun = Date.now()
    // Who waits for a flush, and then for the end, waits for a backend that is away once in all.
    const waited = isLast && !carries ? Math.max(this.#restedAt - begun, 0) : 0
    await this.#run({
      // Not longer ago: a spool has its second after it.
      deadline: new Deadline(Math.max(Math.min(begun, at), at - waited)),
      tries: this.#isLeaving ? 1 : undefined,
      waits: true,
      isUrgent: this.#isLeaving,
      carries,
      leaves: leaves && carries,
      // A platform that ends invocations may have frozen the ones before; behind the end it freezes this one.
      collects: isLast && !carries && !this.#late && this.#limit < Number.POSITIVE_INFINITY,
      rest: isLast ? 'leave' : undefined,
    })
    if (!this.#sender.waiting) return
    this.#restedAt = 2 * Date.now() - begun
    this.#arm()
  }

  async #run(run: Run, most = Number.POSITIVE_INFINITY): Promise<void> {
    const { deadline, waits } = run
    const buffer = this.#buffer
    const spans = this.#lost
    this.#lost = 0
    if (spans) reportDrop({ spans, reason: 'queue-full', error: buffer.limits }, this.#options.onDrop)
    const batches: ReadableSpan[][] = []
    // What has failed before goes before what would fail like it.
    while (buffer.size && batches.length < most && (waits || !this.#sender.waiting)) batches.push(buffer.take())
    this.#deadlines.add(deadline)
    await this.#sender.run(run, batches)
    this.#deadlines.delete(deadline)
  }
}
