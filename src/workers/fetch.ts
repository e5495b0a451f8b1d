/** A Worker's `fetch`: a session a request, ended when the response's body has ended. */
import { guard } from '../diag.ts'
import { openRequestSession, type RequestSession } from '../http/request-session.ts'
import { prepare } from '../lifetime/invocation.ts'
import type { Execution } from '../lifetime/wait-until.ts'
import { enclosingSession } from '../session/scope.ts'
import type { Session } from '../session/session.ts'
import type { ReadConfig } from './handler.ts'

type Answer = Response | Promise<Response>
type Fetch = (request: Request, env: unknown, ctx: Execution, ...rest: unknown[]) => Answer

export function instrumentFetch(fetch: Fetch, configOf: ReadConfig): Fetch {
  return async (request, env, ctx, ...rest) => {
    await prepare()
    const call = (): Answer => fetch(request, env, ctx, ...rest)
    // Wrapped twice, or called by itself with the same context: still the same request.
    if (enclosingSession(request, ctx)) return call()
    return answer(
      () => openRequestSession(configOf(env, { kind: 'fetch', request }), request, { execution: ctx }),
      call,
    )
  }
}

/** Runs what answers a request in the session of the request; without one where none can be opened. */
export async function answer(open: () => RequestSession, call: (session?: Session) => Answer): Promise<Response> {
  const opened = guard('opening a session', open)
  if (!opened) return call()
  let response: Response
  try {
    response = await opened.run(() => call(opened.session))
  } catch (error) {
    opened.fail(error)
    throw error
  }
  return guard('ending a session', () => opened.finish(response)) ?? response
}
