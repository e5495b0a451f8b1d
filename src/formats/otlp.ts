/** OTLP/HTTP (opentelemetry-proto), in either of its encodings. */
import { OwnError } from '../runtime/diag.ts'
import { compress } from '../transport/compress.ts'
import type { Format, Wire } from './format.ts'

interface Answer {
  partialSuccess?: { rejectedSpans?: number; errorMessage?: string }
}

/** One encoding: how requests are written, and how an answer is read. */
export interface Encoding extends Wire {
  /** Throws where it is none. */
  answer(body: Uint8Array): Answer
}

/** `{}`; a partial success takes more, in both encodings. */
const EMPTY_JSON = 2

export function otlp(name: Format['name'], wire: Encoding): Format {
  return {
    name,
    wire,
    pack: (pieces, { config }) =>
      compress({ body: wire.merge(pieces), headers: { 'content-type': wire.type } }, config.compression),
    refused({ body }, spans, { hidden }) {
      // Most answers say nothing.
      if (body.length <= EMPTY_JSON) return undefined
      try {
        const { rejectedSpans, errorMessage } = wire.answer(body).partialSuccess ?? {}
        const dropped = Math.ceil(Math.min(Number(rejectedSpans ?? 0), spans))
        return dropped > 0 ? [dropped, hidden.from(`${errorMessage || 'no reason given'}`).slice(0, 500)] : undefined
      } catch {
        // It is no OTLP: the backend took the request all the same.
        return undefined
      }
    },
  }
}

/** What is found in a spooled batch that names fewer. */
export function tooMany(spans: number): OwnError {
  return new OwnError(`spans: it names ${spans} and holds more`)
}
