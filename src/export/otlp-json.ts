/** Encodes spans as an OTLP/HTTP JSON request body (opentelemetry-proto, `ExportTraceServiceRequest`). */
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
import type { ReadableSpan } from '../sdk.ts'

export function encodeOtlpJson(spans: readonly ReadableSpan[]): Uint8Array {
  const body = JsonTraceSerializer.serializeRequest([...spans])
  if (!body) throw new Error('the spans could not be encoded')
  return body
}
