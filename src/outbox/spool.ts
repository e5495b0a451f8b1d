/** Where what could not be sent goes. */
import type { Connection, FormatConfig } from '../formats/format.ts'
import type { Delivery } from '../formats/parts.ts'
import type { Deadline } from '../runtime/deadline.ts'
import type { Outbox } from './outbox.ts'
import type { Parcel } from './parcel.ts'

/** Of a session's sender, what a spool needs. */
export interface Spooling {
  readonly outbox: Outbox
  readonly config: FormatConfig
  /** Whether its spans share no request with others. */
  readonly direct?: unknown
  connect(deadline: Deadline): Connection
}

/** Takes what could not be sent: made by `queueSpool`, `sqsSpool`, `tailSpool` or `spoolTo` of `agentops-edge/spool`. */
export interface Spool {
  /**
   * It costs no request and no time, but an invocation that is thrown away: it is asked as soon as an attempt fails, or
   * the destination is known to be failing, and what it does not take is sent as if there were no spool.
   */
  readonly prompt?: boolean
  /** Gives the delivery again, with what became of what is unsent: items that the format of the connection packs. */
  keep(delivery: Delivery<unknown>, connection: Connection): Promise<Delivery<unknown>>
  /** Says what has become of a parcel that its sender could not send. */
  offer(sender: Spooling, parcel: Parcel, deadline: Deadline): Promise<void>
  /** One of its sender's that it may have at once. */
  next?(sender: Spooling, parcels: readonly Parcel[]): Parcel | undefined
}
