/**
 * Where the running code's context is kept: one AsyncLocalStorage per isolate carries an OpenTelemetry context. It is
 * found at run time and never imported here: the core loads on runtimes without it, where everything works through an
 * explicit session.
 */
import { type Context, type ContextManager, ROOT_CONTEXT } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { otelGlobals, warn } from './diag.ts'
import { enter as enterFlow } from './enter.ts'
import { builtinModule, isWorkers } from './platform.ts'

interface Storage {
  getStore(): Context | undefined
  run<T>(context: Context, fn: () => T): T
  /** workerd has it, and throws. */
  enterWith(context: Context): void
}
type StorageConstructor = new () => Storage
type HooksModule = { AsyncLocalStorage: StorageConstructor }

/** Where the copies of this library that a bundler makes (Next.js: one a route) find the same storage. */
const SHARED = Symbol.for('agentops-edge.storage.1')

/**
 * A runtime inside this one (Next.js' sandbox of the edge) has globals of its own, and this class: what is kept there is
 * found from within.
 */
export function shareStorage(isInner: boolean): void {
  type Kept = { [SHARED]?: Storage }
  const Shared = storageClass() as Kept | undefined
  if (!Shared) return
  const [from, to] = isInner ? [Shared, globalThis as Kept] : [globalThis as Kept, Shared]
  if (!isInner) findStorage()
  if (from[SHARED] && !to[SHARED]) Object.defineProperty(to, SHARED, { value: from[SHARED] })
}

let storage: Storage | undefined
/** The import has failed once: it would fail again at every request. */
let missing = false

/** Looks for AsyncLocalStorage where it can be had without an import; true when there is one. */
export function findStorage(): boolean {
  if (current()) return true
  const Storage = storageClass()
  if (Storage) storage = shared(Storage)
  return !!storage
}

function storageClass(): StorageConstructor | undefined {
  const { AsyncLocalStorage } = globalThis as { AsyncLocalStorage?: StorageConstructor }
  return AsyncLocalStorage ?? builtinModule<HooksModule>('node:async_hooks')?.AsyncLocalStorage
}

/** Whether the session of the running code can be told at all. */
export function hasStorage(): boolean {
  return !!current()
}

/** Another copy of this library may have made it. */
function current(): Storage | undefined {
  storage ??= (globalThis as { [SHARED]?: Storage })[SHARED]
  return storage
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
  // In workerd the import costs the first request 1 ms of CPU, a look at `process` 8.
  return missing || current() || (!isWorkers() && findStorage()) ? undefined : importStorage(load, hint)
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
  return current()?.getStore() ?? ROOT_CONTEXT
}

export function runIn<T>(active: Context, fn: () => T): T {
  const storage = current()
  return storage ? storage.run(active, fn) : fn()
}

/**
 * Runs the exporter's own work: its requests are nobody's spans, and must not keep a session's context alive. In our
 * storage, and in that of whoever registered a context manager first, be it with an older copy of the API: in its provider
 * each delivery would be traced, and that span delivered.
 */
export function runQuietly<T>(fn: () => T): T {
  const run = (): T => runIn(QUIET, fn)
  const theirs = otelGlobals()?.context
  return theirs && theirs !== contextManager ? theirs.with(QUIET, run) : run()
}

const QUIET = /* @__PURE__ */ suppressTracing(ROOT_CONTEXT)

/** The storage as OpenTelemetry's API sees it. */
export const contextManager: ContextManager = {
  active: activeContext,
  with: (active, fn, thisArg, ...args) => runIn(active, () => fn.apply(thisArg as never, args)),
  bind: (bound, target) =>
    typeof target === 'function'
      ? (function (this: unknown, ...args: unknown[]) {
          return runIn(bound, () => target.apply(this, args))
        } as typeof target)
      : target,
  enable() {
    return this
  },
  disable() {
    return this
  },
}

/** Makes `active` the context of the rest of the running async flow; false where the runtime cannot. */
export function enter(active: Context): boolean {
  try {
    const storage = current()
    if (storage) enterFlow(storage, active)
    return !!storage
  } catch {
    return false
  }
}
