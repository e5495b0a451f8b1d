/**
 * A server of one's own, a process that lives long: sessions are delivered in the background, and once more before the
 * process ends. Where there is no `process` that says so (Workers, edge functions), nothing happens.
 */
import { guard } from '../runtime/diag.ts'
import type { Session } from '../session/session.ts'

/** Of `process`, what is needed. */
interface Process {
  pid: number
  on(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
  listenerCount(event: string): number
  kill(pid: number, signal: string): void
}

/** Sessions that may still have something to send; each leaves when it is delivered. */
const live: Set<Session> = new Set()
let watching = false

/**
 * Sends what `session` has finished when the process is told to end (`beforeExit`, SIGTERM). Gives what ends that: to be
 * called when it is delivered.
 */
export function atExit(session: Session): () => unknown {
  const { process } = globalThis as { process?: Process }
  if (typeof process?.on === 'function' && typeof process.kill === 'function') {
    live.add(session)
    if (!watching) watch(process)
  }
  return () => live.delete(session)
}

function watch(process: Process): void {
  watching = true
  const flush = (): Promise<unknown> => Promise.all([...live].map((session) => session.flush()))
  process.on('beforeExit', () => void (live.size && flush()))
  const onTerm = (): void => {
    void flush().then(() => {
      process.off('SIGTERM', onTerm)
      // Whoever else listens decides about the end; with nobody else it is what it would be without us.
      if (!process.listenerCount('SIGTERM')) process.kill(process.pid, 'SIGTERM')
    })
  }
  guard('watching for SIGTERM', () => process.on('SIGTERM', onTerm))
}
