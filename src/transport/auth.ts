/**
 * AgentOps' token: fetched once per isolate and key, kept with its expiry, refreshed before it. What an isolate keeps
 * are plain values, never a promise: one session takes the turn and fetches, the others look again on their own timers and
 * take over from one that was cut off.
 */
import { type Awaited, beating, changed, type Holder, pause, SILENT_MS, Watch } from '../runtime/turns.ts'
import { type Backoff, note, waitFor } from './backoff.ts'
import type { Authorise, Route } from './connection.ts'
import { remembered } from './isolate.ts'
import { fromBytes, toBytes } from './json.ts'
import type { Outcome, Refused } from './transport.ts'

interface TokenState extends Backoff, Awaited {
  token: string
  /** When `token` ends, milliseconds since the epoch. */
  validUntil: number
  /** When a new one is asked for. */
  refreshAt: number
  /** Why there is no new one. */
  failure?: Refused
  /** Who fetches the next one. */
  holder?: Holder
}

const LOOK_AGAIN_MS = 25
const REFRESH_BEFORE_MS = 5 * 60_000
const UNKNOWN_LIFETIME_MS = 60 * 60_000
/** One that says it is good for longer is fetched anew all the same. */
const MAX_LIFETIME_MS = 24 * 60 * 60_000
/** What may stand in a header, and is no attack on an isolate's memory. */
const TOKEN = /^[\x20-\x7e]{1,16384}$/

const states: Map<string, TokenState> = new Map()

/** With the destination's headers, and a token where it has a key; after a 401 once more, with a new token. */
export const authorised: Authorise = async (connection, until, attempt) => {
  const { tokenUrl, apiKey, headers } = connection.destination
  if (!tokenUrl) return attempt(headers)
  const state = remembered(
    states,
    `${tokenUrl} ${apiKey}`,
    (): TokenState => ({ token: '', validUntil: 0, refreshAt: 0, fails: 0, retryAt: 0, waiting: new Set() }),
    ({ holder }) => !holder,
  )
  for (let refreshed = false; ; refreshed = true) {
    const token = await tokenOf(state, connection, until)
    // Not its own status: after a 400 the spans would be searched for the one that caused it.
    if (typeof token !== 'string') return { ...token, status: 0 }
    connection.destination.hidden.add(token)
    const outcome = await attempt({ ...headers, authorization: `Bearer ${token}` })
    if (outcome.status !== 401 || refreshed) return outcome
    // Another session may have fetched a new one already.
    if (state.token === token) state.validUntil = 0
  }
}

async function tokenOf(state: TokenState, connection: Route, until: number): Promise<string | Refused> {
  const { deadline, destination } = connection
  const watch = new Watch()
  for (let slept = 0; ; slept = LOOK_AGAIN_MS) {
    const now = Date.now()
    const { holder, failure, retryAt, validUntil } = state
    // While another session asks for the next one, or asking failed, the present one is good to its end.
    if (now < validUntil && (holder || now < state.refreshAt || waitFor(retryAt))) return state.token
    if (failure && waitFor(retryAt)) return { ...failure, retryAt, isRemembered: true }
    if (now >= until || deadline.left <= 0) {
      return { reason: 'undelivered', error: `${destination.tokenUrl} did not answer in time`, retryAt }
    }
    if (!holder) {
      const failed = await fetchToken(state, connection, until)
      if (failed) return failed
    } else if (watch.silence(holder, slept) >= SILENT_MS) state.holder = undefined
    else await pause(state, Math.min(LOOK_AGAIN_MS, until - now), deadline)
  }
}

async function fetchToken(
  state: TokenState,
  { destination: { tokenUrl = '', apiKey }, send }: Route,
  until: number,
): Promise<Refused | undefined> {
  const holder: Holder = { beats: 0 }
  state.holder = holder
  let outcome: Outcome = await beating(holder, () =>
    send(tokenUrl, { body: toBytes({ api_key: apiKey }), headers: { 'content-type': 'application/json' } }, until),
  )
  if (!outcome.reason) {
    try {
      const { token } = fromBytes<{ token: string }>(outcome.body)
      if (!TOKEN.test(token)) throw 0
      Object.assign(state, lifetimeOf(token), { token, failure: undefined })
    } catch {
      outcome = { reason: 'undelivered', error: `${tokenUrl} answered without a token` }
    }
  }
  // Another session may have taken over meanwhile.
  if (state.holder === holder) state.holder = undefined
  // Of this session alone.
  if (outcome.reason !== 'request-limit') {
    // A refusal, too, is not asked for at each session.
    note(state, outcome.reason ? { ...outcome, reason: 'undelivered', isFinal: false } : outcome)
    state.failure = outcome.reason && outcome
  }
  changed(state)
  return outcome.reason && { ...outcome, retryAt: state.retryAt }
}

/** From the token's own expiry (JWT, RFC 7519 `exp`); an hour from now where it has none. */
function lifetimeOf(token: string): Pick<TokenState, 'validUntil' | 'refreshAt'> {
  const now = Date.now()
  const [, claims = ''] = token.split('.')
  let lifetimeMs = 0
  try {
    lifetimeMs = JSON.parse(atob(claims.replace(/-/g, '+').replace(/_/g, '/'))).exp * 1000 - now
  } catch {}
  lifetimeMs = lifetimeMs > 0 ? Math.min(lifetimeMs, MAX_LIFETIME_MS) : UNKNOWN_LIFETIME_MS
  // A short-lived token is still used for half of its life.
  return { validUntil: now + lifetimeMs, refreshAt: now + Math.max(lifetimeMs - REFRESH_BEFORE_MS, lifetimeMs / 2) }
}
