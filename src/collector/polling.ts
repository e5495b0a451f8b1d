/** Tells of what is new in a store that others write, too: looks again and again while somebody listens. */
import { describe, warn } from '../runtime/diag.ts'
import type { Stored } from './trace-store.ts'

/** A session with new spans. */
export interface Change {
  traceId: string
  hasEnded: boolean
  /** When the store got them, milliseconds since the epoch. */
  updated: number
}

const PAUSE_MS = 2000
/** Clocks of those who write differ, and a write takes its time: what is as old as that may still come. */
const OVERLAP_MS = 10_000

/** `read`: what was written after `since`, milliseconds since the epoch. */
export function polling(
  read: (since: number) => Promise<Change[]>,
): (listener: (stored: Stored) => void) => () => void {
  return (listener) => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let isOver = false
    let known: Map<string, Change> | undefined
    const look = async (): Promise<void> => {
      try {
        const changes = await read(Date.now() - OVERLAP_MS - PAUSE_MS)
        const before = known
        const changed = before ? changes.filter(({ traceId, updated }) => before.get(traceId)?.updated !== updated) : []
        const ended = changed.filter(({ traceId, hasEnded }) => hasEnded && !before?.get(traceId)?.hasEnded)
        known = new Map(changes.map((change) => [change.traceId, change]))
        if (changed.length && !isOver) {
          listener({ changed: changed.map(({ traceId }) => traceId), ended: ended.map(({ traceId }) => traceId) })
        }
      } catch (error) {
        warn(`the store cannot be asked what is new (${describe(error)})`)
      }
      if (!isOver) timer = setTimeout(look, PAUSE_MS)
    }
    look()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }
}
