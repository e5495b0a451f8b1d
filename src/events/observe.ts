/**
 * Sees how a call ends without changing it: a plain value stays one, an error is thrown as it was, a promise of the
 * user's own class stays the same object, a lazy thenable (a query builder) is not started before its user awaits it.
 */
export function observe<T>(call: () => T, settle: (failed: boolean, value: unknown) => void): T {
  let result: T
  try {
    result = call()
  } catch (error) {
    settle(true, error)
    throw error
  }
  const then = thenOf(result)
  if (!then) {
    settle(false, result)
    return result
  }
  const done = (value: unknown): unknown => {
    settle(false, value)
    return value
  }
  const failed = (error: unknown): never => {
    settle(true, error)
    throw error
  }
  // A plain promise: a rejection that nobody handles is still reported as one.
  if (Object.getPrototypeOf(result) === Promise.prototype) return then.call(result, done, failed) as T
  if (result instanceof Promise) {
    then.call(result, done, (error: unknown) => settle(true, error))
    return result
  }
  return hookThen(result, then, done, failed, settle)
}

type Then = (this: unknown, fulfilled?: unknown, rejected?: unknown) => unknown

function thenOf(value: unknown): Then | undefined {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined
  try {
    const { then } = value as { then?: unknown }
    return typeof then === 'function' ? (then as Then) : undefined
  } catch {
    return undefined
  }
}

function hookThen<T>(
  thenable: T,
  then: Then,
  done: (value: unknown) => unknown,
  failed: (error: unknown) => never,
  settle: (failed: boolean, value: unknown) => void,
): T {
  const hooked: Then = function (this: unknown, fulfilled, rejected) {
    const onValue = typeof fulfilled === 'function' ? (value: unknown) => fulfilled(done(value)) : done
    const onError =
      typeof rejected === 'function'
        ? (error: unknown) => {
            settle(true, error)
            return rejected(error)
          }
        : failed
    return then.call(this, onValue, onError)
  }
  try {
    // Not enumerable: it must not show where the user lists the object.
    Object.defineProperty(thenable, 'then', { value: hooked, configurable: true, writable: true })
  } catch {
    settle(false, undefined)
  }
  return thenable
}
