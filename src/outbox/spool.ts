/** Where what could not be sent goes. */
import type { Connection } from '../formats/format.ts'
import type { Delivery } from '../formats/parts.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'

/** Takes what could not be sent: made by `queueSpool`, `sqsSpool` or `spoolTo` of `agentops-edge/spool`. */
export interface Spool {
  /** Gives the delivery again, with what became of its unsent spans. */
  keep(delivery: Delivery<ReadableSpan>, connection: Connection): Promise<Delivery<ReadableSpan>>
}
