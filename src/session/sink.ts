/** Where a session hands what it has finished. It is built with its sinks and knows nothing of what is behind them. */
import type { Attributes } from '@opentelemetry/api'
import { type Extra, extraOf } from '../outbox/extras.ts'
import type { FlushReport } from '../outbox/report.ts'
import { guard } from '../runtime/diag.ts'
import type { ReadableSpan, SpanProcessor } from '../runtime/sdk.ts'

/** Takes finished spans for one destination, and says what became of them. */
export interface Sink extends SpanProcessor {
  /** What it is sent beside what everybody is. */
  readonly extras: readonly Extra[]
  /** What has waited may be sent. */
  open(): void
  /** Nothing is sent, of what waits and of what still ends. */
  refuse(): void
  /** Attributes of what waits. */
  amend(attributes: Attributes): void
  /** Nothing may take longer: `at` is when the platform ends the invocation, milliseconds since the epoch. */
  endBy(at: number): void
  /** The process may end: a flush in one try, over in `ms`; after the `last` nothing comes. */
  leave(ms: number, last: boolean): Promise<void>
  /** Nothing of the session comes after what ends from here to `close`: no timer is set for it. */
  closing(): void
  /** The last flush that anyone waits for. `leaves`: nobody looks at what becomes of it. */
  close(leaves?: boolean): Promise<void>
  /** From here on a span that still ends is sent at once, and `late` is given the sending. */
  release(late: (flushed: Promise<void>) => void): void
  /** Counters over the sink's life. */
  report(): FlushReport
}

/** A session that has ended and is delivered. */
export interface Delivered {
  report: FlushReport
  /** When its delivery began, milliseconds since the epoch: `flushDeadlineMs` counts from there. */
  begun: number
  waitUntil?: (promise: Promise<unknown>) => void
  /** When the platform ends the invocation, milliseconds since the epoch. */
  endBy: number
}

/** Counts beside the traces. */
export interface Meter {
  /** Called with every span that ends, sampled or not. */
  record(span: ReadableSpan): void
  /** Sees to it that what is recorded is sent; a promise that has to be awaited where there is no `waitUntil`. */
  flush(delivered: Delivered): Promise<void> | undefined
}

/** All that leaves a session. */
export interface Outlets {
  readonly sinks: readonly Sink[]
  readonly meter?: Meter
}

/** It counts errors, whatever shows them. */
export const METER: { readonly extras: readonly Extra[] } = { extras: ['error'] }

/** A meter as the last of the processors. */
export function counting(meter: Meter): SpanProcessor {
  return {
    onStart() {},
    onEnd: (span) => void (extraOf(span) === 'end' || guard('metrics', () => meter.record(span))),
    async forceFlush() {},
    async shutdown() {},
  }
}
