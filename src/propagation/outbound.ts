/** The trace context of the running code, for whoever is called: W3C Trace Context. */
import { isSpanContextValid, trace } from '@opentelemetry/api'
import { activeContext } from '../session/scope.ts'

/** As W3C names its headers; plain data, which structured clone and JSON take. */
export interface TraceContext {
  traceparent: string
  tracestate?: string
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
  const context = trace.getSpanContext(activeContext())
  if (!context || !isSpanContextValid(context)) return undefined
  const flags = context.traceFlags.toString(16).padStart(2, '0')
  const tracestate = context.traceState?.serialize()
  return { traceparent: `00-${context.traceId}-${context.spanId}-${flags}`, ...(tracestate && { tracestate }) }
}
