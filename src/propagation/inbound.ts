/** What a caller's trace context means for a new session: W3C Trace Context, parsed by OpenTelemetry's own parsers. */
import { type Context, createTraceState, type Link, ROOT_CONTEXT, trace } from '@opentelemetry/api'
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

/** The parent or the link that a carrier gives; neither where it gives none or `inbound` says `ignore`. */
export function readInbound(carrier: Carrier, inbound: Config['inbound']): { parent?: Context; links?: Link[] } {
  const parsed = inbound === 'ignore' ? null : parseTraceParent(carrier.get('traceparent') ?? '')
  if (!parsed) return {}
  const state = carrier.get('tracestate')
  const context = { ...parsed, isRemote: true, traceState: state ? createTraceState(state) : undefined }
  return inbound === 'link' ? { links: [{ context }] } : { parent: trace.setSpanContext(ROOT_CONTEXT, context) }
}
