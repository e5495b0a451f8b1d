/** Durable Objects and entrypoints: what calls them is a session. */
import type { Attributes, Context } from '@opentelemetry/api'
import { observe } from '../events/observe.ts'
import { answer } from '../http/answer.ts'
import { type BodyEnd, watchBody } from '../http/body.ts'
import { openRequestSession } from '../http/request-session.ts'
import { openInvocation } from '../lifetime/invocation.ts'
import type { Config } from '../options/config.ts'
import { carrierIn, readInbound } from '../propagation/inbound.ts'
import { isRpcContext } from '../propagation/outbound.ts'
import { sleep } from '../runtime/deadline.ts'
import { guard } from '../runtime/diag.ts'
import { SERVER } from '../runtime/otel.ts'
import { activeContext, runIn } from '../runtime/scope.ts'
import * as key from '../runtime/semconv.ts'
import type { Session } from '../session/session.ts'
import { configOf, type Handle, type OptionsOf, type ReadConfig } from './handler.ts'
import { HANDLERS } from './handlers.ts'
import { idle } from './idle.ts'
import { derive, type Method, type Outside, type PlatformClass } from './methods.ts'
import type { Trigger } from './trigger.ts'

/** The `Env` of a class. */
export type EnvOfClass<Class> = Class extends new (ctx: never, env: infer Env) => object ? Env : unknown

/** How long what a request for a socket has started may take to be heard of. */
const SOCKET_MS = 100

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
 * that is called from outside are a session each; one that it extends is one where something is recorded in it. What the
 * object calls on itself is part of the running one. Also for the agents of Cloudflare's Agents SDK. Gives a subclass of
 * the same name; nothing of the platform is proxied. RPC methods need AsyncLocalStorage (`nodejs_als` or `nodejs_compat`).
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
    if (name === 'fetch') return fetching(Class.name, method, readConfig)
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

/** Where the code of an agent's object runs, in its session; undefined where it is no agent's. */
function agentContext(session: Session, name: string, target: object): Context | undefined {
  const { cloudflareAgents } = session.config.instrumentations
  return cloudflareAgents && guard('an agent', () => cloudflareAgents.enter(session, target, name))
}

function fetching(service: string, method: Method, readConfig: ReadConfig): Outside {
  return ({ ctx, env }, target, args) => {
    const request = args[0] as Request
    const open = (): ReturnType<typeof openRequestSession> =>
      openRequestSession(readConfig(env, { kind: 'fetch', request }), request, { execution: ctx, shared: true })
    return answer(open, async (session) => {
      const inside = session && agentContext(session, service, target)
      const call = (): unknown => method.apply(target, args)
      const response = (await (inside ? runIn(inside, call) : call())) as Response
      // What came with the request for a socket begins when the socket is there.
      session?.hold(response?.status === 101 ? sleep(SOCKET_MS).then(() => idle(session)) : idle(session))
      return response
    })
  }
}

function calling(service: string, name: string, method: Method, readConfig: ReadConfig, shared: boolean): Outside {
  const describe = shared && Object.hasOwn(EVENTS, name) ? EVENTS[name as Kind] : undefined
  return ({ ctx, env }, target, given, aside) => {
    const [args, caller] = describe ? [given, undefined] : takeCaller(given)
    const own = { spans: 1 }
    const invocation = guard('opening a session', () => {
      const kind = describe ? (name as Kind) : 'rpc'
      const config = readConfig(env, { kind, method: name, target })
      const rpc = { [key.RPC_SYSTEM]: 'cloudflare_workers', [key.RPC_SERVICE]: service, [key.RPC_METHOD]: name }
      return openInvocation(
        aside ? whereUsed(config, own) : config,
        {
          name: `${service}.${name}`,
          kind: SERVER,
          rootAttributes: describe ? describe(args) : rpc,
          ...readInbound(carrierIn(caller ?? {}), config),
        },
        { execution: ctx, shared },
      )
    })
    if (!invocation) return method.apply(target, args)
    const { session } = invocation
    let body: Promise<BodyEnd> | undefined
    const watch = (value: unknown): unknown => {
      if (!(value instanceof Response)) return value
      const { workDeadlineMs } = session.config
      const watched = guard('watching the body', () =>
        watchBody(value, session, { idleMs: workDeadlineMs, onFirstByte() {} }),
      )
      body = watched?.ended.then((end) => {
        if (end.reason === 'error') session.fail(end.error)
        return end
      })
      return watched?.response ?? value
    }
    return observe(
      () =>
        invocation.run(() => {
          const inside = agentContext(session, service, target)
          if (inside) own.spans++
          const value = runIn(inside ?? activeContext(), () => method.apply(target, args))
          return value instanceof Promise ? value.then(watch) : watch(value)
        }),
      (failed, value) => {
        guard('ending a session', () => {
          // The platform goes on behind the answer.
          if (shared) session.hold(idle(session))
          if (failed) invocation.fail(value)
          else invocation.end(undefined, body)
        })
      },
    )
  }
}

/** A session that is sent only where something was recorded in it; `own` is in any case: the root, the agent itself. */
function whereUsed(config: Config, own: { spans: number }): Config {
  const { keep, onSpan } = config
  let spans = 0
  return {
    ...config,
    metrics: undefined,
    onSpan(span) {
      spans++
      onSpan?.(span)
    },
    keep: [(session) => spans > own.spans && (!keep || keep.some((one) => one(session)))],
  }
}

/** A caller's trace context (see `rpcContext`) is the last argument, and not the method's. */
function takeCaller(args: unknown[]): [args: unknown[], caller?: Record<string, unknown>] {
  const last = args.at(-1)
  return isRpcContext(last) ? [args.slice(0, -1), Object.fromEntries(last)] : [args]
}
