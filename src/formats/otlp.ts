/** OTLP/HTTP (opentelemetry-proto), in either of its encodings. */
import type { ISerializer } from '@opentelemetry/otlp-transformer'
import type { ReadableSpan } from '../runtime/sdk.ts'
import { authorised } from '../transport/auth.ts'
import { compress } from '../transport/compress.ts'
import type { Encoded } from '../transport/transport.ts'
import type { Format } from './format.ts'
import { deliverInParts } from './parts.ts'

interface Answer {
  partialSuccess?: { rejectedSpans?: number; errorMessage?: string }
}

export function otlp(
  name: Format['name'],
  contentType: string,
  serializer: ISerializer<ReadableSpan[], Answer>,
): Format {
  const encode = (spans: readonly ReadableSpan[]): Encoded => ({
    // Its type allows for no body; the serializer always makes one.
    body: serializer.serializeRequest(spans as ReadableSpan[]) as Uint8Array,
    headers: { 'content-type': contentType },
  })
  const refused: NonNullable<Format['refused']> = ({ body }, spans, { hidden }) => {
    try {
      const { rejectedSpans, errorMessage } = serializer.deserializeResponse(body)
        .partialSuccess as Required<Answer>['partialSuccess']
      const dropped = Math.min(Number(rejectedSpans), spans)
      return dropped > 0 ? [dropped, hidden.from(`${errorMessage || 'no reason given'}`).slice(0, 500)] : undefined
    } catch {
      // Most answers have no partial success, some are no OTLP: the backend took the request.
      return undefined
    }
  }
  return {
    name,
    deliver: (spans, { config, destination, post }) =>
      deliverInParts(spans, {
        maxBytes: config.maxExportBytes,
        encode,
        post: async (encoded) => post(destination.url, await compress(encoded, config.compression), authorised),
        refused: (answer, items) => refused(answer, items, destination),
      }),
    pack: (spans, { config }) => compress(encode(spans), config.compression),
    refused,
  }
}
