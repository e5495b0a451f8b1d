/** The context of the running code, for whoever is called. */
import { type Context, isSpanContextValid, trace } from '@opentelemetry/api'
import { activeContext } from '../runtime/scope.ts'
import { SESSION_ID } from '../runtime/semconv.ts'
import { sessionIn } from '../session/current.ts'
import { baggageIn, baggageOf, withBaggage } from './baggage.ts'
import { inject, PROPAGATORS } from './propagators.ts'
import { traceContextPropagator } from './trace-context.ts'

/** As W3C names its headers, and what the option `propagators` adds. */
export interface TraceContext {
  traceparent: string
  tracestate?: string
  /** With `session.id`: the session that this one is part of. */
  baggage?: string
}

/**
 * The context of the active span as headers, of a call to a Durable Object for instance; undefined outside a session.
 *
 * ```ts
 * await stub.fetch(url, { headers: { ...traceContext() } })
 * ```
 */
export function traceContext(): TraceContext | undefined {
  const active = activeContext()
  return hasSpan(active) ? (headersFor(active) as unknown as TraceContext) : undefined
}

/** What no JSON that a caller sends can become, and structured clone leaves as it is. */
export type RpcContext = ReadonlyMap<string, string>
/** Tells the Map from one of the user's. */
const RPC_CONTEXT = 'agentops-edge.rpc.1'

/**
 * The same as the last argument of an RPC to an instrumented class, which takes it out again.
 *
 * ```ts
 * await stub.ask(question, rpcContext())
 * ```
 */
export function rpcContext(): RpcContext | undefined {
  const headers = traceContext()
  return headers && new Map([[RPC_CONTEXT, ''], ...Object.entries(headers)])
}

export function isRpcContext(value: unknown): value is RpcContext {
  return value instanceof Map && value.has(RPC_CONTEXT)
}

/** `traceContext` without baggage, for a message whose body is the user's. */
export function messageHeaders(): Record<string, string> | undefined {
  const active = activeContext()
  return hasSpan(active) ? inject(active, [traceContextPropagator]) : undefined
}

/** What a call in this context carries to a callee that may know. */
export function headersFor(context: Context): Record<string, string> {
  const session = sessionIn(context)
  if (!session) return inject(context, Object.values(PROPAGATORS))
  const baggage = baggageIn(context) ?? baggageOf(new Map())
  const named = baggage.setEntry(SESSION_ID, { value: session.groupId ?? session.id })
  return inject(withBaggage(context, named), session.config.propagators)
}

function hasSpan(context: Context): boolean {
  const span = trace.getSpanContext(context)
  return !!span && isSpanContextValid(span)
}
