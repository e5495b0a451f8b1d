/** A request's body within the limits of AgentOps' collector. */

/** Before and after decompression, as the OpenTelemetry Collector has it: what is larger there should be noticed here. */
export const MAX_BODY_BYTES: number = 20 * 1024 * 1024

/** What a client is told of its body. */
export class BodyError extends Error {}

/** Rejects as soon as more has come, or been unpacked, than the limit: of a small body that unpacks into a huge one the rest is never unpacked. */
export async function readBody(request: Request, most: number = MAX_BODY_BYTES): Promise<Uint8Array> {
  if (!request.body) return new Uint8Array()
  const encoding = (request.headers.get('content-encoding') ?? '').toLowerCase().replace(/^x-/, '')
  if (Number(request.headers.get('content-length')) > most) throw new BodyError(`the body has more than ${most} bytes`)
  let body = request.body.pipeThrough(limit(most, `the body has more than ${most} bytes`))
  if (encoding === 'gzip' || encoding === 'deflate') {
    body = body
      .pipeThrough(new DecompressionStream(encoding))
      .pipeThrough(limit(most, `the body unpacks to more than ${most} bytes`))
  } else if (encoding && encoding !== 'identity') {
    throw new BodyError('expected the content encoding gzip, deflate or none')
  }
  try {
    return new Uint8Array(await new Response(body).arrayBuffer())
  } catch (error) {
    throw error instanceof BodyError ? error : new BodyError('the body breaks off, or is not compressed as it says')
  }
}

function limit(most: number, message: string): TransformStream<Uint8Array, Uint8Array> {
  let passed = 0
  return new TransformStream({
    transform(chunk, controller) {
      passed += chunk.byteLength
      if (passed > most) throw new BodyError(message)
      controller.enqueue(chunk)
    },
  })
}
