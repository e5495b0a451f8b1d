/** Durable Objects and entrypoints: what calls them is a session. */
import type { Attributes } from '@opentelemetry/api'
import { answer } from '../http/answer.ts'
import { openRequestSession } from '../http/request-session.ts'
import { invoke, openInvocation } from '../lifetime/invocation.ts'
import { carrierIn, isPlain, readInbound } from '../propagation/inbound.ts'
import { SERVER } from '../runtime/otel.ts'
import * as key from '../runtime/semconv.ts'
import { configOf, type Handle, type OptionsOf, type ReadConfig } from './handler.ts'
import { HANDLERS } from './handlers.ts'
import { canTell, derive, type Made, type Method, type PlatformClass } from './methods.ts'
import type { Trigger } from './trigger.ts'

/** The `Env` of a class. */
export type EnvOfClass<Class> = Class extends new (ctx: never, env: infer Env) => object ? Env : unknown

type Kind = Exclude<Extract<Trigger, { method: string }>['kind'], 'rpc'>

/** What the platform calls on a Durable Object, and what of its arguments says something about the event. */
const EVENTS: Record<Kind, (args: unknown[]) => Attributes> = {
  alarm: ([info]) => ({
    [key.FAAS_TRIGGER]: 'timer',
    [key.ALARM_RETRY_COUNT]: (info as { retryCount?: number } | undefined)?.retryCount,
  }),
  webSocketMessage: ([, message]) => {
    const { length, byteLength } = Object(message) as { length?: number; byteLength?: number }
    return {
      [key.WEBSOCKET_TYPE]: typeof message === 'string' ? 'text' : 'binary',
      [key.WEBSOCKET_SIZE]: byteLength ?? length,
    }
  },
  webSocketClose: ([, code, , wasClean]) => ({
    [key.WEBSOCKET_CODE]: code as number,
    [key.WEBSOCKET_CLEAN]: wasClean as boolean,
  }),
  webSocketError: () => ({}),
}

/**
 * Wraps a Durable Object: `fetch`, `alarm`, the handlers of hibernating WebSockets and each RPC method of the class itself
 * (not of those that it extends) that is called from outside are a session each; what the object calls on itself is part of the running one. Also for an `Agent` of
 * Cloudflare's Agents SDK. Gives a subclass of the same name; nothing of the platform is proxied. RPC methods need
 * AsyncLocalStorage (`nodejs_als` or `nodejs_compat`).
 *
 * ```ts
 * export const Desk = instrumentDurableObject(class Desk extends DurableObject<Env> { … })
 * ```
 */
export function instrumentDurableObject<Class extends PlatformClass>(
  Class: Class,
  options?: OptionsOf<EnvOfClass<Class>>,
): Class {
  const readConfig = configOf(options as OptionsOf)
  return derive(Class, ['fetch', ...Object.keys(EVENTS)], (name, method) => {
    if (name === 'fetch') return fetching(method, readConfig)
    return calling(Class.name, name, method, readConfig, true)
  })
}

/**
 * Wraps a `WorkerEntrypoint`: `fetch`, the Worker's other handlers and each RPC method that is called from outside are a
 * session each. As for `instrumentDurableObject`.
 */
export function instrumentEntrypoint<Class extends PlatformClass>(
  Class: Class,
  options?: OptionsOf<EnvOfClass<Class>>,
): Class {
  const readConfig = configOf(options as OptionsOf)
  return derive(Class, Object.keys(HANDLERS), (name, method) => {
    if (!Object.hasOwn(HANDLERS, name)) return calling(Class.name, name, method, readConfig, false)
    const wrap = HANDLERS[name]
    if (!wrap) return undefined
    return ({ ctx, env }, target, [input, ...more]) => {
      const handle: Handle<unknown> = (given, _env, _ctx, ...rest) => method.call(target, given, ...rest)
      return wrap(handle, readConfig)(input, env, ctx, ...more)
    }
  })
}

function fetching(method: Method, readConfig: ReadConfig) {
  return ({ ctx, env }: Made, target: object, args: unknown[]): unknown => {
    const request = args[0] as Request
    const open = (): ReturnType<typeof openRequestSession> =>
      openRequestSession(readConfig(env, { kind: 'fetch', request }), request, { execution: ctx, shared: true })
    return answer(open, () => method.apply(target, args) as Response)
  }
}

function calling(service: string, name: string, method: Method, readConfig: ReadConfig, shared: boolean) {
  const describe = shared && Object.hasOwn(EVENTS, name) ? EVENTS[name as Kind] : undefined
  return ({ ctx, env }: Made, target: object, given: unknown[]): unknown => {
    if (!describe && !canTell()) return method.apply(target, given)
    const [args, caller] = describe ? [given, undefined] : takeCaller(given)
    const open = (): ReturnType<typeof openInvocation> => {
      const kind = describe ? (name as Kind) : 'rpc'
      const config = readConfig(env, { kind, method: name, target })
      const rpc = { [key.RPC_SYSTEM]: 'cloudflare_workers', [key.RPC_SERVICE]: service, [key.RPC_METHOD]: name }
      return openInvocation(
        config,
        {
          name: `${service}.${name}`,
          kind: SERVER,
          rootAttributes: describe ? describe(args) : rpc,
          ...readInbound(carrierIn(caller ?? {}), config),
        },
        { execution: ctx, shared },
      )
    }
    return invoke(open, () => method.apply(target, args))
  }
}

/** What W3C's propagators write, and those of B3 and X-Ray. */
const CONTEXT_FIELD = /^(traceparent|tracestate|baggage|b3|x-[\w-]+)$/i

/** A caller's trace context (see `traceContext`) is the last argument, and not the method's. */
function takeCaller(args: unknown[]): [args: unknown[], caller?: Record<string, unknown>] {
  const last = args.at(-1)
  const isCaller = isPlain(last) && 'traceparent' in last && Object.keys(last).every((name) => CONTEXT_FIELD.test(name))
  return isCaller ? [args.slice(0, -1), last] : [args]
}
