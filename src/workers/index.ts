/**
 * Cloudflare Workers: `instrument` wraps a Worker's handlers. Nothing of the platform is proxied; `this`, `env` and
 * `ctx` reach the handler as they are.
 *
 * @module
 */
import { warn } from '../runtime/diag.ts'
import { type AnyFunction, withMethods, wrapperOf } from '../runtime/wrapper.ts'
import { configOf, type OptionsOf } from './handler.ts'
import { HANDLERS } from './handlers.ts'

export { messageContext, sendTraced, tracedBody } from '../propagation/message.ts'
export { type RpcContext, rpcContext, type TraceContext, traceContext } from '../propagation/outbound.ts'
export { type TraceRoute, traceRoute } from './agents.ts'
export { type EnvOfClass, instrumentDurableObject, instrumentEntrypoint } from './classes.ts'
export { instrumentPages } from './pages.ts'
export type { Trigger } from './trigger.ts'
export { waitUntil } from './wait-until.ts'
export { instrumentWorkflow } from './workflow.ts'

/** The `Env` of a handler's type. */
export type EnvOf<Handler> = Handler extends {
  [Name in 'fetch' | 'scheduled' | 'queue' | 'email' | 'tail']?: (input: never, env: infer Env, ctx: never) => unknown
}
  ? Env
  : unknown

/**
 * Wraps a Worker's handlers: a session for each request, run of a cron trigger, batch of a queue, email and tail. A
 * request's ends when the response's body has ended, the others with their handler; all wait for what `ctx.waitUntil` was
 * given, and are flushed through the original one. Any other handler is handed on as it is. Options not given come
 * from `env`.
 *
 * ```ts
 * export default instrument<ExportedHandler<Env>>({
 *   async fetch(request, env, ctx) {
 *     return tool('hello', () => new Response('hello'))
 *   },
 * })
 * ```
 */
export function instrument<Handler extends object>(handler: Handler, options?: OptionsOf<EnvOf<Handler>>): Handler {
  if (typeof handler === 'function') {
    warn(
      'instrument: expected an object of handlers, got a class or a function; it is handed on as it is. instrumentEntrypoint and instrumentDurableObject take classes',
    )
    return handler
  }
  const methods: Record<string, unknown> = {}
  const readConfig = configOf(options as OptionsOf)
  for (const [name, wrap] of Object.entries(HANDLERS)) {
    // Also those of a class's prototype, with `this` as it was.
    const original = (handler as Record<string, unknown>)[name]
    if (typeof original !== 'function') continue
    const bound = original.bind(handler)
    const handle = wrap?.(bound, readConfig) ?? bound
    methods[name] = wrapperOf(original as AnyFunction, (_, args) => handle(...args))
  }
  return withMethods(handler, methods)
}
