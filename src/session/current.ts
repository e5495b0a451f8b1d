/** The session of the running code, of a context, or of what an adapter opened it for. */
import type { Context } from '@opentelemetry/api'
import { activeContext, hasStorage } from '../runtime/scope.ts'
import { scopedIn } from './scope.ts'
import type { Session } from './session.ts'

/** The session that `active` names, or the only one of its scope; undefined when there are several. */
export function sessionIn(active: Context): Session | undefined {
  // Nothing else is put into a scope.
  return scopedIn(active) as Session | undefined
}

/** Sessions by the request, or the execution context of one request, that an adapter opened them for. */
const owners: WeakMap<object, Session> = new WeakMap()

/** The first session of an invocation, by the later ones. */
const invocations: WeakMap<object, object> = new WeakMap()

export function setOwner(owner: object | undefined, session: Session): void {
  if (!owner) return
  const earlier = owners.get(owner)
  if (earlier && earlier !== session) invocations.set(session, invocationOf(earlier))
  owners.set(owner, session)
}

/** Names the invocation that `session` is part of, where an adapter has opened it; the session itself where none has. */
export function invocationOf(session: object): object {
  return invocations.get(session) ?? session
}

/**
 * The running session that a handler is called inside of: for the same request, or by code of the session that its
 * context was last used for. (A context may be used again, by a test harness, before the session before has ended.)
 */
export function enclosingSession(request: unknown, execution: object | undefined): Session | undefined {
  const session = execution && owners.get(execution)
  const own = owners.get(request as object) ?? (hasStorage() && activeSession() !== session ? undefined : session)
  return own?.state === 'running' ? own : undefined
}

/**
 * The session of the running code, or undefined outside any. `owner`: a `Request` or an `ExecutionContext` that an
 * adapter opened a session for; it finds that session even where the runtime has no AsyncLocalStorage.
 */
export function currentSession(owner?: object): Session | undefined {
  return owner ? owners.get(owner) : activeSession()
}

function activeSession(): Session | undefined {
  return sessionIn(activeContext())
}
