/** What a caller's trace context means for a new session: W3C Trace Context, parsed by OpenTelemetry's own parsers. */
import { type Context, createTraceState, type Link, ROOT_CONTEXT, type SpanContext, trace } from '@opentelemetry/api'
import { parseTraceParent } from '@opentelemetry/core'
import type { Config } from '../config.ts'

/** Where `traceparent` and `tracestate` stand: a request's headers, a message's body. */
export interface Carrier {
  get(name: string): string | null | undefined
}

/** The texts among an object's own properties. */
export function carrierIn(object: Readonly<Record<string, unknown>>): Carrier {
  return {
    get(name) {
      const value = Object.hasOwn(object, name) ? object[name] : undefined
      return typeof value === 'string' ? value : undefined
    },
  }
}

export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || !value) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** The parent or the link of a session; neither where it has no caller. */
interface Inbound {
  parent?: Context
  links?: Link[]
}

/** The parent or the link that a carrier gives; neither where it gives none or `inbound` says `ignore`. */
export function readInbound(carrier: Carrier, inbound: Config['inbound']): Inbound {
  const parsed = inbound === 'ignore' ? null : parseTraceParent(carrier.get('traceparent') ?? '')
  if (!parsed) return {}
  const state = carrier.get('tracestate')
  return fromCaller({ ...parsed, isRemote: true, traceState: state ? createTraceState(state) : undefined }, inbound)
}

/** What a caller's span is to a new session. */
export function fromCaller(context: SpanContext | undefined, inbound: Config['inbound']): Inbound {
  if (!context || inbound === 'ignore') return {}
  return inbound === 'link' ? { links: [{ context }] } : { parent: trace.setSpanContext(ROOT_CONTEXT, context) }
}

/** The links of a span about one message of several: they have no one trace to go on in. */
export function linksOf(carrier: Carrier, inbound: Config['inbound']): Link[] {
  return readInbound(carrier, inbound === 'ignore' ? inbound : 'link').links ?? []
}
