/** Where what could not be sent goes. */
import type { Connection } from '../formats/format.ts'
import type { Delivery } from '../formats/parts.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'

/** Takes what could not be sent: made by `queueSpool`, `sqsSpool`, `tailSpool` or `spoolTo` of `agentops-edge/spool`. */
export interface Spool {
  /**
   * It costs no request and no time, but an invocation that is thrown away: it is asked after the first attempt, and what
   * it does not take is sent as if there were no spool.
   */
  readonly prompt?: boolean
  /** Gives the delivery again, with what became of its unsent spans. */
  keep(delivery: Delivery<ReadableSpan>, connection: Connection): Promise<Delivery<ReadableSpan>>
}
