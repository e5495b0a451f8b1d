/**
 * `AsyncLocalStorage.enterWith` for the rest of the running flow, and no longer. Node before 24 keeps what was entered on
 * the resource whose callback runs (a connection's parser, say), where the next callback of it, another request's, would
 * find it. It is taken off again when this turn is over: the flow has its own copies by then.
 */
import type { Context } from '@opentelemetry/api'
import { builtinModule } from './platform.ts'

interface Enterable {
  getStore(): Context | undefined
  enterWith(context: Context): void
  /** Under which Node before 24 keeps the store on a resource; none where the flow itself has it. */
  readonly kResourceStore?: symbol
}

interface Hooks {
  executionAsyncResource(): Record<symbol, unknown>
}

/** Throws where the runtime cannot (workerd). */
export function enter(storage: Enterable, context: Context): void {
  const { kResourceStore } = storage
  const resource = kResourceStore && builtinModule<Hooks>('node:async_hooks')?.executionAsyncResource()
  const before = storage.getStore()
  storage.enterWith(context)
  if (!resource) return
  queueMicrotask(() => {
    if (resource[kResourceStore] === context) resource[kResourceStore] = before
  })
}
