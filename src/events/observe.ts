/**
 * Sees how a call ends without changing it: a plain value stays one, an error is thrown as it was, a promise of the
 * user's own class stays the same object, a lazy thenable (a query builder) is not started before its user awaits it.
 */
export function observe<T>(call: () => T, settle: (failed: boolean, value: unknown) => void): T {
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
      if (Object.getPrototypeOf(result) === Promise.prototype) {
        // Watched from the side: the user's promise is returned, and its rejection is the user's to handle.
        then.call(result, onValue(), (error: unknown) => settle(true, error))
        return result
      }
      // Any other is its user's to start. Not enumerable: it must not show where the user lists the object.
      return Object.defineProperty(result, 'then', {
        value(this: unknown, fulfilled: unknown, rejected: unknown) {
          return then.call(this, onValue(fulfilled), onError(rejected))
        },
        configurable: true,
        writable: true,
      })
    }
  } catch {
    // Frozen, or it does not let itself be read: a value like any other.
  }
  return onValue()(result)
}
