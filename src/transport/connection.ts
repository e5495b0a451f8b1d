/** Puts the parts of the way to a destination together: breaker → retry → authorise → count → send. */
import type { Connection } from '../formats/format.ts'
import { retrying } from '../runtime/deadline.ts'
import { remembered } from './isolate.ts'
import { send } from './transport.ts'

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

export function connect(way: Omit<Connection, 'limited' | 'send' | 'post'>, requests: Requests): Connection {
  const { config, destination, deadline, retries } = way
  const { fetch = globalThis.fetch, breaker: limits, spool } = config
  const connection: Connection = {
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
