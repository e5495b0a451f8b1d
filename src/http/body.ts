/**
 * Finds out when a response body has ended. A body of known length is left alone: it is sent after the handler has
 * returned everything it had to say. A stream is handed on as another one, chunks and timing untouched, and read inside
 * the session's scope: in workerd the code in a stream's `pull` finds its session only that way.
 */

import { follow, inspected, isByteStream, readAlong } from '../runtime/stream.ts'
import { later } from '../runtime/timers.ts'
import type { Session } from '../session/session.ts'

/**
 * How a body ended: to its end, by an error of its source, because its reader left, or with a chunk that nobody has
 * taken, or asked for, for `idleMs` (then the body goes on; the session does not wait for it).
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
  const { body } = response
  return body && mayWatch(response, body) ? watched(response, body, session, watch) : undefined
}

function watched(response: Response, body: ReadableStream, session: Session, watch: Watch): WatchedBody {
  const { idleMs, onFirstByte, left, beforeEnd } = watch
  let settle: (end: BodyEnd) => void = () => {}
  const settled = new Promise<BodyEnd>((resolve) => {
    settle = resolve
  })
  let offIdle: (() => void) | undefined
  /** Since when a chunk waits for its reader, milliseconds since the epoch. */
  let waitsSince: number | undefined
  // One timer for many chunks: it looks how long the last one has waited.
  const watchIdle = (ms: number): void => {
    offIdle = later((isDue) => {
      offIdle = undefined
      if (waitsSince === undefined) return
      const restMs = waitsSince + idleMs - Date.now()
      if (restMs > 0 && !isDue) watchIdle(restMs)
      else settle({ reason: 'abandoned' })
    }, ms)
  }
  const startIdle = (): void => {
    waitsSince = Date.now()
    if (!offIdle) watchIdle(idleMs)
  }
  let reader: ReadableStreamDefaultReader | undefined
  let isGone = false
  // Locked by its first read, and held together with its Response: the platform frees what nobody has.
  const read = (): Promise<ReadableStreamReadResult<unknown>> => {
    reader ??= (response.body ?? body).getReader()
    return reader.read()
  }
  const source = {
    read: () => session.run(read),
    cancel: (reason: unknown) => session.run(() => (reader ?? body).cancel(reason)),
  }
  /** Once the client has left, no chunk is handed on. */
  const mayGoOn = (): void => {
    if (isGone) throw left?.reason
  }
  const onCancel = (): void => settle({ reason: 'cancelled' })
  let begun = false
  const follower = {
    onPull() {
      waitsSince = undefined
    },
    onChunk() {
      mayGoOn()
      if (!begun) onFirstByte()
      begun = true
      startIdle()
    },
    onEnd() {
      mayGoOn()
      settle({ reason: 'complete' })
      return beforeEnd?.()
    },
    onError: (error: unknown) => settle({ reason: 'error', error }),
    onCancel,
  }
  const length = lengthOf(response, body)
  const stream = follow(isByteStream(body), source, follower, length)
  const handedOn = new Response(stream, response)
  // Nothing has been begun so far: where a line above throws, the response is still whole.
  const onLeft = (): void => {
    isGone = true
    onCancel()
    source.cancel(left?.reason).catch(() => {})
  }
  left?.addEventListener('abort', onLeft)
  startIdle()
  const ended = settled.finally(() => {
    offIdle?.()
    left?.removeEventListener('abort', onLeft)
  })
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
