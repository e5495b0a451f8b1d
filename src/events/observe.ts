/**
 * Sees how a call ends without changing it: a plain value stays one, an error is thrown as it was, a promise stays the
 * same object, a lazy thenable (a query builder) is not started before its user awaits it, and a rejection that nobody
 * handles stays one.
 */
import { isNode } from '../runtime/platform.ts'

/** Called once or more; the first counts. */
export type Settle = (failed: boolean, value: unknown) => void

/** Runs `call` and gives what it gives. */
export function observe<T>(call: () => T, settle: Settle): T {
  // What `then` takes: each sees the outcome and hands it to the user's own callback, where there is one.
  const onValue = (next?: unknown) => (value: unknown) => {
    settle(false, value)
    return typeof next === 'function' ? next(value) : value
  }
  const onError = (next?: unknown) => (error: unknown) => {
    settle(true, error)
    if (typeof next === 'function') return next(error)
    throw error
  }
  let result: T
  try {
    result = call()
  } catch (error) {
    return onError()(error)
  }
  try {
    const then = (result as { then?: unknown } | undefined)?.then
    if (typeof then === 'function') {
      const proto = Object.getPrototypeOf(result)
      // Of another realm, too: Next.js' sandbox of the edge has one.
      if (
        proto === Promise.prototype ||
        (Object.hasOwn(proto, 'then') && /^function then\(\) \{\s+\[native/.test(`${then}`))
      ) {
        handleWith(result as object, then.call(result, onValue(), onError()))
        return result
      }
      // Any other is its user's to start, by whichever method. Not enumerable: they must not show where the user lists the object.
      const methods: [name: string, method: (this: PromiseLike<unknown>, ...given: never[]) => unknown][] = [
        ['then', (fulfilled, rejected) => then.call(result, onValue(fulfilled), onError(rejected))],
        ['catch', (rejected) => own.then(undefined, rejected)],
        [
          'finally',
          (done: () => unknown) =>
            own.then(
              async (value) => {
                await done?.()
                return value
              },
              async (error) => {
                await done?.()
                throw error
              },
            ),
        ],
      ]
      const own = result as PromiseLike<unknown>
      for (const [name, value] of methods) {
        if (name in own) Object.defineProperty(own, name, { value, configurable: true, writable: true })
      }
      return result
    }
  } catch {
    // Frozen, or it does not let itself be read: a value like any other.
  }
  return onValue()(result)
}

/**
 * Our own look at a promise handles its rejection: where one that nobody handles ends the process, `derived` takes its
 * place until the user handles `promise`. Whoever awaits or chains a promise reads its `constructor` first (ECMAScript,
 * PromiseResolve and SpeciesConstructor); what a runtime awaits natively, as workerd does, reads nothing.
 */
function handleWith(promise: object, derived: Promise<unknown>): void {
  const handle = (): void => void derived.catch(() => {})
  if (!isNode() || !Object.isExtensible(promise)) {
    handle()
    return
  }
  const get = (): unknown => {
    Reflect.deleteProperty(promise, 'constructor')
    handle()
    return Promise
  }
  Object.defineProperty(promise, 'constructor', { get, configurable: true })
}
