/**
 * Vercel's edge and Node functions, Next.js' route handlers and middleware, and any server that is a `fetch`: a session a
 * request, delivered through the platform's `waitUntil`.
 */

import { observe } from '../events/observe.ts'
import { answer } from '../http/answer.ts'
import { configReader } from '../http/config-reader.ts'
import { openRequestSession } from '../http/request-session.ts'
import { prepare } from '../lifetime/invocation.ts'
import type { Platform } from '../lifetime/platform.ts'
import { serverEnvironment, serverPlatform } from '../lifetime/platform.ts'
import type { Execution } from '../lifetime/wait-until.ts'
import type { Config } from '../options/config.ts'
import type { AgentOpsOptions } from '../options/options.ts'
import { readConfig } from '../options/read.ts'
import { guard } from '../runtime/diag.ts'
import { SERVER } from '../runtime/otel.ts'
import { HTTP_STATUS } from '../runtime/semconv.ts'
import { type AnyFunction as Handler, withMethods, wrapperOf } from '../runtime/wrapper.ts'
import { currentSession, setOwner } from '../session/current.ts'
import type { Session } from '../session/session.ts'
import { registerNext } from './next.ts'
import { isNodeResponse, type NodeRequest, openNodeSession } from './node.ts'
import { vercelResource } from './resource.ts'

export type VercelOptionsOf = AgentOpsOptions | ((request: Request) => AgentOpsOptions)

/**
 * Wraps a function that answers a `Request` (edge and Node functions, route handlers, middleware, an object with such a
 * `fetch`), or one of Node's `(request, response)`. Its session ends with the response's body and what `waitUntil` was
 * given. It is delivered through, in this order: the option `waitUntil`, that of the handler's second argument, Vercel's,
 * Next.js'; on a server that lives on in the background; on Vercel without any of them before the response ends.
 *
 * ```ts
 * export const POST = withAgentOps(async (request: Request) => {
 *   return Response.json(await tool('search', () => search(request)))
 * })
 * ```
 */
export function withAgentOps<Given extends Handler | { fetch: Handler }>(
  given: Given,
  options?: VercelOptionsOf,
): Given {
  if (typeof given === 'function') return wrap(given, options) as Given
  const { fetch } = given
  return withMethods(given, { fetch: wrap(fetch, options, given) }) as Given
}

/** `owner`: the object whose method it is. */
function wrap<Fn extends Handler>(handler: Fn, options: VercelOptionsOf | undefined, owner?: object): Fn {
  const configOf = configReader<Request>(options as never, () => vercelResource(serverEnvironment()))
  const handle = (self: unknown, args: unknown[]): unknown => {
    const call = (): unknown => handler.apply(owner ?? self, args)
    const [request, second] = args as [Request, unknown]
    // Next.js' own span, a wrapper further out or a middleware has opened the session of this request.
    const shared = guard('finding the session', () => currentSession(request) ?? requestSession())
    if (shared?.state === 'running') {
      return observe(call, (_, response) => {
        guard('the status', () => {
          const { status } = (response ?? {}) as Partial<Response>
          if (typeof status === 'number') shared.root.setAttribute(HTTP_STATUS, status)
        })
      })
    }
    const platform = guard('the platform', () => platformOf(second)) ?? {}
    if (isNodeResponse(second)) {
      const node = request as unknown as NodeRequest
      const opened = guard('opening a session', () =>
        openNodeSession(configOf(serverEnvironment(), request), node, second, platform),
      )
      if (!opened) return call()
      return observe(
        () => opened.run(call),
        (failed, error) => void (failed && opened.session.fail(error)),
      )
    }
    const open = (): ReturnType<typeof openRequestSession> =>
      openRequestSession(configOf(serverEnvironment(), request), request, platform)
    return answer(open, (session) => {
      if (session) guard('the second argument', () => Object(second) === second && setOwner(second as object, session))
      return call() as Promise<Response>
    })
  }
  return wrapperOf(handler, (self, args) => {
    // Where the storage has to be imported, a function that answers at once does so later, until it is here.
    const waiting = prepare()
    return waiting ? waiting.then(() => handle(self, args)) : handle(self, args)
  })
}

/** The running session, if it is a request's: one that was started beside the server is not for all who ask it. */
function requestSession(): Session | undefined {
  const session = currentSession()
  return (session?.root as { kind?: number } | undefined)?.kind === SERVER ? session : undefined
}

function platformOf(second: unknown): Platform {
  const { waitUntil } = (second ?? {}) as Partial<Execution>
  return typeof waitUntil === 'function' ? { execution: second as Execution } : serverPlatform()
}

/**
 * For `register` in Next.js' `instrumentation.ts`: each request is a session from its first span on, with Next.js' own
 * spans inside. It yields to an SDK that registered first (`@vercel/otel`: give it a `SessionSpanProcessor`).
 *
 * ```ts
 * export function register() {
 *   registerAgentOps({ serviceName: 'desk' })
 * }
 * ```
 */
export function registerAgentOps(options?: AgentOpsOptions): void {
  let config: Config | undefined
  guard('registering', () =>
    registerNext(() => {
      config ??= readConfig(options, serverEnvironment(), undefined, undefined, vercelResource(serverEnvironment()))
      return config
    }),
  )
}
