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

/** A body of known length is read twice up to here, bytes: who reads it slowly has it in memory so long. */
const MAX_TEED = 1 << 20

/**
 * A response to hand on in place of `response`, which has a body. workerd sends a body on with its length, and R2 takes
 * it, only where the stream is its own: one of known length is no stream of ours there, unless the observer has to see
 * each part before the reader does (`inStep`).
 */
export function observeBody(response: Response, observer: Observer, inStep: boolean): Response {
  const { headers } = response
  const body = response.body as ReadableStream<Uint8Array>
  const length = headers.has('content-encoding') ? null : headers.get('content-length')
  if (inStep || !length || !('FixedLengthStream' in globalThis)) {
    return dress(new Response(observeStream(body, observer), response), response)
  }
  if (Number(length) > MAX_TEED) {
    observer.onEnd()
    return response
  }
  const [theirs, ours] = body.tee()
  void drain(ours.getReader(), observer)
  return dress(new Response(theirs, response), response)
}

/** Never rejects. */
async function drain(reader: ReadableStreamDefaultReader<Uint8Array>, observer: Observer): Promise<void> {
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) observer.onBytes(part.value)
    observer.onEnd()
  } catch (error) {
    observer.onEnd(error)
  }
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
