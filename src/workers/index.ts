/**
 * Cloudflare Workers: `instrument` wraps a Worker's handlers. Nothing of the platform is proxied; `this`, `env` and
 * `ctx` reach the handler as they are. The types are structural, so that a project with `wrangler types` and one with
 * `@cloudflare/workers-types` both keep their own.
 */
import { guard } from '../diag.ts'
import { configReader } from '../http/per-environment.ts'
import { openRequestSession, prepare } from '../http/request-session.ts'
import type { AgentOpsOptions, Environment } from '../options.ts'
import { currentSession } from '../session/scope.ts'

/** What started the handler. */
export type Trigger = { kind: 'fetch'; request: Request }

/** The `Env` of a handler's type. */
export type EnvOf<Handler> = Handler extends { fetch?: (request: never, env: infer Env, ctx: never) => unknown }
  ? Env
  : unknown

interface ExecutionContextLike {
  waitUntil(promise: Promise<unknown>): void
}

type Fetch = (
  request: Request,
  env: unknown,
  ctx: ExecutionContextLike,
  ...rest: unknown[]
) => Response | Promise<Response>

/** The handlers that a Worker's default export may have. */
const HANDLERS = ['fetch', 'scheduled', 'queue', 'email', 'tail', 'tailStream', 'trace', 'test', 'connect']

/**
 * Wraps a Worker's `fetch`: a session per request, ended when the response's body has ended and flushed through the
 * original `ctx.waitUntil`. Other handlers are handed on as they are. Options not given come from `env`.
 *
 * ```ts
 * export default instrument<ExportedHandler<Env>>({
 *   async fetch(request, env, ctx) {
 *     return tool('hello', () => new Response('hello'))
 *   },
 * })
 * ```
 */
export function instrument<Handler extends object>(
  handler: Handler,
  options?: AgentOpsOptions | ((env: EnvOf<Handler>, trigger: Trigger) => AgentOpsOptions),
): Handler {
  const handlers = handler as Record<string, unknown>
  const wrapped: Record<string, unknown> = { ...handlers }
  for (const name of HANDLERS) {
    // Also those of a class instance, with `this` as it was.
    const original = handlers[name]
    if (typeof original === 'function') wrapped[name] = original.bind(handler)
  }
  if (typeof handlers.fetch === 'function') wrapped.fetch = instrumentFetch(wrapped.fetch as Fetch, options as never)
  return wrapped as Handler
}

function instrumentFetch(
  fetch: Fetch,
  options?: AgentOpsOptions | ((env: unknown, trigger: Trigger) => AgentOpsOptions),
): Fetch {
  const optionsOf = typeof options === 'function' ? ({ env, trigger }: Call) => options(env, trigger) : options
  const configOf = configReader<Call>(optionsOf)
  return async (request, env, ctx, ...rest) => {
    await prepare()
    const call = (): Response | Promise<Response> => fetch(request, env, ctx, ...rest)
    // Wrapped twice, or called by itself with the same context: still the same request.
    if (currentSession(ctx)?.state === 'running') return call()
    const opened = guard('opening a session', () => {
      const config = configOf(env as Environment, { env, trigger: { kind: 'fetch', request } })
      return openRequestSession(config, request, { execution: ctx })
    })
    if (!opened) return call()
    let response: Response
    try {
      response = await opened.run(call)
    } catch (error) {
      opened.fail(error)
      throw error
    }
    return guard('ending a session', () => opened.finish(response)) ?? response
  }
}

interface Call {
  env: unknown
  trigger: Trigger
}
