/** A handler that answers a request, in the session of the request. */
import { guard } from '../runtime/diag.ts'
import type { Session } from '../session/session.ts'
import type { RequestSession } from './request-session.ts'

export type Answer = Response | Promise<Response>

/** Runs what answers a request in the session of the request; without one where none can be opened. */
export async function answer(open: () => RequestSession, call: (session?: Session) => Answer): Promise<Response> {
  const opened = guard('opening a session', open)
  if (!opened) return call()
  let response: Response
  try {
    response = await opened.run(() => call(opened.session))
  } catch (error) {
    opened.fail(error)
    if (opened.toAwait) await opened.toAwait
    throw error
  }
  const answered = guard('ending a session', () => opened.finish(response)) ?? response
  if (opened.toAwait) await opened.toAwait
  return answered
}
