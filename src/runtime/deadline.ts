/** Waiting, with an end. */
import { OwnError } from './diag.ts'

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

  /** `promise`, or a `TimeoutError` after `ms`, or `graceMs` after the deadline where that is sooner. */
  async within<T>(ms: number, promise: Promise<T>, graceMs = 0): Promise<T> {
    const until = Date.now() + ms
    let timer: ReturnType<typeof setTimeout> | undefined
    let rearm = (): void => {}
    const late = new Promise<never>((_, reject) => {
      rearm = () => {
        clearTimeout(timer)
        const left = Math.min(until - Date.now(), this.left + graceMs)
        timer = setTimeout(
          () => reject(Object.assign(new OwnError('no answer in time'), { name: 'TimeoutError' })),
          Math.max(left, 0),
        )
      }
      rearm()
    })
    this.#rearm.add(rearm)
    try {
      return await Promise.race([promise, late])
    } finally {
      clearTimeout(timer)
      this.#rearm.delete(rearm)
    }
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
