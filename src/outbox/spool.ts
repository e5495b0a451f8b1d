/** Where what could not be sent goes. */
import type { Connection } from '../formats/format.ts'
import type { Delivery } from '../formats/parts.ts'

/** Takes what could not be sent: made by `queueSpool`, `sqsSpool` or `spoolTo` of `agentops-edge/spool`. */
export interface Spool {
  /** Gives the delivery again, with what became of what is unsent: items that the format of the connection packs. */
  keep(delivery: Delivery<unknown>, connection: Connection): Promise<Delivery<unknown>>
}
