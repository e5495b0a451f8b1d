/**
 * Taking turns at plain state that all requests of an isolate see. In workerd no request may wait for another's promise,
 * and the clock stands still or jumps: who holds a turn counts beats on a timer of its own, the others look at the count on
 * theirs. Elsewhere who waits is woken.
 */
import type { Deadline } from './deadline.ts'
import { isWorkers } from './platform.ts'
import { unref } from './timers.ts'

/** Who holds a turn; the beats stop when its request is cut off. */
export interface Holder {
  beats: number
}

/** State that somebody may wait for. */
export interface Awaited {
  /** Who is to be woken when it changes; nobody in workerd. */
  readonly waiting: Set<() => void>
}

const BEAT_MS = 100
/** So long a holder is silent before its turn is over: twice that a beat is late, by its looker's own timers. */
export const SILENT_MS = 250

/** Whether one request may be woken by another: not in workerd, and not where it may be beneath. */
export function mayWake(): boolean {
  return !isWorkers() && !('EdgeRuntime' in globalThis)
}

/** `work`, with beats for as long as it takes. */
export async function beating<T>(holder: Holder, work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => holder.beats++, BEAT_MS)
  unref(timer)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}

/** Waits `ms`, or until the state has changed, or to the deadline with its grace. */
export function pause({ waiting }: Awaited, ms: number, deadline: Deadline, graceMs?: number): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      off()
      waiting.delete(over)
      resolve()
    }
    const off = deadline.after(ms, over, graceMs)
    if (mayWake()) waiting.add(over)
  })
}

export function changed({ waiting }: Awaited): void {
  for (const wake of waiting) wake()
}

/** What one looker has seen of those that it waits for. */
export class Watch {
  readonly #seen: Map<Holder, readonly [beats: number, silent: number]> = new Map()

  /** How long `holder` has not beaten by the looker's own timers, ms. To be asked once a look, `slept` since the one before. */
  silence(holder: Holder, slept: number): number {
    const [beats, silent] = this.#seen.get(holder) ?? []
    const now = beats === holder.beats ? (silent ?? 0) + slept : 0
    this.#seen.set(holder, [holder.beats, now])
    return now
  }
}
