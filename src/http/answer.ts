/** A handler that answers a request, in the session of the request. */
import { guard } from '../runtime/diag.ts'
import type { Session } from '../session/session.ts'
import type { RequestSession } from './request-session.ts'

export type Answer = Response | Promise<Response>

/**
 * Runs what answers a request in the session of the request; without one where none can be opened. What answers at once
 * does so still, but where the platform freezes with the response.
 */
export function answer(open: () => RequestSession, call: (session?: Session) => Answer): Answer {
  const opened = guard('opening a session', open)
  if (!opened) return call()
  const finish = (response: Response): Answer => {
    const answered = guard('ending a session', () => opened.finish(response)) ?? response
    return opened.toAwait ? opened.toAwait.then(() => answered) : answered
  }
  const fail = (error: unknown): Promise<never> => {
    opened.fail(error)
    if (!opened.toAwait) throw error
    return opened.toAwait.then(() => Promise.reject(error))
  }
  try {
    const result = opened.run(() => call(opened.session))
    return isThenable(result) ? Promise.resolve(result).then(finish, fail) : finish(result)
  } catch (error) {
    return fail(error)
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
}
