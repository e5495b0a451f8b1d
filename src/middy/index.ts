/** Middleware for middy: a session for each invocation. @module */

import { type LambdaInvocation, lambdaOpener } from '../lambda/invocation.ts'
import type { LambdaOptionsOf } from '../lambda/options.ts'
import type { LambdaContextLike } from '../lambda/types.ts'
import { guard } from '../runtime/diag.ts'
import { currentSession } from '../session/current.ts'
import { enterSession } from '../session/scope.ts'

export type { LambdaOptions, LambdaOptionsOf } from '../lambda/options.ts'

/** What is needed of middy's request. */
interface MiddyRequest {
  event: unknown
  context: LambdaContextLike
  response?: unknown
  error?: unknown
}

/** What `agentopsMiddleware()` gives to `middy().use(…)`. */
export interface AgentOpsMiddleware {
  // biome-ignore lint/suspicious/noExplicitAny: middy's own request has the types of its handler
  before(request: any): undefined
  // biome-ignore lint/suspicious/noExplicitAny: as above
  after(request: any): Promise<undefined>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  onError(request: any): Promise<undefined>
}

/**
 * Opens a session for each invocation and delivers it before the response goes, also where another middleware returns
 * early. Use it first. A streamed response ends after middy's hooks: wrap the whole with `withAgentOps` there.
 *
 * ```ts
 * export const handler = middy().use(agentopsMiddleware()).handler(async (event) => work(event))
 * ```
 */
export function agentopsMiddleware(options?: LambdaOptionsOf): AgentOpsMiddleware {
  const open = lambdaOpener(options)
  const running: WeakMap<MiddyRequest, { opened: LambdaInvocation; leave(): void }> = new WeakMap()
  const finish = async (
    request: MiddyRequest,
    end: (opened: LambdaInvocation) => Promise<void>,
  ): Promise<undefined> => {
    const { opened, leave } = running.get(request) ?? {}
    running.delete(request)
    if (opened) await end(opened)
    // The runtime's next invocation may be part of the same flow.
    leave?.()
  }
  return {
    // Not async: what it enters is entered for its caller.
    before(request: MiddyRequest): undefined {
      if (guard('finding the session', () => currentSession(request.context))?.state === 'running') return
      const opened = open(request.event, request.context)
      if (!opened) return
      running.set(request, { opened, leave: enterSession(opened.session) })
      guard('watching for early responses', () =>
        onEarlyResponse(request, (value) =>
          running.has(request) ? finish(request, (opened) => opened.end(value)) : undefined,
        ),
      )
    },
    after: (request: MiddyRequest) => finish(request, (opened) => opened.end(request.response)),
    onError: (request: MiddyRequest) => finish(request, (opened) => opened.fail(request.error, request.response)),
  }
}

/**
 * middy calls nobody after a middleware that returned early: it sets `response` while `earlyResponse` is there, and returns
 * what `response` is then. A promise is returned as what it resolves to, so that the delivery is waited for.
 */
function onEarlyResponse(request: MiddyRequest, end: (value: unknown) => Promise<unknown> | undefined): void {
  let response = request.response
  Object.defineProperty(request, 'response', {
    configurable: true,
    enumerable: true,
    get: () => response,
    set(value) {
      const ending = 'earlyResponse' in request ? end(value) : undefined
      response = ending ? ending.then(() => value) : value
    },
  })
}
