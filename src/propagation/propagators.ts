/** What is read from a caller and handed on: OpenTelemetry's propagators, by default W3C Trace Context and W3C Baggage. */
import { type Context, ROOT_CONTEXT, type TextMapGetter, type TextMapPropagator } from '@opentelemetry/api'
import { guard } from '../runtime/diag.ts'
import { baggagePropagator } from './baggage.ts'
import { traceContextPropagator } from './trace-context.ts'

/** Where a caller's context stands: a request's headers, a message's body. */
export interface Carrier {
  get(name: string): string | null | undefined
  keys?(): Iterable<string>
}

/** By the names of `OTEL_PROPAGATORS`. */
export const PROPAGATORS: Readonly<Record<string, TextMapPropagator>> = {
  tracecontext: traceContextPropagator,
  baggage: baggagePropagator,
}

const GETTER: TextMapGetter<Carrier> = {
  get: (carrier, name) => carrier.get(name) ?? undefined,
  keys: (carrier) => [...(carrier.keys?.() ?? [])],
}

/** The context that a carrier gives. What a propagator of the user's throws is said, and is nothing that was read. */
export function extract(carrier: Carrier, propagators: readonly TextMapPropagator[]): Context {
  return propagators.reduce(
    (context, propagator) =>
      guard('reading the context of a caller', () => propagator.extract(context, carrier, GETTER)) ?? context,
    ROOT_CONTEXT,
  )
}

/** `context` as headers. What no header can hold is left out: a caller's payload may name it, and `new Headers` would throw. */
export function inject(context: Context, propagators: readonly TextMapPropagator[]): Record<string, string> {
  const headers: Record<string, string> = {}
  const setter = {
    set(_: unknown, name: string, value: string) {
      if (value) headers[name] = value.replace(/[^ -~]/g, '')
    },
  }
  for (const propagator of propagators) {
    guard('handing on the context', () => propagator.inject(context, headers, setter))
  }
  return headers
}
