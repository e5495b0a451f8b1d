/** OTLP/HTTP as JSON (opentelemetry-proto): spans as a request's body, and what an answer's body says became of them. */
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
import type { ReadableSpan } from '../sdk.ts'
import type { Delivery } from './exporter.ts'

export function encodeOtlpJson(spans: readonly ReadableSpan[]): Uint8Array {
  // Its type allows for no body; the serializer always makes one.
  return JsonTraceSerializer.serializeRequest(spans as ReadableSpan[]) as Uint8Array
}

/** Reads the body of an answer that accepted `spans` spans, perhaps not all of them ("Partial Success"). */
export function readOtlpJson(body: string, spans: number): Delivery {
  try {
    const { rejectedSpans, errorMessage = 'no reason given' } = JSON.parse(body).partialSuccess
    const dropped = Math.min(rejectedSpans, spans)
    if (dropped > 0) {
      return { sent: spans - dropped, dropped, reason: 'rejected', error: String(errorMessage).slice(0, 500) }
    }
  } catch {
    // Most answers have no partial success, some are no JSON: the backend took the request.
  }
  return { sent: spans, dropped: 0 }
}
