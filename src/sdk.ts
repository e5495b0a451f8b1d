/**
 * The only file that imports `@opentelemetry/sdk-trace-base`, so that its successor costs one file.
 */
export type {
  IdGenerator,
  ReadableSpan,
  Sampler,
  Span as SdkSpan,
  SpanExporter,
  SpanProcessor,
  TracerConfig,
} from '@opentelemetry/sdk-trace-base'
export {
  BasicTracerProvider,
  ParentBasedSampler,
  RandomIdGenerator,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base'
