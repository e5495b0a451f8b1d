/** Waiting, with an end. */
import { OwnError } from './diag.ts'
import { MAX_DELAY_MS } from './timers.ts'

/** Waits for a promise until a limit is over; rejects with a `TimeoutError` then. */
type Within = <T>(promise: Promise<T>) => Promise<T>

/** When one export must be over. It may come nearer while the export is under way, and never goes further away. */
export class Deadline {
  readonly #rearm: Set<() => void> = new Set()
  #at: number

  /** `at`: milliseconds since the epoch. */
  constructor(at: number) {
    this.#at = at
  }

  /** Milliseconds, negative where it is over. */
  get left(): number {
    return this.#at - Date.now()
  }

  sooner(at: number): void {
    this.#at = Math.min(this.#at, at)
    for (const rearm of this.#rearm) rearm()
  }

  /** Calls `task` after `ms`, or `graceMs` after the deadline where that is sooner. Gives what calls it off. */
  after(ms: number, task: () => void, graceMs = 0): () => void {
    const until = Date.now() + ms
    let timer: ReturnType<typeof setTimeout> | undefined
    const rearm = (): void => {
      clearTimeout(timer)
      timer = setTimeout(task, Math.max(Math.min(until - Date.now(), this.left + graceMs, MAX_DELAY_MS), 0))
    }
    rearm()
    this.#rearm.add(rearm)
    return () => {
      clearTimeout(timer)
      this.#rearm.delete(rearm)
    }
  }

  /** `promise`, or a `TimeoutError` after `ms`, or `graceMs` after the deadline where that is sooner. */
  within<T>(ms: number, promise: Promise<T>, graceMs?: number): Promise<T> {
    return this.limited(ms, (within) => within(promise), graceMs)
  }

  /** The same for each promise that `work` hands to the function it is given, with one timer for all of them. */
  async limited<T>(ms: number, work: (within: Within) => Promise<T>, graceMs?: number): Promise<T> {
    let off = (): void => {}
    const late = new Promise<never>((_, reject) => {
      off = this.after(
        ms,
        () => {
          reject(Object.assign(new OwnError('no answer in time'), { name: 'TimeoutError' }))
        },
        graceMs,
      )
    })
    late.catch(() => {})
    try {
      return await work((promise) => Promise.race([promise, late]))
    } finally {
      off()
    }
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
