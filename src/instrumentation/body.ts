/**
 * Reads along while a response's body is read: the bytes, their order and their pace stay, and so do `url`, `type` and
 * `redirected`, which a rebuilt Response would lose.
 */

interface Observer {
  /** The bytes belong to the reader afterwards. */
  onBytes(bytes: Uint8Array): void
  /** The body has ended; `error`: it broke off, or its reader left. Called once. */
  onEnd(error?: unknown): void
}

/** A response to hand on in place of `response`, which has a body. */
export function observeBody(response: Response, observer: Observer): Response {
  let body = observeStream(response.body as ReadableStream<Uint8Array>, observer)
  const length = response.headers.get('content-length')
  const { FixedLengthStream } = globalThis as {
    FixedLengthStream?: new (length: number) => ReadableWritablePair<Uint8Array, Uint8Array>
  }
  // workerd sends a body on with its length only where the stream says it.
  if (FixedLengthStream && length && !response.headers.has('content-encoding')) {
    body = body.pipeThrough(new FixedLengthStream(Number(length)))
  }
  return dress(new Response(body, response), response)
}

/** A stream to hand on in place of `source`. */
export function observeStream(source: ReadableStream<Uint8Array>, observer: Observer): ReadableStream<Uint8Array> {
  const reader = source.getReader()
  return new ReadableStream(
    {
      // As the platform's bodies are: `getReader({ mode: 'byob' })` works.
      type: 'bytes',
      async pull(controller) {
        try {
          let chunk = await reader.read()
          // A byte stream takes no chunk of no bytes.
          while (!chunk.done && !chunk.value.byteLength) chunk = await reader.read()
          if (chunk.done) {
            observer.onEnd()
            controller.close()
            // A reader with a buffer of its own waits for it.
            controller.byobRequest?.respond(0)
          } else {
            observer.onBytes(chunk.value)
            controller.enqueue(chunk.value)
          }
        } catch (error) {
          observer.onEnd(error)
          controller.error(error)
        }
      },
      cancel(reason) {
        observer.onEnd(reason ?? new DOMException('the body was cancelled', 'AbortError'))
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

function dress(copy: Response, { url, type, redirected }: Response): Response {
  const clone = copy.clone.bind(copy)
  return Object.defineProperties(copy, {
    url: { value: url },
    type: { value: type },
    redirected: { value: redirected },
    clone: { value: () => dress(clone(), copy) },
  })
}
