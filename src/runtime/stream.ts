/**
 * A stream to hand on in place of another that somebody wants to know about. Its chunks, their order and their pace stay,
 * as do its kind and what cancels it. The source is asked when a reader asks, and ahead of it only where the reader is the
 * platform that sends.
 */

/** Where the chunks come from, and who is told of them. */
export interface Source {
  // biome-ignore lint/suspicious/noExplicitAny: a chunk is whatever the user's stream has
  read(): Promise<ReadableStreamReadResult<any>>
  /** The reader leaves. */
  cancel(reason: unknown): Promise<unknown>
  /** A reader wants a chunk. */
  onPull?(): void
  /** Called before the reader has it; it must not be kept. */
  onChunk(chunk: unknown): void
  /** The source's end, by which the reader has to wait for what this returns. */
  onEnd(): unknown
  onError(error: unknown): void
}

/**
 * Bytes that may wait for a reader that takes all there is. workerd's own, which sends a response, does: to send costs it
 * more than ten chunks, so that what comes at once had better wait together while it sends. (Of a source that has its
 * chunks ready it takes 256 KiB itself.)
 */
const AHEAD_BYTES = 8192
/** After which workerd has written what it took, on a busy machine, too: where a stream breaks off, it drops the rest. */
const WRITTEN_MS = 20

/** `length`: bytes, where they are known; workerd then sends them as the Content-Length. */
export function follow(isBytes: boolean, source: Source, length?: number): ReadableStream {
  let controller: ReadableStreamDefaultController & Partial<ReadableByteStreamController>
  /** A chunk has been asked of the source; also when it has ended, so that nothing is asked of it any more. */
  let isReading = false
  /** The reader asked again before it had a chunk: workerd's own asks for what is there, and then for what it waits for. */
  let takesAll = false
  /** Bytes given since the reader asked; NaN where they cannot be told. */
  let ahead = 0
  /** What is left to do when the reader has taken what was before it. */
  let last: (() => unknown) | undefined

  const read = (): void => {
    isReading = true
    try {
      source.read().then(onRead, onFailed)
    } catch (error) {
      fail(error)
    }
  }
  const onRead = ({ done, value }: Awaited<ReturnType<Source['read']>>): void => {
    if (done && ahead) last = end
    else if (done) end()
    // A byte stream takes no chunk of no bytes.
    else if (isBytes && !value.byteLength) read()
    else give(value)
  }
  const onFailed = (error: unknown): void => {
    if (ahead) last = () => setTimeout(fail, WRITTEN_MS, error)
    else fail(error)
  }
  const give = (chunk: Uint8Array | undefined): void => {
    try {
      isReading = false
      source.onChunk(chunk)
      ahead += chunk?.byteLength as number
      controller.enqueue(chunk)
      // A reader that waits has asked in that moment.
      if (takesAll && !isReading && ahead < AHEAD_BYTES) read()
    } catch (error) {
      fail(error)
    }
  }
  const end = async (): Promise<void> => {
    try {
      await source.onEnd()
      controller.close()
      // A reader with a buffer of its own waits for it.
      controller.byobRequest?.respond(0)
    } catch (error) {
      fail(error)
    }
  }
  const fail = (error: unknown): void => {
    isReading = true
    source.onError(error)
    controller.error(error)
  }
  const own = {
    // `getReader({ mode: 'byob' })` works where it did. Such a stream takes its chunks' buffers away: they must be bytes,
    // and nobody else's, as only another stream of that kind gives them.
    type: isBytes ? 'bytes' : undefined,
    ...(length !== undefined && { expectedLength: BigInt(length) }),
    start(given: typeof controller) {
      controller = given
    },
    pull() {
      takesAll ||= isReading
      ahead = 0
      source.onPull?.()
      last?.()
      last = undefined
      if (!isReading) read()
    },
    cancel: (reason: unknown) => source.cancel(reason),
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
  const prototype = Object.getPrototypeOf(stream)
  if (prototype !== inspectedPrototype) {
    inspectedPrototype = prototype
    inspectors = Object.fromEntries(
      Object.getOwnPropertySymbols(prototype).map((symbol) => [symbol.description, symbol]),
    )
  }
  const symbol = inspectors[name]
  return symbol && (stream as unknown as Record<symbol, unknown>)[symbol]
}

/** A platform's streams have one. */
let inspectedPrototype: unknown
let inspectors: Record<string, symbol | undefined> = {}

/** Streams whose bytes somebody reads along with their reader: a model's answer. */
export const readAlong: WeakSet<ReadableStream> = /* @__PURE__ */ new WeakSet()
