/** What a wire format is, and what it is given to deliver with. */
import type { Config, Destination } from '../options/read.ts'
import type { Deadline } from '../runtime/deadline.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'
import type { Session } from '../session/session.ts'
import type { Encoded, Outcome, Refused } from '../transport/transport.ts'
import type { Delivery, Parts } from './parts.ts'

/** How spans become requests. `otlpJson` is built in; `agentops-edge/formats` has the others. */
export interface Format {
  readonly name: 'otlp-json' | 'otlp-protobuf' | 'agentops-v2'
  /** It speaks to `apiEndpoint` with the key itself; there is no traces URL and no token. */
  readonly api?: boolean
  deliver(spans: readonly ReadableSpan[], connection: Connection): Promise<Delivery<ReadableSpan>>
  /** One body for a spool: what `deliver` would still have to send. */
  pack(spans: readonly ReadableSpan[], connection: Connection): Encoded | Promise<Encoded>
  /** What an answer that accepted a request refused of it. */
  refused?: Parts<never>['refused']
  /** Sends the (decompressed) body of a spooled batch; an OTLP body needs nothing but to be posted. */
  resend?(body: Uint8Array, connection: Connection): Promise<Delivery<unknown>>
}

/** Makes one attempt with the headers that authorise it, again after a refusal where that may help; all of it by `until`. */
export type Authorise = (
  connection: Connection,
  until: number,
  attempt: (headers: Destination['headers']) => Promise<Outcome>,
) => Promise<Outcome>

/** The way to one destination, for one delivery. */
export interface Connection {
  readonly config: Config
  readonly destination: Destination
  /** The session whose spans these are; none where the exporter is used in somebody else's provider. */
  readonly session?: Session
  readonly deadline: Deadline
  /** Attempts after the first. */
  readonly retries: number
  /** So many of the session's requests are left for its root. */
  keep: number
  /** Why no request may be made; undefined where one may. */
  limited(): Refused | undefined
  /** One request, counted, that is given up at `until` (milliseconds since the epoch). */
  send(url: string, encoded: Encoded, until: number): Promise<Outcome>
  /** A request that is repeated where that may help, unless the breaker is open. */
  post(url: string, encoded: Encoded, authorise: Authorise): Promise<Outcome>
}
