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
  deliver(spans: readonly ReadableSpan[], connection: Connection): Promise<Delivery<ReadableSpan>>
  /** One body for a spool: what `deliver` would still have to send. */
  pack(spans: readonly ReadableSpan[], connection: Connection): Encoded | Promise<Encoded>
  /** What an answer of `destination` that accepted a request refused of its `items`, and why. */
  refused?(answer: Accepted, items: number, destination: Destination): ReturnType<Refusal>
  /** Sends the (decompressed) body of a spooled batch; an OTLP body needs nothing but to be posted. */
  resend?(body: Uint8Array, connection: Connection): Promise<Delivery<unknown>>
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
