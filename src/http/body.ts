/**
 * Finds out when a response body has ended. A body of known length is left alone: it is sent after the handler has
 * returned everything it had to say. A stream is pumped through, bytes and timing untouched, and read inside the
 * session's scope: in workerd the code in a stream's `pull` finds its session only that way.
 */
import type { Session } from '../session/session.ts'

/** How a body ended. */
export type BodyEnd = { kind: 'complete' } | { kind: 'cancelled' } | { kind: 'error'; error: unknown }

/** The response to return, and when its body will have ended; undefined where there is nothing to wait for. */
export function watchBody(
  response: Response,
  session: Session,
  onFirstByte: () => void,
): { response: Response; ended?: Promise<BodyEnd> } {
  const { body, status } = response
  // 101 carries a socket, 204, 205 and 304 carry nothing: a rebuilt Response would throw or lose it.
  if (!body || body.locked || status === 101 || status === 204 || status === 205 || status === 304) return { response }
  if (response.headers.has('content-length') || knownLength(body) !== undefined) return { response }
  const { readable, writable } = new (passThrough())()
  // Built before the body is read: where this throws, the original response is still whole.
  const watched = new Response(readable, response)
  return { response: watched, ended: session.run(() => pump(body, writable, onFirstByte)) }
}

/** workerd shows a body's length through a symbol on its prototype, meant for its inspector; undefined: a stream. */
function knownLength(body: ReadableStream): bigint | undefined {
  const prototype = Object.getPrototypeOf(body)
  const symbol = Object.getOwnPropertySymbols(prototype).find(({ description }) => description === 'length')
  return symbol && (body as unknown as Record<symbol, bigint | undefined>)[symbol]
}

/** workerd's own identity stream takes bytes without a copy and fails a write when the client is gone. */
function passThrough(): new () => TransformStream<Uint8Array, Uint8Array> {
  const { IdentityTransformStream } = globalThis as { IdentityTransformStream?: typeof TransformStream }
  return IdentityTransformStream ?? TransformStream
}

async function pump(source: ReadableStream, sink: WritableStream, onFirstByte: () => void): Promise<BodyEnd> {
  const reader = source.getReader()
  const writer = sink.getWriter()
  // A client that leaves while the source is silent: without this the pump would wait for the next chunk.
  let gone = false
  writer.closed.catch((reason: unknown) => {
    gone = true
    reader.cancel(reason).catch(() => {})
  })
  let first = true
  for (;;) {
    let chunk: ReadableStreamReadResult<Uint8Array>
    try {
      chunk = await reader.read()
    } catch (error) {
      await writer.abort(error).catch(() => {})
      return { kind: 'error', error }
    }
    if (first && !chunk.done) {
      first = false
      onFirstByte()
    }
    try {
      if (chunk.done) {
        if (gone) return { kind: 'cancelled' }
        await writer.close()
        return { kind: 'complete' }
      }
      await writer.write(chunk.value)
    } catch (reason) {
      await reader.cancel(reason).catch(() => {})
      return { kind: 'cancelled' }
    }
  }
}
