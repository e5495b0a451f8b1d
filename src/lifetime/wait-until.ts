/**
 * A platform's `waitUntil`: for us as it came, for the user's code one that also keeps the session open. It becomes an
 * own property of the context, once; nothing is proxied, and what fails is the platform's own answer.
 */
import { guard } from '../runtime/diag.ts'
import { currentSession } from '../session/current.ts'

export type WaitUntil = (promise: Promise<unknown>) => void

/** What is needed of a Worker's `ExecutionContext`, a Durable Object's state, a Pages or Vercel context. */
export interface Execution {
  waitUntil(promise: Promise<unknown>): void
}

type Method = (this: unknown, ...given: unknown[]) => unknown

/** What contexts had before. */
const originals: WeakMap<Execution, Method> = new WeakMap()

/** The platform's own: our flush must not hold the session that it flushes. */
export function originalWaitUntil(execution: Execution): WaitUntil {
  const original = originals.get(execution) ?? (execution.waitUntil as Method)
  return (promise) => original.call(execution, promise)
}

/** From here on what the user gives to `waitUntil` holds the running session, else the last one of this context. */
export function interceptWaitUntil(execution: Execution): void {
  if (originals.has(execution)) return
  const original = execution.waitUntil as Method
  const value: Method = function (...given) {
    // A lazy thenable (a query) would be started by each of us who looks at it.
    const kept = given.map((one) => (Object(one) === one ? Promise.resolve(one) : one))
    const result = original.apply(this, kept)
    guard('waitUntil', () => {
      // Without AsyncLocalStorage the context is all there is to tell by.
      const session = currentSession() ?? currentSession(execution)
      session?.hold(kept[0] as Promise<unknown>)
    })
    return result
  }
  Object.defineProperty(execution, 'waitUntil', { value, configurable: true, writable: true })
  originals.set(execution, original)
}
