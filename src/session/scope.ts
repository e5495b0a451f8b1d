/**
 * Which session a context belongs to: the session is a value in it. The class of sessions is built on this file, so what
 * is known of one here is what a scope has to know.
 */
import { type Context, createContextKey } from '@opentelemetry/api'
import { layer } from '../runtime/layer.ts'
import { activeContext, enter, findStorage } from '../runtime/scope.ts'

/** A session, as a scope sees it. */
export interface Scoped {
  readonly state: 'running' | 'ending' | 'ended'
  /** The context in which its root is the active span. */
  readonly context: Context
}

/** The sessions that were started side by side in one async flow. */
export type Scope = Set<Scoped>

const SESSION = createContextKey('agentops.session')
const SCOPE = createContextKey('agentops.scope')

/** Opens a scope for the rest of the running async flow; undefined where the runtime cannot. */
export function enterScope(): Scope | undefined {
  if (!findStorage()) return undefined
  const scope: Scope = new Set()
  return enter(withScope(activeContext(), scope)) ? scope : undefined
}

function withScope(active: Context, scope: Scope): Context {
  return active.setValue(SCOPE, scope).deleteValue(SESSION)
}

/** The context of a scope that holds this session alone: requests and `withSession` never meet in one. */
export function ownScope(session: Scoped, active: Context = session.context): Context {
  return withSession(active.setValue(SCOPE, new Set([session])), session)
}

/**
 * Makes a session the one of the rest of the running async flow, for callers that can run nothing inside of it; nothing
 * where the runtime cannot. Gives what ends that: a caller's caller, which may go on to other work, is of that flow, too.
 */
export function enterSession(session: Scoped): () => void {
  const outer = activeContext()
  let inner = ownScope(session)
  enter({
    getValue: (key) => inner.getValue(key),
    setValue: (key, value) => inner.setValue(key, value),
    deleteValue: (key) => inner.deleteValue(key),
  })
  return () => {
    inner = outer
  }
}

export function activeScope(): Scope | undefined {
  return activeContext().getValue(SCOPE) as Scope | undefined
}

/**
 * The first context of a session. What `deleteValue` gives never changes, while `parent` may be the context of
 * `enterSession`, which stands for another one later.
 */
export function contextFor(session: Scoped, parent: Context): Context {
  return layer(parent.deleteValue(SESSION), SESSION, session)
}

export function withSession(active: Context, session: Scoped): Context {
  return active.getValue(SESSION) === session ? active : active.setValue(SESSION, session)
}

/** The session that `active` names, or the only one of its scope; undefined when there are several. */
export function scopedIn(active: Context): Scoped | undefined {
  const scope = active.getValue(SCOPE) as Scope | undefined
  return (active.getValue(SESSION) as Scoped | undefined) ?? (scope?.size === 1 ? [...scope][0] : undefined)
}
