/**
 * What OpenTelemetry's SDK calls things: types only. Spans of a session are this library's own (`tracing`), in the form
 * that the SDK's exporters and processors take.
 */
export type {
  ReadableSpan,
  Sampler,
  SamplingResult,
  Span as SdkSpan,
  SpanExporter,
  SpanProcessor,
} from '@opentelemetry/sdk-trace'
