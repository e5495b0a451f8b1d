/**
 * AgentOps' token: fetched once per isolate and key, kept with its expiry, refreshed before it. What an isolate keeps
 * are plain values, never a promise: workerd may not let one request wait for another's I/O. So one session takes a
 * lease and fetches, the others look again on their own timers and take over a lease that ran out.
 */
import { sleep } from '../runtime/deadline.ts'
import type { Authorise, Route } from './connection.ts'
import { remembered } from './isolate.ts'
import { fromBytes, toBytes } from './json.ts'
import type { Outcome } from './transport.ts'

interface TokenState {
  token: string
  /** When `token` ends, milliseconds since the epoch. */
  validUntil: number
  /** Why there is no new one. */
  failure?: Outcome
  /** When a new one is asked for. */
  refreshAt: number
  leasedUntil: number
}

const LEASE_MS = 5000
const LOOK_AGAIN_MS = 25
/** A dead auth server is asked once a second, not once a session. */
const FAILURE_MS = 1000
const REFRESH_BEFORE_MS = 5 * 60_000
const UNKNOWN_LIFETIME_MS = 60 * 60_000

const states: Map<string, TokenState> = new Map()

/** With the destination's headers, and a token where it has a key; after a 401 once more, with a new token. */
export const authorised: Authorise = async (connection, until, attempt) => {
  const { tokenUrl, apiKey, headers } = connection.destination
  if (!tokenUrl) return attempt(headers)
  const state = remembered(states, `${tokenUrl} ${apiKey}`, () => {
    return { token: '', validUntil: 0, refreshAt: 0, leasedUntil: 0 }
  })
  for (let refreshed = false; ; refreshed = true) {
    const token = await tokenOf(state, connection, until)
    // Not its own status: after a 400 the spans would be searched for the one that caused it.
    if (typeof token !== 'string') return { ...token, status: 0 }
    connection.destination.hidden.add(token)
    const outcome = await attempt({ ...headers, authorization: `Bearer ${token}` })
    if (outcome.status !== 401 || refreshed) return outcome
    // Another session may have fetched a new one already.
    if (state.token === token) state.validUntil = state.refreshAt = 0
  }
}

async function tokenOf(state: TokenState, connection: Route, until: number): Promise<string | Outcome> {
  for (;;) {
    const now = Date.now()
    const leased = now < state.leasedUntil
    // While another session asks for the next one, or asking failed, the present one is good to its end.
    if (now < state.validUntil && (leased || now < state.refreshAt)) return state.token
    if (now < state.refreshAt && state.failure) return state.failure
    if (now >= until || connection.deadline.left <= 0) {
      return { reason: 'undelivered', error: `${connection.destination.tokenUrl} did not answer in time` }
    }
    if (leased) await sleep(LOOK_AGAIN_MS)
    else {
      const failure = await fetchToken(state, connection, until)
      if (failure?.reason === 'request-limit') return failure
    }
  }
}

async function fetchToken(
  state: TokenState,
  { destination: { tokenUrl = '', apiKey }, send }: Route,
  until: number,
): Promise<Outcome | undefined> {
  const lease = Date.now() + LEASE_MS
  state.leasedUntil = lease
  let outcome = await send(
    tokenUrl,
    { body: toBytes({ api_key: apiKey }), headers: { 'content-type': 'application/json' } },
    Math.min(until, lease),
  )
  // Another session took over meanwhile.
  if (state.leasedUntil === lease) state.leasedUntil = 0
  if (!outcome.reason) {
    try {
      const { token } = fromBytes<{ token: string }>(outcome.body)
      Object.assign(state, lifetimeOf(token), { token, failure: undefined })
      return undefined
    } catch {
      outcome = { reason: 'undelivered', error: `${tokenUrl} answered without a token` }
    }
  }
  // Of this session alone.
  if (outcome.reason !== 'request-limit') {
    state.failure = outcome
    state.refreshAt = Date.now() + FAILURE_MS
  }
  return outcome
}

/** From the token's own expiry (JWT, RFC 7519 `exp`); an hour from now where it has none. Throws unless it is text. */
function lifetimeOf(token: string): Pick<TokenState, 'validUntil' | 'refreshAt'> {
  const now = Date.now()
  const [, claims = ''] = token.split('.')
  let left = 0
  try {
    left = JSON.parse(atob(claims.replace(/-/g, '+').replace(/_/g, '/'))).exp * 1000 - now
  } catch {}
  if (!(left > 0)) left = UNKNOWN_LIFETIME_MS
  // A short-lived token is still used for half of its life.
  return { validUntil: now + left, refreshAt: now + Math.max(left - REFRESH_BEFORE_MS, left / 2) }
}
