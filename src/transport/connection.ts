/** Puts the parts of the way to a destination together: breaker → retry → authorise → count → send. */
import type { Deadline } from '../runtime/deadline.ts'
import type { Hidden } from '../runtime/hidden.ts'
import { remembered } from './isolate.ts'
import { retrying } from './retry.ts'
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
  /** Longest time for one attempt, milliseconds. */
  readonly exportTimeoutMs: number
  readonly maxRequests: number
  readonly breaker: { readonly failures: number; readonly cooldownMs: number }
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
}

/** The way to one destination, for one delivery. */
export interface Route extends Start {
  /** Why no request may be made; undefined where one may. */
  limited(): Refused | undefined
  /** One request, counted, that is given up at `until` (milliseconds since the epoch). */
  send(url: string, encoded: Encoded, until: number): Promise<Outcome>
  /** A request that is repeated where that may help, unless the breaker is open. */
  post(url: string, encoded: Encoded, authorise: Authorise): Promise<Outcome>
}

/** Makes one attempt with the headers that authorise it, again after a refusal where that may help; all of it by `until`. */
export type Authorise = (
  route: Route,
  until: number,
  attempt: (headers: Destination['headers']) => Promise<Outcome>,
) => Promise<Outcome>

/** How many requests a session may still make. */
export interface Requests {
  left: number
}

interface Breaker {
  /** Deliveries in a row that failed with all their attempts. */
  failures: number
  /** When the next probe may be made, milliseconds since the epoch. */
  probeAt: number
}

const breakers: Map<string, Breaker> = new Map()

export function connect<Way extends Start>(way: Way, requests: Requests): Way & Route {
  const { config, destination, deadline, retries } = way
  const { fetch = globalThis.fetch, breaker: limits, spool } = config
  const connection: Way & Route = {
    ...way,
    limited() {
      if (requests.left > connection.keep) return undefined
      return { reason: 'request-limit', error: `maxRequests (${config.maxRequests}) is used up; raise it` }
    },
    async send(url, encoded, until) {
      const limited = connection.limited()
      if (limited) return limited
      requests.left--
      return send(url, encoded, fetch, until, deadline)
    },
    async post(url, { body, headers }, authorise) {
      if (deadline.left <= 0) return { reason: 'undelivered', error: 'no time was left; see flushDeadlineMs' }
      const breaker = remembered(breakers, destination.url, () => ({ failures: 0, probeAt: 0 }))
      const open = breaker.failures >= limits.failures
      if (open) {
        // Without a spool the spans would be lost for certain: one attempt is made, which costs no retries.
        if (spool && Date.now() < breaker.probeAt) {
          return {
            reason: 'undelivered',
            error: `${new URL(url).origin} has failed ${breaker.failures} times in a row`,
          }
        }
        breaker.probeAt = Date.now() + limits.cooldownMs
      }
      // Waiting for a token is part of the attempt.
      const outcome = await retrying(open ? 0 : retries, deadline, () => {
        const until = Date.now() + config.exportTimeoutMs
        return authorise(connection, until, (authorisation) =>
          connection.send(url, { body, headers: { ...authorisation, ...headers } }, until),
        )
      })
      if (outcome.reason === 'undelivered') {
        if (++breaker.failures === limits.failures) breaker.probeAt = Date.now() + limits.cooldownMs
      } else if (outcome.status) breaker.failures = 0
      return outcome
    },
  }
  return connection
}
