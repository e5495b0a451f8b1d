/** OpenTelemetry's numbers, typed by its enums: the enums themselves cost bytes in every bundle. */
import type { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import type { ExportResultCode } from '@opentelemetry/core'
import type { AggregationTemporality } from '@opentelemetry/sdk-metrics'

export const INTERNAL: SpanKind.INTERNAL = 0
export const SERVER: SpanKind.SERVER = 1
export const CLIENT: SpanKind.CLIENT = 2
export const CONSUMER: SpanKind.CONSUMER = 4

export const UNSET: SpanStatusCode.UNSET = 0
export const OK: SpanStatusCode.OK = 1
export const ERROR: SpanStatusCode.ERROR = 2

export const SAMPLED: TraceFlags.SAMPLED = 1
/** W3C Trace Context, Level 2: at least the last seven bytes of the trace id are random. */
export const RANDOM = 2

/** `SamplingDecision.NOT_RECORD`, `RECORD`, and `RECORD_AND_SAMPLED`. */
export const DROP = 0
export const RECORD = 1
export const SAMPLE = 2

/** Whether OTLP's integers hold a number; larger whole ones do not fit 64 bits. */
export function isInt64(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) < 2 ** 63
}

export const SUCCESS: ExportResultCode.SUCCESS = 0
export const FAILED: ExportResultCode.FAILED = 1

/** Each request says what has been added since the one before. */
export const DELTA: AggregationTemporality.DELTA = 0
