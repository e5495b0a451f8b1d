/**
 * Hono middleware: a session per request, ended with the response.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { findTargetHandler, isMiddleware } from 'hono/utils/handler'
import { configReader } from '../http/config-reader.ts'
import { nameByRoute, openRequestSession } from '../http/request-session.ts'
import { MARGIN_MS, prepare } from '../lifetime/invocation.ts'
import type { Platform } from '../lifetime/platform.ts'
import { serverPlatform } from '../lifetime/platform.ts'
import type { AgentOpsOptions, Environment } from '../options/options.ts'
import { guard } from '../runtime/diag.ts'
import { currentSession, enclosingSession, setOwner } from '../session/current.ts'
import type { Session } from '../session/session.ts'

/** What the middleware sets on Hono's context: `c.var.agentops`, without a cast. */
export interface AgentOpsVariables {
  /** The session of this request. */
  agentops: Session
}

declare module 'hono' {
  interface ContextVariableMap extends AgentOpsVariables {}
}

/**
 * Opens a session for each request and ends it when the response's body has ended: Success, or Fail when the handler
 * threw or answered 500 and above. Options not given come from `c.env` and the process environment.
 *
 * ```ts
 * const app = new Hono()
 * app.use(agentops())
 * app.get('/ask', (c) => c.json(c.var.agentops.tool('search', () => ['cats'])))
 * ```
 */
export function agentops(options?: AgentOpsOptions | ((c: Context) => AgentOpsOptions)): MiddlewareHandler {
  const configOf = configReader(options)
  return async function agentops(c, next) {
    await prepare()
    const request = c.req.raw
    const platform = platformOf(c)
    const { execution, owner } = platform
    // A wrapped Worker, or this middleware further out, has opened the session already.
    const shared = enclosingSession(request, execution ?? owner) ?? mountedIn(c, execution ?? owner)
    if (shared) {
      c.set('agentops', shared)
      environments.set(shared, c.env)
      guard('naming the session', () => nameByRoute(shared, request, routeOf(c)))
      return next()
    }
    const opened = guard('opening a session', () => {
      return openRequestSession(configOf(c.env as Environment, c), request, { ...platform, route: routeOf(c) })
    })
    if (!opened) return next()
    setOwner(owner, opened.session)
    environments.set(opened.session, c.env)
    c.set('agentops', opened.session)
    try {
      await opened.run(next)
    } catch (error) {
      // Hono turns errors into responses; only what is no Error comes through.
      opened.fail(error)
      if (opened.toAwait) await opened.toAwait
      throw error
    }
    guard('ending a session', () => {
      // Reading `c.res` would make a response where no handler made one.
      if (!c.finalized) return void opened.fail(new TypeError('the handler returned no Response'))
      if (c.error && c.res.status >= 500) opened.session.fail(c.error)
      const response = opened.finish(c.res)
      if (response === c.res) return
      // Hono merges the headers of the old response into a new one; the new one has them already.
      c.res = undefined
      c.res = response
    })
    if (opened.toAwait) await opened.toAwait
  }
}

/** What the app of a session was called with. */
const environments: WeakMap<Session, unknown> = new WeakMap()

/**
 * The session around an app that is mounted in another: it is given a Request of its own and, where the platform has no
 * execution context, nothing but the outer app's environment.
 */
function mountedIn(c: Context, context: object | undefined): Session | undefined {
  const around = context ? undefined : currentSession()
  const isInside = around?.state === 'running' && environments.has(around) && environments.get(around) === c.env
  return isInside ? around : undefined
}

/** The pattern of the handler that will answer, not of the middleware before it; undefined where no handler matched. */
function routeOf(c: Context): string | undefined {
  // `app.use` is listed as `ALL`, like `app.all`; that middleware takes `next` and a handler does not is Hono's own rule.
  // The routes of an app that is of another copy of Hono, as a bundle may have two, are not to be found.
  const routes = guard("Hono's route", () => matchedRoutes(c)) ?? []
  const answering = routes.find(({ handler }) => !isMiddleware(findTargetHandler(handler)))
  return (answering ?? routes.findLast(({ method }) => method !== 'ALL'))?.path
}

interface HonoPlatform extends Platform {
  /** What names the invocation, where it is no execution context. */
  owner?: object
}

/** What is needed of Lambda's context, which `hono/aws-lambda` puts into `c.env`. */
interface LambdaContext {
  awsRequestId?: unknown
  getRemainingTimeInMillis?(): number
}

/** Hono's getter throws where there is none. A Durable Object's is shared by all its requests. */
function platformOf(c: Context): HonoPlatform {
  try {
    return { execution: c.executionCtx, shared: 'storage' in c.executionCtx }
  } catch {
    const { lambdaContext, context = lambdaContext } = (c.env ?? {}) as Record<string, LambdaContext | undefined>
    if (!context?.awsRequestId) return serverPlatform()
    // Lambda freezes the process with the end of the response, unless `withAgentOps` is around the handler.
    const left = context.getRemainingTimeInMillis?.() ?? Number.POSITIVE_INFINITY
    return { owner: context, awaited: true, endBy: Date.now() + left - MARGIN_MS }
  }
}
