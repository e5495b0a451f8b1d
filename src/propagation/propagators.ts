/**
 * What is read from a caller and handed on: OpenTelemetry's propagators, by default W3C Trace Context (Level 1, and Level
 * 2's random flag) and W3C Baggage.
 */
import { type Context, ROOT_CONTEXT, type TextMapGetter, type TextMapPropagator } from '@opentelemetry/api'
import { W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import { guard } from '../runtime/diag.ts'

/** Where a caller's context stands: a request's headers, a message's body. */
export interface Carrier {
  get(name: string): string | null | undefined
  keys?(): Iterable<string>
}

export const traceContextPropagator: TextMapPropagator = /* @__PURE__ */ new W3CTraceContextPropagator()
/** By the names of `OTEL_PROPAGATORS`. */
export const PROPAGATORS: Readonly<Record<string, TextMapPropagator>> = {
  tracecontext: traceContextPropagator,
  baggage: /* @__PURE__ */ new W3CBaggagePropagator(),
}

/** W3C Trace Context, section 3.3.1: a key, of one tenant of a vendor's or not, and a value. */
const MEMBER =
  /^([a-z0-9][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[ -+\--<>-~]{0,255}[!-+\--<>-~]$/
const MAX_MEMBERS = 32

const GETTER: TextMapGetter<Carrier> = {
  get(carrier, name) {
    const value = carrier.get(name) ?? undefined
    return name === 'tracestate' ? wellFormed(value) : value
  },
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

/** `context` as headers. */
export function inject(context: Context, propagators: readonly TextMapPropagator[]): Record<string, string> {
  const headers: Record<string, string> = {}
  const setter = {
    set(_: unknown, name: string, value: string) {
      if (value) headers[name] = value
    },
  }
  for (const propagator of propagators) {
    guard('handing on the context', () => propagator.inject(context, headers, setter))
  }
  return headers
}

/** A `tracestate` of which one member is wrong, or there twice, or one too many, is discarded as a whole. */
function wellFormed(state: string | undefined): string | undefined {
  const members = (state ?? '')
    .split(',')
    .map((member) => member.trim())
    .filter(Boolean)
  const keys = new Set(members.map((member) => member.split('=', 1)[0]))
  const valid = keys.size === members.length && keys.size <= MAX_MEMBERS && members.every((one) => MEMBER.test(one))
  return valid ? members.join() : undefined
}
