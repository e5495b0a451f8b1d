/** One delivery of what a session has finished: how long, how often, with whom. */
import type { Connection } from '../formats/format.ts'
import type { Delivery } from '../formats/parts.ts'
import type { Deadline } from '../runtime/deadline.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'
import type { Requests, Route } from '../transport/connection.ts'
import type { DeliveryConfig } from './config.ts'
import type { Outbox } from './outbox.ts'
import type { Parcel } from './parcel.ts'

export interface Run {
  readonly deadline: Deadline
  /** So often each parcel may be tried. Default: by `retryAttempts`. */
  readonly tries?: number
  /** Whether it waits for its turn, and for the time until a failing destination is asked again. */
  readonly waits?: boolean
  /** It asks a failing destination at once. */
  readonly isUrgent?: boolean
  /** Nothing waits for it, and the platform keeps it alive: it may carry what others have. */
  readonly carries?: boolean
  /** Nobody looks at what becomes of it: where others send and watch, it hands over and is done. */
  readonly leaves?: boolean
  /** The platform freezes the process behind it, and somebody waits: it sends, after its own, what was left behind before. */
  readonly collects?: boolean
  /** It asks a failing destination at once, unless that has said when, or somebody else is asking. */
  readonly asks?: boolean
  /** What becomes of what it could not send: it is left behind, or dropped. Default: its session tries again. */
  readonly rest?: 'leave' | 'drop'
}

/** Who sends. */
export interface Sending {
  readonly outbox: Outbox
  /** When its session began, milliseconds since the epoch. */
  readonly madeAt: number
  readonly config: DeliveryConfig
  readonly requests: Requests
  /** What nothing has become of yet. */
  readonly own: ReadonlySet<Parcel>
  /** Nobody counts on its timers: a Durable Object may stop them. */
  readonly isUnwatched: boolean
  /** Sends spans that share no request with others, and says what has become of them. */
  readonly direct:
    | ((spans: readonly ReadableSpan[], connection: Connection & Route) => Promise<Delivery<unknown>>)
    | undefined
  /** So many of its requests are kept for the session's root. */
  kept(run: Run): number
  connect(deadline: Deadline, keep?: number, retries?: number): Connection & Route
}
