/** What delivering needs of what the user has said. */
import type { FormatConfig } from '../formats/format.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'
import type { Destination } from '../transport/connection.ts'
import type { Drop } from './report.ts'
import type { Spool } from './spool.ts'

/** A span as it is sent to one destination; nothing that is changed in it changes what others are sent. */
export interface Presented extends ReadableSpan {
  updateName(name: string): void
}

/** What spans are called on one destination's wire, in place of AgentOps' names. */
export interface Semconv {
  /** The namespace of the convention. */
  readonly semconv: string
  /** A copy of a finished span in the convention's names. */
  present(span: ReadableSpan): Presented
  /** A copy in AgentOps' names, for destinations beside. */
  copy(span: ReadableSpan): Presented
}

export interface DeliveryConfig extends FormatConfig {
  /** None: what is delivered is dropped. */
  readonly destination?: Destination
  /** Whether it is sent a last span that says how the session ended. */
  readonly endSpan?: boolean
  readonly spool?: Spool
  readonly semconv?: Semconv
  readonly flushDeadlineMs: number
  /** Spans in one request. */
  readonly maxExportBatchSize: number
  /** After the first; as often as the time allows where there is none. */
  readonly retryAttempts?: number
  readonly onDrop?: (drop: Drop) => void
}
