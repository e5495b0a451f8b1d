/**
 * Which session the running code belongs to. One AsyncLocalStorage per isolate carries an OpenTelemetry context; the
 * session is a value in it. It is found at run time and never imported here: the core loads on runtimes without it,
 * where everything works through an explicit session.
 */
import { type Context, context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { warn } from '../diag.ts'
import { enter } from './enter.ts'
import type { Session } from './session.ts'

interface Storage {
  getStore(): Context | undefined
  run<T>(context: Context, fn: () => T): T
  /** workerd has it, and throws. */
  enterWith(context: Context): void
}
type StorageConstructor = new () => Storage
type HooksModule = { AsyncLocalStorage: StorageConstructor }

/** The sessions that were started side by side in one async flow. */
export type Scope = Set<Session>

const SESSION = createContextKey('agentops.session')
const SCOPE = createContextKey('agentops.scope')

/** Where the copies of this library that a bundler makes (Next.js: one a route) find the same storage. */
const SHARED = Symbol.for('agentops-edge.storage.1')

let storage: Storage | undefined
/** The import has failed once: it would fail again at every request. */
let missing = false

/** Looks for AsyncLocalStorage where it can be had without an import; true when there is one. */
export function findStorage(): boolean {
  if (storage) return true
  const { AsyncLocalStorage, process } = globalThis as {
    AsyncLocalStorage?: StorageConstructor
    process?: { getBuiltinModule?(id: string): HooksModule | undefined }
  }
  const Found = AsyncLocalStorage ?? process?.getBuiltinModule?.('node:async_hooks')?.AsyncLocalStorage
  if (Found) storage = shared(Found)
  return !!storage
}

function shared(Found: StorageConstructor): Storage {
  const globals = globalThis as { [SHARED]?: Storage }
  if (!globals[SHARED]) Object.defineProperty(globals, SHARED, { value: new Found() })
  return globals[SHARED] as Storage
}

/**
 * Awaited by an adapter before its first session; undefined where there is nothing to wait for. `load` imports the
 * platform's module. Checked again after the await and assigned at once: many first requests at the same time must not
 * make one storage each.
 */
export function loadStorage(load: () => Promise<unknown>, hint: string): Promise<void> | undefined {
  return findStorage() || missing ? undefined : importStorage(load, hint)
}

async function importStorage(load: () => Promise<unknown>, hint: string): Promise<void> {
  try {
    const { AsyncLocalStorage } = (await load()) as HooksModule
    storage ??= shared(AsyncLocalStorage)
  } catch {
    missing = true
    warn(`AsyncLocalStorage is missing, so module-level helpers find no session. ${hint}`)
  }
}

export function activeContext(): Context {
  return storage?.getStore() ?? ROOT_CONTEXT
}

export function runIn<T>(active: Context, fn: () => T): T {
  return storage ? storage.run(active, fn) : fn()
}

/**
 * Runs the exporter's own work: its requests are nobody's spans, and must not keep a session's context alive. In our
 * storage, and in that of whoever registered a context manager first.
 */
export function runQuietly<T>(fn: () => T): T {
  const quiet = suppressTracing(ROOT_CONTEXT)
  return context.with(quiet, () => runIn(quiet, fn))
}

/** Opens a scope for the rest of the running async flow; undefined where the runtime cannot. */
export function enterScope(): Scope | undefined {
  if (!findStorage()) return undefined
  const scope: Scope = new Set()
  try {
    if (storage) enter(storage, withScope(activeContext(), scope))
    return scope
  } catch {
    return undefined
  }
}

function withScope(active: Context, scope: Scope): Context {
  return active.setValue(SCOPE, scope).deleteValue(SESSION)
}

/** The context of a scope that holds this session alone: requests and `withSession` never meet in one. */
export function ownScope(session: Session, active: Context = session.context): Context {
  return withSession(withScope(active, new Set([session])), session)
}

/**
 * Makes a session the one of the rest of the running async flow, for callers that can run nothing inside of it; nothing
 * where the runtime cannot. Gives what ends that: a caller's caller, which may go on to other work, is of that flow, too.
 */
export function enterSession(session: Session): () => void {
  const outer = activeContext()
  let inner = ownScope(session)
  const entered: Context = {
    getValue: (key) => inner.getValue(key),
    setValue: (key, value) => inner.setValue(key, value),
    deleteValue: (key) => inner.deleteValue(key),
  }
  try {
    if (storage) enter(storage, entered)
  } catch {}
  return () => {
    inner = outer
  }
}

export function activeScope(): Scope | undefined {
  return activeContext().getValue(SCOPE) as Scope | undefined
}

export function withSession(active: Context, session: Session): Context {
  return active.setValue(SESSION, session)
}

/** The session that `active` names, or the only one of its scope; undefined when there are several. */
export function sessionIn(active: Context): Session | undefined {
  const scope = active.getValue(SCOPE) as Scope | undefined
  return (active.getValue(SESSION) as Session | undefined) ?? (scope?.size === 1 ? [...scope][0] : undefined)
}

/** Sessions by the request, or the execution context of one request, that an adapter opened them for. */
const owners: WeakMap<object, Session> = new WeakMap()

export function setOwner(owner: object | undefined, session: Session): void {
  if (owner) owners.set(owner, session)
}

/**
 * The running session that a handler is called inside of: for the same request, or by code of the session that its
 * context was last used for. (A context may be used again, by a test harness, before the session before has ended.)
 */
export function enclosingSession(request: unknown, execution: object | undefined): Session | undefined {
  const session = execution && owners.get(execution)
  const own = owners.get(request as object) ?? (storage && activeSession() !== session ? undefined : session)
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
