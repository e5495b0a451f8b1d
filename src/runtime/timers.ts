/** Timers that are no reason for a process to live. Where its event loop is empty, what they wait for is due at once. */

/** A timer of more is due at once. */
export const MAX_DELAY_MS: number = 2 ** 31 - 1

/** What is due when nothing else is left to do, in a process that says so: elsewhere a timer may never come to its end. */
let due: Set<() => void> | undefined

/** `task` after `ms`, or when the process has nothing else left to do (`isDue`). Gives what calls it off. */
export function later(task: (isDue: boolean) => void, ms: number): () => void {
  const off = (): void => {
    clearTimeout(timer)
    due?.delete(run)
  }
  const run = (): void => {
    off()
    task(true)
  }
  const timer = setTimeout(
    () => {
      off()
      task(false)
    },
    Math.min(ms, MAX_DELAY_MS),
  )
  unref(timer)
  due?.add(run)
  return off
}

/** Gives what is to be called when the event loop is empty: nothing that is waited for will come. */
export function watchDue(): () => void {
  const watched = new Set<() => void>()
  due = watched
  return () => {
    for (const run of [...watched]) run()
  }
}

/** Node, Deno and Bun keep a process alive for a timer; elsewhere it is a number. */
export function unref(timer: unknown): void {
  ;(timer as { unref?: () => void }).unref?.()
}
