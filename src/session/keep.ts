/**
 * Tail sampling: what decides, when a session has ended, whether it is sent. Give one of these, a function of your own,
 * or a list of them, of which one that says yes is enough.
 *
 * ```ts
 * agentops({ keep: [keepErrors, keepSlow(2_000), keepShare(0.05)] })
 * ```
 */
import type { SessionView } from './view.ts'

/** Of a session that has ended: whether it is sent. One that throws is said, and counts as `true`. */
export type Keep = (session: SessionView) => boolean

const MINUTE_MS = 60_000
/** Names that `keepRare` remembers; a route has one. */
const MAX_NAMES = 1000

/** Sessions that failed, or in which a span did. */
export const keepErrors: Keep = (session) => session.endState === 'Fail' || session.hasErrors

/** Sessions that took at least so many milliseconds. */
export function keepSlow(ms: number): Keep {
  return (session) => session.durationMs >= ms
}

/** Sessions with one of these tags. */
export function keepTagged(...tags: readonly string[]): Keep {
  return (session) => session.tags.some((tag) => tags.includes(tag))
}

/** The first sessions of each name (method and route) in each minute, counted in each isolate. Default: one. */
export function keepRare(perMinute: number = 1): Keep {
  const seen: Map<string, { since: number; count: number }> = new Map()
  return ({ name }) => {
    const now = Date.now()
    const of = seen.get(name)
    if (of && now - of.since < MINUTE_MS) return ++of.count <= perMinute
    if (seen.size >= MAX_NAMES) seen.clear()
    seen.set(name, { since: now, count: 1 })
    return perMinute > 0
  }
}

/** A share of sessions, 0 to 1, by trace id: services that see the same trace keep the same ones. */
export function keepShare(share: number): Keep {
  return ({ traceId }) => Number.parseInt(traceId.slice(-13), 16) < share * 16 ** 13
}
