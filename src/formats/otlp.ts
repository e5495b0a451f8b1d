/** OTLP/HTTP (opentelemetry-proto), in either of its encodings. */
import type { ISerializer } from '@opentelemetry/otlp-transformer'
import { OwnError } from '../runtime/diag.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'
import { compress } from '../transport/compress.ts'
import type { Format, Wire } from './format.ts'

interface Answer {
  partialSuccess?: { rejectedSpans?: number; errorMessage?: string }
}

export function otlp(
  name: Format['name'],
  serializer: ISerializer<ReadableSpan[], Answer>,
  wire: Omit<Wire, 'encode'>,
): Format {
  return {
    name,
    wire: {
      ...wire,
      // Its type allows for no body; the serializer always makes one.
      encode: (spans) => serializer.serializeRequest(spans as ReadableSpan[]) as Uint8Array,
    },
    pack: (pieces, { config }) =>
      compress({ body: wire.merge(pieces), headers: { 'content-type': wire.type } }, config.compression),
    refused({ body }, spans, { hidden }) {
      try {
        const { rejectedSpans, errorMessage } = serializer.deserializeResponse(body)
          .partialSuccess as Required<Answer>['partialSuccess']
        const dropped = Math.min(Number(rejectedSpans), spans)
        return dropped > 0 ? [dropped, hidden.from(`${errorMessage || 'no reason given'}`).slice(0, 500)] : undefined
      } catch {
        // Most answers have no partial success, some are no OTLP: the backend took the request.
        return undefined
      }
    },
  }
}

/** What is found in a spooled batch that names fewer. */
export function tooMany(spans: number): OwnError {
  return new OwnError(`spans: it names ${spans} and holds more`)
}
