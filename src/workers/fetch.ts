/** A Worker's `fetch`: a session a request, ended when the response's body has ended. */
import { type Answer, answer } from '../http/answer.ts'
import { openRequestSession } from '../http/request-session.ts'
import { prepare } from '../lifetime/invocation.ts'
import type { Execution } from '../lifetime/wait-until.ts'
import { enclosingSession } from '../session/current.ts'
import type { ReadConfig } from './handler.ts'

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
