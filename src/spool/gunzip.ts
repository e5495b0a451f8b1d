/** Decompresses what may grow without end: gzip makes a thousand bytes of one. */

import { concat } from '../runtime/bytes.ts'
import { sleep } from '../runtime/deadline.ts'
import { OwnError } from '../runtime/diag.ts'

/** What one of them may grow to before the next is written, 16 MB, fits into an isolate. */
const SLICE_BYTES = 16_384

/** Throws where `body` is no gzip, or more than `limit` bytes come out of it. */
export async function gunzip(body: Uint8Array, limit: number): Promise<Uint8Array> {
  const { readable, writable } = new DecompressionStream('gzip')
  const chunks: Uint8Array[] = []
  let length = 0
  const read = async (): Promise<void> => {
    for await (const chunk of readable as unknown as AsyncIterable<Uint8Array>) {
      chunks.push(chunk)
      length += chunk.length
      if (length > limit) throw new OwnError(`its body is larger than ${limit} bytes`)
    }
  }
  const write = async (): Promise<void> => {
    const writer = writable.getWriter()
    for (let at = 0; at < body.length; at += SLICE_BYTES) {
      await writer.write(body.subarray(at, at + SLICE_BYTES) as never)
      // workerd takes all that it is given, and keeps what comes out: it is read before there is more.
      for (let seen = -1; seen < length; await sleep(0)) seen = length
    }
    await writer.close()
  }
  await Promise.all([read(), write()])
  return concat(chunks)
}
