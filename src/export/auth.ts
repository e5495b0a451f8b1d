/**
 * AgentOps' token: fetched once per isolate and key, kept with its expiry, refreshed before it. What an isolate keeps
 * are plain values, never a promise: workerd may not let one request wait for another's I/O. So one session takes a
 * lease and fetches, the others look again on their own timers and take over a lease that ran out.
 */
import type { Destination } from '../config.ts'
import { sleep } from './retry.ts'
import { type Outcome, send } from './transport.ts'

interface TokenState {
  /** The token, or why there is none. */
  token: string | Outcome
  /** How long `token` is used, milliseconds since the epoch. */
  usedUntil: number
  leasedUntil: number
}

const LEASE_MS = 5000
const LOOK_AGAIN_MS = 25
/** A dead auth server is asked once a second, not once a session. */
const FAILURE_MS = 1000
const REFRESH_BEFORE_MS = 5 * 60_000
const UNKNOWN_LIFETIME_MS = 60 * 60_000
/** Keys an isolate remembers before it starts anew: more than one only where each tenant has its own. */
const MAX_KEYS = 256

const states: Map<string, TokenState> = new Map()

/** Makes `attempt` with the headers that `destination` asks for; after a 401 once more, with a new token. */
export async function authorised(
  destination: Destination,
  fetch: typeof globalThis.fetch,
  timeoutMs: number,
  attempt: (headers: Destination['headers']) => Promise<Outcome>,
): Promise<Outcome> {
  const { tokenUrl, apiKey, headers } = destination
  if (!tokenUrl) return attempt(headers)
  const name = `${tokenUrl} ${apiKey}`
  let state = states.get(name)
  if (!state) {
    if (states.size >= MAX_KEYS) states.clear()
    state = { token: '', usedUntil: 0, leasedUntil: 0 }
    states.set(name, state)
  }
  for (let refreshed = false; ; refreshed = true) {
    const token = await tokenOf(state, destination, fetch, timeoutMs)
    if (typeof token !== 'string') return token
    const outcome = await attempt({ ...headers, authorization: `Bearer ${token}` })
    if (outcome.status !== 401 || refreshed) return outcome
    // Another session may have fetched a new one already.
    if (state.token === token) state.usedUntil = 0
  }
}

async function tokenOf(
  state: TokenState,
  destination: Destination,
  fetch: typeof globalThis.fetch,
  timeoutMs: number,
): Promise<string | Outcome> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const now = Date.now()
    if (now < state.usedUntil) return state.token
    if (now >= state.leasedUntil) await fetchToken(state, destination, fetch, Math.min(timeoutMs, LEASE_MS))
    else if (now < deadline) await sleep(LOOK_AGAIN_MS)
    else return { reason: 'undelivered', error: `${destination.tokenUrl} did not answer within ${timeoutMs} ms` }
  }
}

async function fetchToken(
  state: TokenState,
  { tokenUrl = '', apiKey }: Destination,
  fetch: typeof globalThis.fetch,
  timeoutMs: number,
): Promise<void> {
  state.leasedUntil = Date.now() + LEASE_MS
  const outcome = await send(tokenUrl, {}, JSON.stringify({ api_key: apiKey }), fetch, timeoutMs)
  state.token = outcome
  state.usedUntil = Date.now() + FAILURE_MS
  if (!outcome.reason) {
    try {
      const { token } = JSON.parse(outcome.body)
      state.usedUntil = refreshTime(token)
      state.token = token
    } catch {
      state.token = { reason: 'undelivered', error: `${tokenUrl} answered without a token` }
    }
  }
  state.leasedUntil = 0
}

/** Before the token's own expiry (JWT, RFC 7519 `exp`); an hour from now where it has none. Throws unless it is text. */
function refreshTime(token: string): number {
  const now = Date.now()
  const [, claims = ''] = token.split('.')
  try {
    const left = JSON.parse(atob(claims.replace(/-/g, '+').replace(/_/g, '/'))).exp * 1000 - now
    // A short-lived token is still used for half of its life.
    if (left > 0) return now + Math.max(left - REFRESH_BEFORE_MS, left / 2)
  } catch {}
  return now + UNKNOWN_LIFETIME_MS
}
