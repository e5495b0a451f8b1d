/** gzip through CompressionStream, where the runtime has it (Vercel's Edge VM does not), it works and it pays. */
import type { Encoded } from './transport.ts'

/** A smaller body fits one network packet either way. */
const WORTH_BYTES = 1400

export async function compress(encoded: Encoded, mode: 'gzip' | 'none' | 'auto'): Promise<Encoded> {
  const { body, headers } = encoded
  if (mode === 'none' || !('CompressionStream' in globalThis) || (mode === 'auto' && body.length < WORTH_BYTES))
    return encoded
  try {
    const gzip = new Blob([body as never]).stream().pipeThrough(new CompressionStream('gzip'))
    return {
      body: new Uint8Array(await new Response(gzip).arrayBuffer()),
      headers: { ...headers, 'content-encoding': 'gzip' },
    }
  } catch {
    return encoded
  }
}
