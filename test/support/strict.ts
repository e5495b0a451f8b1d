/**
 * What a run has sent, looked at by the published messages when it is over: not before, as it takes time that what is
 * measured meanwhile has not. Bodies of other kinds, and on other paths, are nobody's business.
 */
import { type DecoderHeaders, decodeMetrics, decodeOtlp } from './otlp-decoder.ts'

export interface Sent {
  /** Whose it is, to find it by. */
  by: string
  path: string
  headers: DecoderHeaders
  body: Uint8Array
}

const OTLP = /^application\/(json|x-protobuf)\b/i

/** What is wrong with it; nothing where it is right, or no OTLP. */
export function faultOf({ by, path, headers, body }: Sent): string | undefined {
  const decode = path.endsWith('/v1/traces') ? decodeOtlp : path.endsWith('/v1/metrics') ? decodeMetrics : undefined
  if (!decode || !OTLP.test(`${headers['content-type']}`)) return undefined
  try {
    decode(body, headers)
    return undefined
  } catch (error) {
    return `${by} sent to ${path} what is no OTLP: ${error}`
  }
}

/** Throws where there is any fault, and names each. */
export function refuse(faults: readonly (string | undefined)[]): void {
  const all = faults.filter((fault) => fault !== undefined)
  if (all.length > 0) throw new Error(`${all.length} bodies are no OTLP:\n${[...new Set(all)].join('\n')}`)
}
