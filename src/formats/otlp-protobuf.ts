/** OTLP/HTTP as protobuf: smaller on the wire, for backends that take nothing else. */
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import type { Format } from './format.ts'
import { otlp } from './otlp.ts'

export const otlpProtobuf: Format = /* @__PURE__ */ otlp(
  'otlp-protobuf',
  'application/x-protobuf',
  ProtobufTraceSerializer,
)
