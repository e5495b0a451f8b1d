/** What a caller's trace headers mean for a new session: W3C Trace Context, parsed by OpenTelemetry's own parsers. */
import { type Context, createTraceState, type Link, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { parseTraceParent } from '@opentelemetry/core'
import type { Config } from '../config.ts'

/** The parent or the link that a request's headers give; neither where they give none or `inbound` says `ignore`. */
export function readInbound(headers: Headers, inbound: Config['inbound']): { parent?: Context; links?: Link[] } {
  const parsed = inbound === 'ignore' ? null : parseTraceParent(headers.get('traceparent') ?? '')
  if (!parsed) return {}
  const state = headers.get('tracestate')
  const context = { ...parsed, isRemote: true, traceState: state ? createTraceState(state) : undefined }
  return inbound === 'link' ? { links: [{ context }] } : { parent: trace.setSpanContext(ROOT_CONTEXT, context) }
}
