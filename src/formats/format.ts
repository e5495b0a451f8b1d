/** What a wire format is, and what it is given to deliver with. */
import type { Span } from '@opentelemetry/api'
import type { ReadableSpan } from '../runtime/sdk.ts'
import type { Destination, Route, RouteConfig } from '../transport/connection.ts'
import type { Accepted, Encoded } from '../transport/transport.ts'
import type { Delivery, Refusal } from './parts.ts'

/** How spans become requests. `otlpJson` is built in; `agentops-edge/formats` has the others. */
export interface Format {
  readonly name: 'otlp-json' | 'otlp-protobuf' | 'agentops-v2'
  /** It speaks to `apiEndpoint` with the key itself; there is no traces URL and no token. */
  readonly api?: boolean
  /** How spans become bytes that the spans of other sessions may be sent with. */
  readonly wire?: Wire
  /** Where there is no `wire`: sends the spans of one session. */
  deliver?(spans: readonly ReadableSpan[], connection: Connection): Promise<Delivery<ReadableSpan>>
  /** One body for a spool: pieces of the `wire`, or the spans that `deliver` would still have to send. */
  pack(items: readonly unknown[], connection: Connection): Encoded | Promise<Encoded>
  /** Statuses that are final beside those that always are. */
  readonly final?: readonly number[]
  /** What an answer of `destination` that accepted a request refused of its `items`, and why. */
  refused?(answer: Accepted, items: number, destination: Destination): ReturnType<Refusal>
  /** Sends the (decompressed) body of a spooled batch; an OTLP body needs nothing but to be posted. */
  resend?(body: Uint8Array, connection: Connection): Promise<Delivery<unknown>>
}

/** Spans as bytes, which may be joined, and taken apart again, when the spans are no more. */
export interface Wire {
  /** `content-type`. */
  readonly type: string
  encode(spans: readonly ReadableSpan[]): Uint8Array
  /** One body of several. */
  join(bodies: readonly Uint8Array[]): Uint8Array
  /** A piece for each span, in the order of their scopes' first spans. Throws where there are more than `most`: they might not fit into memory. */
  split(body: Uint8Array, most?: number): readonly unknown[]
  /** One body of pieces. */
  merge(pieces: readonly unknown[]): Uint8Array
}

/** What a format needs of what the user has said. */
export interface FormatConfig extends RouteConfig {
  readonly format: Format
  readonly compression: 'auto' | 'gzip' | 'none'
  readonly maxExportBytes: number
  /** AgentOps v2: values keep their types. */
  readonly faithful: boolean
}

/** A session, as a format sees it. */
export interface FormatSession {
  readonly id: string
  readonly groupId: string | undefined
  readonly root: Span
  readonly agents: ReadonlyMap<string, string>
  readonly tags: readonly string[]
  readonly endState: string
  readonly endStateReason: string | undefined
  readonly stats: { cost: number }
  /** A text that is no span's, as it may be sent. */
  shown(name: string, text: string): string
}

/** The way to one destination, for one delivery. */
export interface Connection extends Route {
  readonly config: FormatConfig
  /** The session whose spans these are; none where the exporter is used in somebody else's provider. */
  readonly session?: FormatSession
}
