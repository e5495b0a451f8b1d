/** Puts the parts of the way to a destination together: authorise → count → send. */
import type { Deadline } from '../runtime/deadline.ts'
import { guard } from '../runtime/diag.ts'
import type { Hidden } from '../runtime/hidden.ts'
import { NO_TIME } from './backoff.ts'
import { type Encoded, type Outcome, type Refused, send } from './transport.ts'

/** Where sessions go. Where there is a `tokenUrl`, the key is exchanged for a token that exports carry. */
export interface Destination {
  url: string
  headers: Readonly<Record<string, string>>
  apiKey?: string
  /** AgentOps v2: the key of a parent organisation. */
  parentKey?: string
  tokenUrl?: string
  /** What nothing that is told of it shows: its key, its token, its headers. */
  hidden: Hidden
}

/** What the way to a destination needs of what the user has said. */
export interface RouteConfig {
  readonly fetch?: typeof globalThis.fetch
  /** `fetch` is the process's, and no request's: it may send later. Default `false`. */
  readonly isFetchLasting?: boolean
  /** Longest time for one attempt, milliseconds. */
  readonly exportTimeoutMs: number
  readonly maxRequests: number
  readonly format?: {
    /** Statuses that are final beside those that always are. */
    readonly final?: readonly number[]
  }
  /** There where what cannot be sent is not lost. */
  readonly spool?: object
}

/** What a way begins with. */
export interface Start {
  readonly config: RouteConfig
  readonly destination: Destination
  readonly deadline: Deadline
  /** Attempts after the first. */
  readonly retries: number
  /** So many of the session's requests are left for its root. */
  keep: number
  /** An attempt takes no longer, milliseconds. Default: `exportTimeoutMs`. */
  attemptMs?: number
  /** What cannot be sent is not lost: what the destination, and not the content, is refused for may be sent later. Default: where there is a spool. */
  readonly keeps?: boolean
}

/** The way to one destination, for one delivery. */
export interface Route extends Start {
  /** Why no request may be made; undefined where one may. */
  limited(): Refused | undefined
  /** One request, counted, that is given up at `until` (milliseconds since the epoch). */
  send(url: string, encoded: Encoded, until: number): Promise<Outcome>
  /** One attempt, authorised. */
  attempt(url: string, encode: () => Encoded | Promise<Encoded>, authorise: Authorise): Promise<Outcome>
}

/** Makes one attempt with the headers that authorise it, again after a refusal where that may help; all of it by `until`. */
export type Authorise = (
  route: Route,
  until: number,
  attempt: (headers: Destination['headers']) => Promise<Outcome>,
) => Promise<Outcome>

/** How many requests a session may still make. */
export interface Requests {
  /** Below 0: the platform allows none. */
  left: number
}

/** Statuses that say something of what was sent: it would be refused again. */
export const OF_CONTENT: readonly number[] = [400, 413, 422]

export function connect<Way extends Start>(way: Way, requests: Requests): Way & Route {
  const { config, destination, deadline } = way
  const { format, spool } = config
  // The global one may be a getter of the user's; without any an attempt fails.
  const fetch = config.fetch ?? (guard('looking for fetch', () => globalThis.fetch) as typeof globalThis.fetch)
  const keeps = way.keeps ?? !!spool
  const connection: Way & Route = {
    ...way,
    limited() {
      if (requests.left > connection.keep) return undefined
      return { reason: 'request-limit', error: `maxRequests (${config.maxRequests}) is used up; raise it` }
    },
    async send(url, encoded, until) {
      const limited = connection.limited()
      if (limited) return limited
      // A request that is given up at once may be taken all the same, and would be sent twice.
      if (Math.min(until - Date.now(), deadline.left) <= 0) return { ...NO_TIME, isRemembered: true }
      requests.left--
      const outcome = await send(url, encoded, {
        fetch,
        until,
        deadline,
        final: format?.final,
        hidden: destination.hidden,
      })
      // It makes no request any more: its own trouble, and nobody else's.
      if (outcome.reason === 'request-limit') requests.left = -1
      return outcome
    },
    async attempt(url, encode, authorise) {
      // Waiting for a token is part of the attempt.
      const until = Date.now() + Math.min(config.exportTimeoutMs, connection.attemptMs ?? Number.POSITIVE_INFINITY)
      const outcome = await authorise(connection, until, async (authorisation) => {
        const { body, headers } = await encode()
        return connection.send(url, { body, headers: { ...authorisation, ...headers } }, until)
      })
      const { reason, status = 0 } = outcome
      const isOfContent = OF_CONTENT.includes(status) || format?.final?.includes(status)
      return keeps && reason === 'rejected' && !isOfContent
        ? { ...outcome, reason: 'undelivered', isFinal: true }
        : outcome
    },
  }
  return connection
}
