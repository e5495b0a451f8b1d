/** What may be seen of a session: by the option `keep`, and by whoever is not the session itself. */
import type { Span } from '@opentelemetry/api'

/** `Indeterminate` is what a session is until somebody says more. */
export type EndState = 'Success' | 'Fail' | 'Indeterminate'

/** What a session counted. */
export interface SessionStats {
  llms: number
  tools: number
  actions: number
  errors: number
  apis: number
  /** US dollars: of the model calls that named one, or, over AgentOps v2, what its backend has computed. */
  cost: number
}

/** What `keep` sees of a session that has ended. */
export interface SessionView {
  /** UUID. */
  readonly id: string
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** The conversation that it belongs to, if any. */
  readonly groupId: string | undefined
  readonly name: string
  readonly state: 'running' | 'ending' | 'ended'
  readonly endState: EndState
  readonly endStateReason: string | undefined
  readonly tags: readonly string[]
  /** Whether a span has failed. */
  readonly hasErrors: boolean
  /** Milliseconds since it began, or until it ended. */
  readonly durationMs: number
  readonly stats: SessionStats
  /** The names of the agents opened in it, by id. */
  readonly agents: ReadonlyMap<string, string>
  /** The session's root span, for attributes and span events of your own. */
  readonly root: Span
}
