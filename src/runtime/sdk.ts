/**
 * The only file that imports OpenTelemetry's SDK, so that its successor costs one file. It is bundled into `dist`: no
 * peer of it can meet those of another package beside us.
 */

export type {
  IdGenerator,
  ReadableSpan,
  Sampler,
  SamplingResult,
  Span as SdkSpan,
  SpanExporter,
  SpanProcessor,
  TracerProviderOptions,
} from '@opentelemetry/sdk-trace'
export {
  RandomIdGenerator,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
