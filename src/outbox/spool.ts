/** Where what could not be sent goes. */
import type { Connection } from '../formats/format.ts'
import type { Delivery } from '../formats/parts.ts'

/** Takes what could not be sent: made by `queueSpool`, `sqsSpool`, `tailSpool` or `spoolTo` of `agentops-edge/spool`. */
export interface Spool {
  /**
   * It costs no request and no time, but an invocation that is thrown away: it is asked as soon as an attempt fails, or
   * the destination is known to be failing, and what it does not take is sent as if there were no spool.
   */
  readonly prompt?: boolean
  /** Gives the delivery again, with what became of what is unsent: items that the format of the connection packs. */
  keep(delivery: Delivery<unknown>, connection: Connection): Promise<Delivery<unknown>>
}
