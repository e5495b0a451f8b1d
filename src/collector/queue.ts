/**
 * Ingest through a queue: what has come is in the queue before it is answered 200, and a burst waits there, however slow
 * the database is. Cloudflare's Queues: 128 KB a message, 256 KB a batch that is sent.
 */
import { describe, warn } from '../runtime/diag.ts'
import { BusyError, busyOr } from './busy.ts'
import { type RawSpan, type ReadSpans, readOtlp } from './otlp.ts'
import type { TraceStore } from './trace-store.ts'

/** What is used of a queue's binding. */
export interface QueueBinding {
  send(body: unknown, options: { contentType: 'bytes' }): Promise<unknown>
}
/** What is used of a batch that a queue delivers. */
export interface QueueBatch {
  readonly messages: readonly {
    readonly body: unknown
    ack(): void
    retry(options?: { delaySeconds?: number }): void
  }[]
}

/** Bytes of a message; Cloudflare adds some of its own. */
const MAX_MESSAGE = 120_000
/** Spans are packed together up to so many characters: some 60 KB packed. */
const MAX_CHARACTERS = 400_000
const RETRY_S = 10

/** What takes spans into the queue: for `createBackend`. A span that no message has room for goes to the store at once. */
export function toQueue(queue: QueueBinding, store: TraceStore): (read: ReadSpans) => Promise<void> {
  const send = async (raw: RawSpan[]): Promise<void> => {
    const message = await gzip(raw)
    if (message.byteLength <= MAX_MESSAGE) {
      await queue.send(message, { contentType: 'bytes' }).catch((error: unknown) => {
        throw busyOr(error, 'the queue')
      })
      return
    }
    if (raw.length === 1) return await store.write(readOtlp(requestOf(raw)))
    const half = raw.length >> 1
    await send(raw.slice(0, half))
    await send(raw.slice(half))
  }
  return async ({ raw }) => {
    let size = 0
    let part: RawSpan[] = []
    for (const span of raw) {
      const length = JSON.stringify(span).length
      if (part.length && size + length > MAX_CHARACTERS) {
        await send(part)
        part = []
        size = 0
      }
      part.push(span)
      size += length
    }
    if (part.length) await send(part)
  }
}

/** The `queue` handler: all messages of the batch in one write; what the store does not take now comes again. */
export async function fromQueue({ messages }: QueueBatch, store: TraceStore): Promise<void> {
  const read: (ReadSpans & { message: QueueBatch['messages'][number] })[] = []
  for (const message of messages) {
    try {
      read.push({ ...readOtlp(requestOf(await gunzip(message.body as ArrayBuffer))), message })
    } catch (error) {
      warn(`a message of the queue is none of this backend's; it is left out (${describe(error)})`)
      message.ack()
    }
  }
  const write = async (some: typeof read): Promise<void> => {
    try {
      await store.write({ spans: some.flatMap(({ spans }) => spans), raw: some.flatMap(({ raw }) => raw) })
      for (const { message } of some) message.ack()
    } catch (error) {
      // One that cannot be written costs only itself; where the store is busy all come again.
      if (some.length > 1 && !(error instanceof BusyError)) {
        for (const one of some) await write([one])
        return
      }
      warn(`the store does not take what the queue has; it comes again in ${RETRY_S} s (${describe(error)})`)
      for (const { message } of some) message.retry({ delaySeconds: RETRY_S })
    }
  }
  await write(read)
}

function requestOf(raw: RawSpan[]): object {
  return {
    resourceSpans: raw.map(({ resource, scope, span }) => ({ resource, scopeSpans: [{ scope, spans: [span] }] })),
  }
}

async function gzip(raw: RawSpan[]): Promise<Uint8Array> {
  const packed = new Blob([JSON.stringify(raw)]).stream().pipeThrough(new CompressionStream('gzip'))
  return new Uint8Array(await new Response(packed).arrayBuffer())
}

async function gunzip(body: ArrayBuffer | Uint8Array): Promise<RawSpan[]> {
  const unpacked = new Blob([body as ArrayBuffer]).stream().pipeThrough(new DecompressionStream('gzip'))
  return (await new Response(unpacked).json()) as RawSpan[]
}
