/** Tells who listens which traces have new spans, by server-sent events, at most four times a second. */
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Stored, TraceStore } from './trace-store.ts'

const PAUSE_MS = 250
/** A comment that keeps what is between from closing a silent connection. */
const BEAT_MS = 15_000
/** Trace ids of one message; who listens for more reads the list. */
const MAX_IDS = 500

export function live(c: Context, store: TraceStore): Response {
  return streamSSE(c, async (stream) => {
    let wake: (() => void) | undefined
    const changed = new Set<string>()
    const ended = new Set<string>()
    const stop = store.subscribe((stored: Stored) => {
      for (const id of stored.changed) if (changed.size < MAX_IDS) changed.add(id)
      for (const id of stored.ended) if (ended.size < MAX_IDS) ended.add(id)
      wake?.()
    })
    stream.onAbort(() => {
      stop()
      wake?.()
    })
    try {
      await stream.writeSSE({ event: 'hello', data: '{}' })
      while (!stream.aborted && !stream.closed) {
        if (changed.size) {
          const data = JSON.stringify({ changed: [...changed], ended: [...ended] })
          changed.clear()
          ended.clear()
          await stream.writeSSE({ event: 'stored', data })
          await stream.sleep(PAUSE_MS)
          continue
        }
        const beat = setTimeout(() => wake?.(), BEAT_MS)
        ;(beat as { unref?(): void }).unref?.()
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        clearTimeout(beat)
        if (!changed.size && !stream.aborted) await stream.write(': \n\n')
      }
    } finally {
      stop()
    }
  })
}
