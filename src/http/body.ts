/**
 * Finds out when a response body has ended. A body of known length is left alone: it is sent after the handler has
 * returned everything it had to say. A stream is pumped through, bytes and timing untouched, and read inside the
 * session's scope: in workerd the code in a stream's `pull` finds its session only that way.
 */

import { later } from '../runtime/timers.ts'
import type { Session } from '../session/session.ts'

/**
 * How a body ended: to its end, by an error of its source, because its reader left, or with a chunk that nobody has
 * taken for `idleMs` (then the body goes on; the session does not wait for it).
 */
export type BodyEnd = { reason: 'complete' | 'cancelled' | 'abandoned' } | { reason: 'error'; error: unknown }

/** A response to return in place of the handler's, and when and how its body has ended. */
export interface WatchedBody {
  response: Response
  ended: Promise<BodyEnd>
}

interface Watch {
  /** How long a chunk may wait for its reader. (A response that middleware replaced is never read.) */
  idleMs: number
  onFirstByte(): void
  /** Aborts when the client leaves, where the platform says so (Workers: `enable_request_signal`). */
  left?: AbortSignal
  /** Awaited before the client is told that a complete body has ended; `ended` has settled then. */
  beforeEnd?(): Promise<unknown> | undefined
}

/** Undefined where there is nothing to wait for. */
export function watchBody(response: Response, session: Session, watch: Watch): WatchedBody | undefined {
  const { body, status, headers } = response
  // 101 carries a socket, 204, 205 and 304 carry nothing: a rebuilt Response would throw or lose it.
  const empty = !body || body.locked || [101, 204, 205, 304].includes(status)
  if (empty || headers.has('content-length') || knownLength(body) !== undefined) return undefined
  // workerd's own identity stream takes bytes without a copy and fails a write when the client is gone.
  const { IdentityTransformStream = TransformStream } = globalThis as {
    IdentityTransformStream?: typeof TransformStream
  }
  const { readable, writable } = new IdentityTransformStream()
  // Built before the body is read: where this throws, the original response is still whole.
  const watched = new Response(readable, response)
  const ended = new Promise<BodyEnd>((resolve) => {
    const abandon = (): void => resolve({ reason: 'abandoned' })
    const beforeEnd =
      watch.beforeEnd &&
      ((): Promise<unknown> | undefined => {
        resolve({ reason: 'complete' })
        return watch.beforeEnd?.()
      })
    const watching = { ...watch, beforeEnd }
    session.run(() => pump(body, writable, watching, () => later(abandon, watch.idleMs))).then(resolve)
  })
  return { response: watched, ended }
}

/** workerd shows a body's length through a symbol on its prototype, meant for its inspector; undefined: a stream. */
function knownLength(body: ReadableStream): unknown {
  const symbols = Object.getOwnPropertySymbols(Object.getPrototypeOf(body))
  const length = symbols.find(({ description }) => description === 'length')
  return length && (body as unknown as Record<symbol, unknown>)[length]
}

async function pump(
  source: ReadableStream,
  sink: WritableStream,
  { onFirstByte, left, beforeEnd }: Watch,
  startIdle: () => () => void,
): Promise<BodyEnd> {
  const reader = source.getReader()
  const writer = sink.getWriter()
  let gone = false
  const cancel = async (reason: unknown): Promise<void> => {
    gone = true
    await reader.cancel(reason).catch(() => {})
  }
  // A client that leaves while the source is silent: without this the pump would wait for the next chunk.
  writer.closed.catch(cancel)
  const onLeft = (): void => void cancel(left?.reason)
  left?.addEventListener('abort', onLeft)
  try {
    for (let first = true; ; first = false) {
      let chunk: ReadableStreamReadResult<Uint8Array>
      try {
        chunk = await reader.read()
      } catch (error) {
        await writer.abort(error).catch(() => {})
        return { reason: 'error', error }
      }
      if (gone) {
        await writer.abort().catch(() => {})
        return { reason: 'cancelled' }
      }
      if (first && !chunk.done) onFirstByte()
      if (chunk.done) await beforeEnd?.()
      const offIdle = startIdle()
      try {
        // Fails, as a write does, where the client is gone.
        await (chunk.done ? writer.close() : writer.write(chunk.value))
      } catch (reason) {
        await cancel(reason)
        return { reason: 'cancelled' }
      } finally {
        offIdle()
      }
      if (chunk.done) return { reason: 'complete' }
    }
  } finally {
    left?.removeEventListener('abort', onLeft)
  }
}
