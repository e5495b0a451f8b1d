/**
 * A stream to hand on in place of another that somebody wants to know about. Its chunks, their order and their pace stay,
 * as do its kind and what cancels it; nothing is asked of the source before a reader asks for it.
 */

/** Where the chunks come from: a reader, or what opens one at its first use. */
export interface Source {
  // biome-ignore lint/suspicious/noExplicitAny: a chunk is whatever the user's stream has
  read(): Promise<ReadableStreamReadResult<any>>
  cancel(reason: unknown): Promise<unknown>
}

export interface Follower {
  /** A reader wants a chunk. */
  onPull?(): void
  /** Called before the reader has it; it must not be kept. */
  onChunk(chunk: unknown): void
  /** The source's end, by which the reader has to wait for what this returns. */
  onEnd(): unknown
  onError(error: unknown): void
  onCancel(reason: unknown): void
}

/** `length`: bytes, where they are known; workerd then sends them as the Content-Length. */
export function follow(isBytes: boolean, source: Source, follower: Follower, length?: number): ReadableStream {
  const own = {
    // `getReader({ mode: 'byob' })` works where it did. Such a stream takes its chunks' buffers away: they must be bytes,
    // and nobody else's, as only another stream of that kind gives them.
    type: isBytes ? 'bytes' : undefined,
    ...(length !== undefined && { expectedLength: BigInt(length) }),
    async pull(controller: ReadableStreamDefaultController & Partial<ReadableByteStreamController>) {
      try {
        follower.onPull?.()
        let chunk = await source.read()
        // A byte stream takes no chunk of no bytes.
        while (isBytes && !chunk.done && !chunk.value.byteLength) chunk = await source.read()
        if (chunk.done) {
          await follower.onEnd()
          controller.close()
          // A reader with a buffer of its own waits for it.
          controller.byobRequest?.respond(0)
        } else {
          follower.onChunk(chunk.value)
          controller.enqueue(chunk.value)
        }
      } catch (error) {
        follower.onError(error)
        controller.error(error)
      }
    },
    cancel(reason: unknown) {
      follower.onCancel(reason)
      return source.cancel(reason)
    },
  }
  return new ReadableStream(own as unknown as UnderlyingSource, { highWaterMark: 0 })
}

/** Asked of the platform: the stream's own `getReader` may be one that somebody has put there. */
export function isByteStream(stream: ReadableStream): boolean {
  // An exception costs workerd as much as three chunks. (Of a closed stream it gives any reader.)
  if (inspected(stream, 'supportsBYOB') === false && inspected(stream, 'state') === 'readable') return false
  try {
    Object.getPrototypeOf(stream).getReader.call(stream, { mode: 'byob' }).releaseLock()
    return true
  } catch {
    return false
  }
}

/** What workerd's inspector shows of a stream, by symbols on its prototype; undefined on other platforms. */
export function inspected(stream: ReadableStream, name: 'length' | 'state' | 'supportsBYOB'): unknown {
  const symbols = Object.getOwnPropertySymbols(Object.getPrototypeOf(stream))
  const symbol = symbols.find(({ description }) => description === name)
  return symbol && (stream as unknown as Record<symbol, unknown>)[symbol]
}

/** Streams whose bytes somebody reads along with their reader: a model's answer. */
export const readAlong: WeakSet<ReadableStream> = /* @__PURE__ */ new WeakSet()
