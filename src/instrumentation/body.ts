/**
 * Reads along while a response's body is read. The response and its body stay the platform's own objects, so that whatever
 * takes them whole (a Worker's return value, R2, HTMLRewriter) gets what it would have got, and a body that nobody reads is
 * touched by nobody: only their methods that read are replaced, on the objects themselves.
 */
import { follow, isByteStream, readAlong, type Source } from '../runtime/stream.ts'

interface Observer {
  /** Whether the bytes are looked at; else it is their end alone that counts. */
  readonly reads: boolean
  /** The bytes belong to the reader afterwards. */
  onBytes(bytes: Uint8Array): void
  /** The body has ended; `error`: it broke off, or its reader left. */
  onEnd(error?: unknown): void
}

/** Methods of a stream that read it; Bun has some of a response's there, too. */
const READS = ['cancel', 'getReader', 'pipeThrough', 'pipeTo', 'tee', 'values', Symbol.asyncIterator] as const
const WHOLE = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const

// biome-ignore lint/suspicious/noExplicitAny: methods by their names
type Methods = any

/** True once, for the first that reads. */
type Claim = () => boolean

/** A stream to hand on in place of `source`, where nobody else has that. */
export function observeStream(source: ReadableStream, observer: Observer): ReadableStream {
  let reader: ReadableStreamDefaultReader | undefined
  const open = (): ReadableStreamDefaultReader => {
    reader ??= source.getReader()
    return reader
  }
  const lazy = { read: () => open().read(), cancel: (reason: unknown) => open().cancel(reason) }
  return copyOf(isByteStream(source), lazy, observer)
}

export function observeBody(response: Response, observer: Observer): void {
  observeWhole(response, observer, once())
}

function once(): Claim {
  let claims = 0
  return () => claims++ === 0
}

function observeWhole(response: Response, observer: Observer, claim: Claim): void {
  const body = response.body as ReadableStream
  const native: Methods = Object.getPrototypeOf(response)
  const open = observe(body, observer, claim)
  const headers = { 'content-type': response.headers.get('content-type') ?? '' }
  let used = false
  for (const name of WHOLE) {
    if (!native[name]) continue
    hide(response, name, async () => {
      // What has been read is the platform's to refuse.
      if (response.bodyUsed || body.locked || !claim()) return native[name].call(response)
      if (observer.reads) {
        used = true
        // By way of the bytes: Bun gives the Blob of a stream no type.
        const bytes = await new Response(open()).arrayBuffer()
        return (new Response(bytes, { headers }) as Methods)[name]()
      }
      try {
        const value = await native[name].call(response)
        observer.onEnd()
        return value
      } catch (error) {
        // What is no JSON has come all the same.
        observer.onEnd(error instanceof SyntaxError ? undefined : error)
        throw error
      }
    })
  }
  hide(response, 'clone', () => {
    const copy = native.clone.call(response)
    for (const one of [response, copy]) observeWhole(one, observer, claim)
    return copy
  })
  const bodyUsed = { get: () => used || Reflect.get(native, 'bodyUsed', response), configurable: true }
  Object.defineProperty(response, 'bodyUsed', bodyUsed)
}

/** Gives what locks `source`, and is to be read in its place. */
function observe(source: ReadableStream, observer: Observer, claim: Claim): () => ReadableStream {
  const native: Methods = Object.getPrototypeOf(source)
  let own: Methods
  const open = (): ReadableStream => {
    if (own) return own
    const isBytes = isByteStream(source)
    own = copyOf(isBytes, native.getReader.call(source), observer)
    Object.defineProperty(source, 'locked', { get: () => own.locked, configurable: true })
    return own
  }
  for (const name of [...READS, ...WHOLE]) {
    if (!native[name]) continue
    hide(source, name, (...args: unknown[]) =>
      own || (!source.locked && claim()) ? (open() as Methods)[name](...args) : native[name].apply(source, args),
    )
  }
  if (observer.reads) readAlong.add(source)
  return open
}

function copyOf(isBytes: boolean, source: Pick<Source, 'read' | 'cancel'>, observer: Observer): ReadableStream {
  let isOver = false
  const end = (error?: unknown): void => {
    if (!isOver) observer.onEnd(error)
    isOver = true
  }
  return follow(isBytes, {
    read: () => source.read(),
    cancel(reason) {
      // Whatever the reason is: its reader leaves.
      end(new DOMException('', 'AbortError'))
      return source.cancel(reason)
    },
    onChunk(chunk) {
      if (typeof chunk === 'string') observer.onBytes(new TextEncoder().encode(chunk))
      else if (chunk instanceof Uint8Array) observer.onBytes(chunk)
    },
    onEnd: () => end(),
    onError: end,
  })
}

/** Not seen where somebody lists the object. */
function hide(object: object, name: PropertyKey, value: (...args: never[]) => unknown): void {
  Object.defineProperty(object, name, { value, configurable: true, writable: true })
}
