/** The context of the running code, for whoever is called. */
import { type Context, isSpanContextValid, propagation, trace } from '@opentelemetry/api'
import { activeContext } from '../runtime/scope.ts'
import { SESSION_ID } from '../runtime/semconv.ts'
import { sessionIn } from '../session/current.ts'
import { inject, PROPAGATORS, traceContextPropagator } from './propagators.ts'

/** As W3C names its headers, and what the option `propagators` adds; plain data, which structured clone and JSON take. */
export interface TraceContext {
  traceparent: string
  tracestate?: string
  /** With `session.id`: the session that this one is part of. */
  baggage?: string
}

/**
 * The context of the active span; undefined outside a session. As headers of a call to a Durable Object, or as the last
 * argument of an RPC to an instrumented class, which takes it out again.
 *
 * ```ts
 * await stub.fetch(url, { headers: { ...traceContext() } })
 * await stub.ask(question, traceContext())
 * ```
 */
export function traceContext(): TraceContext | undefined {
  const active = activeContext()
  return hasSpan(active) ? (headersFor(active) as unknown as TraceContext) : undefined
}

/** The same without baggage, for a message whose body is the user's. */
export function messageHeaders(): Record<string, string> | undefined {
  const active = activeContext()
  return hasSpan(active) ? inject(active, [traceContextPropagator]) : undefined
}

/** What a call in this context carries to a callee that may know. */
export function headersFor(context: Context): Record<string, string> {
  const session = sessionIn(context)
  if (!session) return inject(context, Object.values(PROPAGATORS))
  const baggage = propagation.getBaggage(context) ?? propagation.createBaggage()
  const named = baggage.setEntry(SESSION_ID, { value: session.groupId ?? session.id })
  return inject(propagation.setBaggage(context, named), session.config.propagators)
}

function hasSpan(context: Context): boolean {
  const span = trace.getSpanContext(context)
  return !!span && isSpanContextValid(span)
}
