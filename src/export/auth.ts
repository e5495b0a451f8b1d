/**
 * AgentOps' token: fetched once per isolate and key, kept with its expiry, refreshed before it. What an isolate keeps
 * are plain values, never a promise: workerd may not let one request wait for another's I/O. So one session takes a
 * lease and fetches, the others look again on their own timers and take over a lease that ran out.
 */
import type { Destination } from '../config.ts'
import { sleep } from './retry.ts'
import { type Outcome, send } from './transport.ts'

interface TokenState {
  token?: string
  /** Milliseconds since the epoch, as are the others. */
  refreshAt: number
  leasedUntil: number
  failedUntil: number
  failure?: Outcome
}

const LEASE_MS = 5000
const LOOK_AGAIN_MS = 25
/** A dead auth server is asked once a second, not once a session. */
const FAILURE_MS = 1000
const REFRESH_BEFORE_MS = 5 * 60_000
const UNKNOWN_LIFETIME_MS = 60 * 60_000
/** Keys an isolate remembers: more than one only where each tenant has its own. */
const MAX_KEYS = 256

const states: Map<string, TokenState> = new Map()

/** The headers that an export to `destination` carries, or why there are none. */
export async function authorise(
  destination: Destination,
  fetch: typeof globalThis.fetch,
  timeoutMs: number,
): Promise<{ headers: Readonly<Record<string, string>> } | Exclude<Outcome, { kind: 'accepted' }>> {
  const { tokenUrl, headers } = destination
  if (!tokenUrl) return { headers }
  const state = stateOf(destination)
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const now = Date.now()
    if (state.token && now < state.refreshAt) return { headers: { ...headers, authorization: `Bearer ${state.token}` } }
    if (state.failure && state.failure.kind !== 'accepted' && now < state.failedUntil) return state.failure
    if (now >= state.leasedUntil) await fetchToken(state, destination, fetch, Math.min(timeoutMs, LEASE_MS))
    else if (now >= deadline) return { kind: 'retryable', message: `no token from ${tokenUrl} within ${timeoutMs} ms` }
    else await sleep(LOOK_AGAIN_MS)
  }
}

/** After a 401: the next `authorise` fetches a new token, unless another session has done so already. */
export function forgetToken(destination: Destination, headers: Readonly<Record<string, string>>): void {
  const state = stateOf(destination)
  if (headers.authorization === `Bearer ${state.token}`) state.token = undefined
}

async function fetchToken(
  state: TokenState,
  { tokenUrl = '', apiKey }: Destination,
  fetch: typeof globalThis.fetch,
  timeoutMs: number,
): Promise<void> {
  state.leasedUntil = Date.now() + LEASE_MS
  const request = { url: tokenUrl, headers: {}, body: JSON.stringify({ api_key: apiKey }) }
  const outcome = await send(request, fetch, timeoutMs)
  const token = outcome.kind === 'accepted' ? tokenIn(outcome.body) : undefined
  if (token) {
    state.token = token
    state.refreshAt = refreshTime(token)
    state.failure = undefined
  } else {
    state.failure =
      outcome.kind === 'accepted' ? { kind: 'retryable', message: `${tokenUrl} answered without a token` } : outcome
    state.failedUntil = Date.now() + FAILURE_MS
  }
  state.leasedUntil = 0
}

function stateOf({ tokenUrl, apiKey }: Destination): TokenState {
  const name = `${tokenUrl} ${apiKey}`
  let state = states.get(name)
  if (!state) {
    state = { refreshAt: 0, leasedUntil: 0, failedUntil: 0 }
    for (const oldest of states.size >= MAX_KEYS ? states.keys() : []) {
      states.delete(oldest)
      break
    }
    states.set(name, state)
  }
  return state
}

function tokenIn(body: string): string | undefined {
  try {
    const { token } = JSON.parse(body)
    return typeof token === 'string' ? token : undefined
  } catch {
    return undefined
  }
}

/** Before the token's own expiry (JWT, RFC 7519 `exp`); an hour from now where it has none. */
function refreshTime(token: string): number {
  const now = Date.now()
  try {
    const claims = JSON.parse(atob((token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/')))
    const expiry = Number(claims.exp) * 1000
    // A short-lived token is still used for half of its life.
    if (expiry > now) return Math.max(expiry - REFRESH_BEFORE_MS, now + (expiry - now) / 2)
  } catch {}
  return now + UNKNOWN_LIFETIME_MS
}
