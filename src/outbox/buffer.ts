/** Finished spans of one session that are not encoded yet. A full buffer loses ordinary spans before roots and errors. */
import type { Attributes } from '@opentelemetry/api'
import { describe } from '../runtime/diag.ts'
import { ERROR } from '../runtime/otel.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'
import { SPAN_KIND } from '../runtime/semconv.ts'

interface Buffered {
  span: ReadableSpan
  /** About as many as the span takes in a request. */
  bytes: number
}

/** How many batches it holds, in bytes. */
const BATCHES = 4

export class SpanBuffer {
  readonly #maxSpans: number
  /** Of one batch. */
  readonly #maxBytes: number
  readonly #batchSize: number
  #spans: Buffered[] = []
  #bytes = 0

  constructor(maxSpans: number, batchSize: number, maxBytes: number) {
    this.#maxSpans = maxSpans
    // A batch that the buffer cannot hold would never be full.
    this.#batchSize = Math.min(batchSize, maxSpans)
    this.#maxBytes = maxBytes
  }

  get size(): number {
    return this.#spans.length
  }

  /** Whether it holds so many batches, or no more. */
  isFull(batches: number): boolean {
    return this.size >= Math.min(this.#batchSize * batches, this.#maxSpans) || this.#bytes >= this.#maxBytes * batches
  }

  /** Whether it can wait no longer. */
  get isOutgrown(): boolean {
    return this.size >= this.#maxSpans || this.#bytes >= this.#maxBytes * BATCHES
  }

  add(span: ReadableSpan): void {
    const bytes = sizeOf(span)
    this.#spans.push({ span, bytes })
    this.#bytes += bytes
  }

  /** One batch. */
  take(): ReadableSpan[] {
    let size = 0
    let taken = 0
    for (const { bytes } of this.#spans) {
      if (size === this.#batchSize || (size && taken + bytes > this.#maxBytes)) break
      size++
      taken += bytes
    }
    this.#bytes -= taken
    return this.#spans.splice(0, size).map(({ span }) => span)
  }

  /** What is known only after some spans have ended. */
  amend(attributes: Attributes): void {
    for (const { span } of this.#spans) Object.assign(span.attributes, attributes)
  }

  clear(): void {
    this.#spans = []
    this.#bytes = 0
  }

  /** Why what it loses is lost. */
  get limits(): string {
    return `raise maxQueueSize (${this.#maxSpans}) or maxExportBytes (${this.#maxBytes}, of which it holds ${BATCHES})`
  }

  /** `waiting`: spans that have left it, and have not been sent. Gives how many it has lost. */
  makeRoom(waiting: number): number {
    const spans = this.#spans
    const { length } = spans
    while (spans.length > 1 && (spans.length + waiting > this.#maxSpans || this.#bytes > this.#maxBytes * BATCHES)) {
      const newest = spans.at(-1)
      let victim = newest && isWeighty(newest.span) ? spans.findIndex(({ span }) => !isWeighty(span)) : -1
      // -1 is the newest itself; a root goes before the oldest error.
      if (victim < 0 && newest && isRoot(newest.span)) victim = 0
      for (const { bytes } of spans.splice(victim, 1)) this.#bytes -= bytes
    }
    return length - spans.length
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
    for (const name in named) {
      const value = named[name]
      bytes += name.length + (typeof value === 'string' ? value : describe(value)).length + 32
    }
  }
  return bytes
}
