/**
 * Vercel's edge and Node functions, Next.js' route handlers and middleware, and any server that is a `fetch`: a session a
 * request, delivered through the platform's `waitUntil`.
 *
 * @module
 */

import { observe } from '../events/observe.ts'
import { answer } from '../http/answer.ts'
import { configReader } from '../http/config-reader.ts'
import { openRequestSession } from '../http/request-session.ts'
import { prepare } from '../lifetime/invocation.ts'
import { serverEnvironment } from '../lifetime/platform.ts'
import type { Config } from '../options/config.ts'
import { type AgentOpsOptions, perRequest } from '../options/options.ts'
import { readConfig } from '../options/read.ts'
import { guard } from '../runtime/diag.ts'
import { SERVER } from '../runtime/otel.ts'
import { HTTP_STATUS } from '../runtime/semconv.ts'
import { type AnyFunction as Handler, withMethods, wrapperOf } from '../runtime/wrapper.ts'
import { currentSession, setOwner } from '../session/current.ts'
import type { Session } from '../session/session.ts'
import { registerNext } from './next.ts'
import type { NextOptions } from './next-options.ts'
import { defaults, nextPage, outerTrace, outsideNext, setDefaults } from './next-page.ts'
import { fail as failSession } from './next-spans.ts'
import { isNodeResponse, openNodeSession, requestFrom } from './node.ts'
import { platformOf } from './platform-of.ts'
import { vercelResource } from './resource.ts'

export type { NextOptions } from './next-options.ts'

/** Options, or a function of the request that gives them. One that throws is said, and the defaults are used. */
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
  const optionsOf = (request: Request): AgentOpsOptions => ({
    ...defaults(),
    ...(typeof options === 'function' ? options(request) : options),
  })
  const configOf = configReader<Request>(optionsOf, () => vercelResource(serverEnvironment()))
  const open = (request: Request): Config => outsideNext(configOf(serverEnvironment(), request))
  const handle = (self: unknown, args: unknown[]): unknown => {
    const call = (): unknown => handler.apply(owner ?? self, args)
    const [first, second, third] = args as [Request, unknown, unknown]
    const response = isNodeResponse(second) ? second : undefined
    const asked = (): Request => (response ? requestFrom(first as never) : first)
    const { isStatic, route } = guard('the route', () => nextPage(first, second)) ?? {}
    // Next.js' own span, a wrapper further out or a middleware has opened the session of this request.
    const shared = guard('finding the session', () => currentSession(first) ?? requestSession())
    if (shared?.state === 'running') {
      // Whoever looks at the request of a page that is rendered for all makes it one of each request.
      if (options && !(isStatic && typeof options === 'function')) guard('options', () => say(shared, options, asked))
      return observe(call, (failed, value) => {
        guard('the status', () => {
          if (failed) return shared.fail(value)
          const { status } = (value ?? {}) as Partial<Response>
          if (typeof status === 'number') shared.root.setAttribute(HTTP_STATUS, status)
        })
      })
    }
    if (isStatic) return call()
    const platform = guard('the platform', () => platformOf(second, third)) ?? {}
    const init = currentSession() ? undefined : guard('an outer trace', outerTrace)
    if (response) {
      const opened = guard('opening a session', () => {
        const request = asked()
        return openNodeSession(open(request), request, response, platform, { ...init, route })
      })
      if (!opened) return call()
      return observe(
        () => opened.run(call),
        (failed, error) => void (failed && opened.session.fail(error)),
      )
    }
    return answer(
      () => openRequestSession(open(first), first, { ...platform, route, init }),
      (session) => {
        if (session)
          guard('the second argument', () => Object(second) === second && setOwner(second as object, session))
        return call() as Promise<Response>
      },
    )
  }
  return wrapperOf(handler, (self, args) => {
    // Where the storage has to be imported, a function that answers at once does so later, until it is here.
    const waiting = prepare()
    return waiting ? waiting.then(() => handle(self, args)) : handle(self, args)
  })
}

/** What the options of a handler inside say of a session that exists already. */
function say(session: Session, options: VercelOptionsOf, asked: () => Request): void {
  const request = asked()
  const { name, tags, sessionId, attributes } = typeof options === 'function' ? options(request) : options
  const configured = perRequest(name, request)
  const conversation = perRequest(sessionId, request)
  if (configured) session.rename(configured, {})
  if (conversation) session.setConversation(conversation)
  session.addTags(perRequest(tags, request) ?? [])
  session.attributes = { ...session.attributes, ...perRequest(attributes, request) }
}

/** The running session, if it is a request's: one that was started beside the server is not for all who ask it. */
function requestSession(): Session | undefined {
  const session = currentSession()
  return (session?.root as { kind?: number } | undefined)?.kind === SERVER ? session : undefined
}

/**
 * For `register` in Next.js' `instrumentation.ts`: each request is a session from its first span on, whatever serves it:
 * a page, a route handler, an action, an API route, the proxy. The options are the defaults of `withAgentOps`. It yields
 * to an SDK that registered first (`@vercel/otel`, Sentry), and says so.
 *
 * ```ts
 * export function register() {
 *   registerAgentOps({ serviceName: 'desk' })
 * }
 * ```
 */
export function registerAgentOps({ ignore, nextSpans, ...options }: NextOptions = {}): void {
  let config: Config | undefined
  guard('registering', () => {
    setDefaults(options)
    registerNext({
      ignore,
      nextSpans,
      config() {
        const env = serverEnvironment()
        config ??= outsideNext(readConfig(options, env, undefined, undefined, vercelResource(env)))
        return config
      },
    })
  })
}

/**
 * For `instrumentation.ts` of Next.js, beside `register`: errors of Pages API routes, which Next.js puts on no span.
 *
 * ```ts
 * export { onRequestError } from 'agentops-edge/vercel'
 * ```
 */
export function onRequestError(error: unknown): void {
  guard('an error', () => {
    const session = currentSession()
    if (session) failSession(session, error)
  })
}
