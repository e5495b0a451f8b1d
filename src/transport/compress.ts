/** gzip through CompressionStream, where the runtime has it (Vercel's Edge VM does not), it works and it pays. */
import { concat } from '../runtime/bytes.ts'
import type { Encoded } from './transport.ts'

/**
 * A smaller body goes out in the first round trip of a new connection (RFC 6928: ten segments) with or without: to
 * compress it costs more CPU than all else of a request, and saves no time.
 */
export const WORTH_BYTES = 14_600

export async function compress(encoded: Encoded, mode: 'gzip' | 'none' | 'auto'): Promise<Encoded> {
  const isWorth = mode === 'gzip' || (mode === 'auto' && encoded.body.length >= WORTH_BYTES)
  return isWorth && 'CompressionStream' in globalThis ? gzipped(encoded) : encoded
}

async function gzipped(encoded: Encoded): Promise<Encoded> {
  const { body, headers } = encoded
  try {
    // A Blob and a Response would do the same for twice the time.
    const { readable, writable } = new CompressionStream('gzip')
    const writer = writable.getWriter()
    const reader = readable.getReader()
    // Each of them rejects where it breaks off; reading says so.
    for (const over of [writer.write(body as never), writer.close(), writer.closed, reader.closed]) over.catch(() => {})
    const chunks: Uint8Array[] = []
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      chunks.push(value)
    }
    return {
      body: concat(chunks),
      headers: { ...headers, 'content-encoding': 'gzip' },
    }
  } catch {
    return encoded
  }
}
