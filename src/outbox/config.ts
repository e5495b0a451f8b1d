/** What delivering needs of what the user has said. */
import type { FormatConfig } from '../formats/format.ts'
import type { Destination } from '../transport/connection.ts'
import type { Drop } from './report.ts'
import type { Spool } from './spool.ts'

export interface DeliveryConfig extends FormatConfig {
  /** None: what is delivered is dropped. */
  readonly destination?: Destination
  readonly spool?: Spool
  readonly flushDeadlineMs: number
  /** Spans in one request. */
  readonly maxExportBatchSize: number
  /** After the first; as often as the time allows where there is none. */
  readonly retryAttempts?: number
  readonly onDrop?: (drop: Drop) => void
}
