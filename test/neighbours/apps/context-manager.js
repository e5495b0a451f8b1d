/** What an app registers for `startActiveSpan` to nest its spans. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { ROOT_CONTEXT } from '@opentelemetry/api'

const storage = new AsyncLocalStorage()
export const contextManager = {
  active: () => storage.getStore() ?? ROOT_CONTEXT,
  with: (context, fn, thisArg, ...args) => storage.run(context, () => fn.apply(thisArg, args)),
  bind: (context, target) => (typeof target === 'function' ? storage.run.bind(storage, context, target) : target),
  enable: () => contextManager,
  disable: () => contextManager,
}
