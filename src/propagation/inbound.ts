/** What a caller's trace headers mean for a new session: W3C Trace Context, by OpenTelemetry's own propagator. */
import { type Context, type Link, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import type { Config } from '../config.ts'

const getter = {
  get: (headers: Headers, name: string): string | undefined => headers.get(name) ?? undefined,
  keys: (headers: Headers): string[] => [...headers.keys()],
}

/** The parent or the link that a request's headers give; neither where they give none or `inbound` says `ignore`. */
export function readInbound(headers: Headers, inbound: Config['inbound']): { parent?: Context; links?: Link[] } {
  if (inbound === 'ignore') return {}
  const parent = new W3CTraceContextPropagator().extract(ROOT_CONTEXT, headers, getter)
  const context = trace.getSpanContext(parent)
  if (!context) return {}
  return inbound === 'link' ? { links: [{ context }] } : { parent }
}
