/** A stored session in the form that the backend in memory gives. */
import { SPAN_KIND } from '../runtime/semconv.ts'
import { type RawSpan, toSpan } from './otlp.ts'
import type { CollectedSession } from './store.ts'

/** Its root is the session's, else the first span whose parent is not there. */
export function toCollected(id: string, traceId: string, raw: RawSpan[]): CollectedSession {
  const spans = raw.map((span) => toSpan(span))
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const root =
    spans.find(({ attributes }) => attributes[SPAN_KIND] === 'session') ??
    spans.find(({ parentSpanId }) => parentSpanId === undefined || !ids.has(parentSpanId))
  return { id, traceId, root, spans }
}
