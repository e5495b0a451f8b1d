/** The built-in format: OTLP/HTTP as JSON. */
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
import type { Format } from './format.ts'
import { otlp } from './otlp.ts'

export const otlpJson: Format = /* @__PURE__ */ otlp('otlp-json', 'application/json', JsonTraceSerializer)
