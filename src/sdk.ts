/**
 * The only file that imports the SDK, so that its successor costs one file. The provider comes from `sdk-trace`, which
 * `sdk-trace-base` 2.x wraps to read `OTEL_*` variables and merge them deeply for each provider: ours is one a session,
 * and has read them already.
 */
export { TracerProvider } from '@opentelemetry/sdk-trace'
export type {
  IdGenerator,
  ReadableSpan,
  Sampler,
  SamplingResult,
  Span as SdkSpan,
  SpanExporter,
  SpanProcessor,
  TracerConfig,
} from '@opentelemetry/sdk-trace-base'
export { ParentBasedSampler, RandomIdGenerator, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base'
