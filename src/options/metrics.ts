/** What the option `metrics` takes. Types only: the core holds no metrics SDK. */

import type { ReadableSpan } from '../runtime/sdk.ts'
import type { Session } from '../session/session.ts'
import type { FlushReport } from './options.ts'
import type { Config } from './read.ts'

/** A session that has ended and is delivered. */
export interface Delivered {
  config: Config
  report: FlushReport
  waitUntil?: (promise: Promise<unknown>) => void
  /** When the platform ends the invocation, milliseconds since the epoch. */
  endBy: number
}

export interface MetricsRecorder {
  /** Called with every span that ends, sampled or not. */
  record(span: ReadableSpan, session: Session): void
  /** Sees to it that what is recorded is sent; a promise that has to be awaited where there is no `waitUntil`. */
  flush(delivered: Delivered): Promise<void> | undefined
  /** Sends what is recorded now. */
  forceFlush(config: Config): Promise<void>
}
