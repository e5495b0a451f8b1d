/**
 * Finds out when a response body has ended. A body of known length is left alone: it is sent after the handler has
 * returned everything it had to say. A stream is handed on as another one, chunks and their order untouched, and read inside
 * the session's scope: in workerd the code in a stream's `pull` finds its session only that way.
 */

import { follow, inspected, isByteStream, readAlong, type Source } from '../runtime/stream.ts'
import { later } from '../runtime/timers.ts'
import type { Session } from '../session/session.ts'

/** How a body ended. */
export interface BodyEnd {
  /**
   * To its end, because its reader left, with a chunk that nobody has taken, or asked for, for `idleMs` (then the body goes
   * on; the session does not wait for it), or by an error of its source.
   */
  reason: 'complete' | 'cancelled' | 'abandoned' | 'error'
  error?: unknown
}

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
  const { body } = response
  return body && mayWatch(response, body) ? watched(response, body, session, watch) : undefined
}

function watched(response: Response, body: ReadableStream, session: Session, watch: Watch): WatchedBody {
  const { idleMs, onFirstByte, left, beforeEnd } = watch
  let resolve: (end: BodyEnd) => void
  const ended = new Promise<BodyEnd>((resolved) => {
    resolve = resolved
  })
  const settle = (reason: BodyEnd['reason'], error?: unknown): void => {
    offIdle?.()
    left?.removeEventListener('abort', onLeft)
    resolve({ reason, error })
  }
  let offIdle: (() => void) | undefined
  /** Since when a chunk waits for its reader, or its reader is waited for; milliseconds since the epoch. */
  let waitsSince: number | undefined
  // One timer for many chunks: it looks how long the last one has waited.
  const watchIdle = (ms: number): void => {
    offIdle = later((isDue) => {
      const now = Date.now()
      const restMs = (waitsSince ?? now) + idleMs - now
      if (waitsSince !== undefined && (isDue || restMs <= 0)) settle('abandoned')
      else if (!isDue) watchIdle(restMs)
    }, ms)
  }
  let reader: ReadableStreamDefaultReader | undefined
  // Locked by its first read, and held together with its Response: the platform frees what nobody has.
  const read = (): Promise<ReadableStreamReadResult<unknown>> => {
    reader ??= (response.body ?? body).getReader()
    return reader.read()
  }
  let isGone = false
  /** Once the client has left, no chunk is handed on. */
  const mayGoOn = (): void => {
    if (isGone) throw left?.reason
  }
  let begun = false
  const source: Source = {
    read: () => session.run(read),
    cancel(reason) {
      settle('cancelled')
      return session.run(() => (reader ?? body).cancel(reason))
    },
    onPull() {
      waitsSince = undefined
    },
    onChunk() {
      mayGoOn()
      if (!begun) onFirstByte()
      begun = true
      waitsSince ??= Date.now()
    },
    onEnd() {
      mayGoOn()
      settle('complete')
      return beforeEnd?.()
    },
    onError: (error) => settle('error', error),
  }
  const handedOn = new Response(follow(isByteStream(body), source, lengthOf(response, body)), response)
  // Nothing has been begun so far: where a line above throws, the response is still whole.
  const onLeft = (): void => {
    isGone = true
    source.cancel(left?.reason).catch(() => {})
  }
  left?.addEventListener('abort', onLeft)
  waitsSince = Date.now()
  watchIdle(idleMs)
  return { response: handedOn, ended }
}

function mayWatch(response: Response, body: ReadableStream): boolean {
  const { status, headers } = response
  // 101 carries a socket, 204, 205 and 304 carry nothing, and there is no other response above 599.
  if (body.locked || status > 599 || [101, 204, 205, 304].includes(status)) return false
  if (headers.has('content-encoding')) {
    // workerd sends on what came compressed as it came, unless somebody has read it. A stream of its own may be such.
    return !headers.has('content-length') && inspected(body, 'supportsBYOB') !== true
  }
  return lengthOf(response, body) === undefined || readAlong.has(body)
}

function lengthOf({ headers }: Response, body: ReadableStream): number | undefined {
  const length = headers.get('content-length') ?? inspected(body, 'length')
  return length === undefined ? undefined : Number(length)
}
