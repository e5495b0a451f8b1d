/**
 * What is given to `after()` of Next.js on a server of one's own, and the end of its process. Next.js asks for its
 * platform's `waitUntil` where it finds one: this one holds the session, and is waited for before the process ends, as
 * Next.js' own is.
 */
import { settleAtEnd } from '#exit'
import { NEXT_CONTEXT, OURS } from '../lifetime/platform.ts'
import { guard } from '../runtime/diag.ts'
import { currentSession } from '../session/current.ts'

const pending: Set<Promise<unknown>> = new Set()

function waitUntil(promise: Promise<unknown>): void {
  const settled: Promise<unknown> = Promise.resolve(promise)
    // biome-ignore lint/suspicious/noConsole: as Next.js' own says it
    .catch((error) => console.error(error))
    .then(() => pending.delete(settled))
  pending.add(settled)
  guard('waitUntil', () => currentSession()?.hold(settled))
}

/** Where Next.js' own server runs, which ends its process when all that was given to `after()` is over. */
export function holdAfter(): void {
  const { process } = globalThis as { process?: { listeners?(event: string): { name: string }[] } }
  const isNexts = process?.listeners?.('SIGTERM').some(({ name }) => name === 'cleanup')
  if (!isNexts || NEXT_CONTEXT in globalThis) return
  const value = { get: () => ({ waitUntil }), [OURS]: true }
  Object.defineProperty(globalThis, NEXT_CONTEXT, { value, configurable: true, writable: true })
}

/** All that was given to `after()` is over, and what sessions have is sent, or could not be in the time that there is. */
export async function settled(): Promise<void> {
  while (pending.size) await Promise.all(pending)
  // What has just been answered ends its session with the next turns.
  await new Promise((resolve) => setTimeout(resolve, 10))
  await settleAtEnd()
}
