/**
 * A process that ends: what its sessions have finished is sent once more, in one try that is soon over, and the process
 * ends as it would without us. Where there is no `process` that says so (Workers, edge functions), nothing happens.
 *
 * SIGTERM: whoever else listens decides, and finds the listeners as they are without ours; with nobody else the process
 * ends by the signal. An empty event loop (`beforeExit`): each session has one flush, so that none brings the next.
 */
import { guard, warn } from '../runtime/diag.ts'
import { leaving } from '../runtime/leaving.ts'
import { isWorkers } from '../runtime/platform.ts'
import { later, watchDue } from '../runtime/timers.ts'
import type { Session } from '../session/session.ts'
import { serverEnvironment } from './platform.ts'

/** Of `process`, what is needed. */
interface Process {
  pid: number
  on(event: string, listener: Listener): unknown
  prependListener(event: string, listener: Listener): unknown
  off(event: string, listener: Listener): unknown
  listenerCount(event: string): number
  kill(pid: number, signal: string): void
}
type Listener = (...args: unknown[]) => void

const TERM = 'SIGTERM'
/** For the flush at the end, and for what keeps to no deadline, a spool or a `fetch` of the user's. */
const FLUSH_MS = 1500
const END_MS = 1900
/** So many are named in the log. */
const MAX_NAMES = 5

/**
 * What the copies of this library that a bundler makes (Next.js: one a route) do when the event loop is empty and at
 * SIGTERM: one listener for all, as each would take the others for somebody who decides.
 */
interface Watch {
  empty: Set<() => void>
  term: Set<() => Promise<unknown>>
}
const SHARED = Symbol.for('agentops-edge.exit.1')

/** Sessions that may still have something to send. Weakly: one whose handler never settles is not kept for it. */
const live: Set<WeakRef<Session>> = new Set()
let sweepAt = 64
/** Sessions that were flushed at the end. */
const flushedAtEnd: WeakSet<Session> = new WeakSet()
let watching = false

/** Sends what `session` has finished when the process ends. Gives what ends that: to be called when it is delivered. */
export function atExit(session: Session): () => unknown {
  const process = session.config.disabled ? undefined : guard('looking for the process', endingProcess)
  if (!process) return () => {}
  const held = new WeakRef(session)
  live.add(held)
  if (live.size > sweepAt) {
    for (const one of live) if (!one.deref()) live.delete(one)
    sweepAt = Math.max(64, live.size * 2)
  }
  if (!watching) watch(process)
  return () => live.delete(held)
}

/** The process, where an empty event loop is its end. */
function endingProcess(): Process | undefined {
  const { process } = globalThis as unknown as { process?: Process }
  if (typeof process?.prependListener !== 'function' || typeof process.kill !== 'function') return undefined
  // Workers have the names of it, and never end; Lambda's runtime answers with an empty event loop, and goes on.
  return isWorkers() || serverEnvironment()?.AWS_LAMBDA_RUNTIME_API ? undefined : process
}

function sessions(): Session[] {
  return [...live].flatMap((held) => held.deref() ?? [])
}

function watch(process: Process): void {
  watching = true
  const { empty, term } = sharedOf(process)
  const runDue = watchDue()
  empty.add(() => {
    // Bodies that nobody reads and work that never settles: their sessions end now.
    runDue()
    const fresh = sessions().filter((session) => !flushedAtEnd.has(session))
    for (const session of fresh) flushedAtEnd.add(session)
    const left = leaving()
    const sent = left.map(({ send }) => send(FLUSH_MS))
    void Promise.all([...fresh.map((session) => session.leave(FLUSH_MS, true)), ...sent]).then(() => {
      // What is left would be sent, and fail, for ever.
      for (const { lose } of left) lose?.()
      nameRunning(fresh)
    })
  })
  term.add(sendLeft)
  term.add(() => Promise.all(sessions().map((session) => session.leave(FLUSH_MS, false))))
}

const sendLeft = (): Promise<unknown> => Promise.all(leaving().map(({ send }) => send(FLUSH_MS)))

/** On Lambda: the environment ends by SIGTERM where there is an extension; otherwise it is never told. */
export function atShutdown(): void {
  const { process } = globalThis as unknown as { process?: Process }
  if (watching || typeof process?.prependListener !== 'function') return
  watching = true
  sharedOf(process).term.add(sendLeft)
}

/** For who ends the process when it is told to: the sessions that are ending have ended, and what there is has been sent. */
export async function settleAtEnd(): Promise<void> {
  const { term } = (globalThis as { [SHARED]?: Watch })[SHARED] ?? {}
  const ending = sessions().filter(({ state }) => state !== 'running')
  const late = new Promise<void>((resolve) => later(() => resolve(), END_MS))
  const sent = Promise.all([...ending.map((session) => session.end()), ...[...(term ?? [])].map((flush) => flush())])
  await Promise.race([sent, late])
}

function sharedOf(process: Process): Watch {
  return (globalThis as { [SHARED]?: Watch })[SHARED] ?? install(process)
}

function install(process: Process): Watch {
  const shared: Watch = { empty: new Set(), term: new Set() }
  Object.defineProperty(globalThis, SHARED, { value: shared })
  process.on('beforeExit', () => {
    for (const each of shared.empty) each()
  })
  // Deno calls listeners in an order of its own, and those of its own kind nobody can count: who decides cannot be told.
  if (!('Deno' in globalThis)) guard('watching for SIGTERM', () => onTerm(process, shared.term))
  return shared
}

function nameRunning(ended: Session[]): void {
  const running = ended.filter(({ state }) => state === 'running')
  const names = running.slice(0, MAX_NAMES).map(({ name, id }) => `${name} (${id})`)
  if (running.length > MAX_NAMES) names.push(`${running.length - MAX_NAMES} more`)
  if (names.length) {
    warn(
      `the process ends, and nobody has ended ${names.join(', ')}: what had finished was sent, without a root. Call end(), or use withSession() or "await using"`,
      'not-ended',
    )
  }
}

function onTerm(process: Process, flushes: Watch['term']): void {
  let isOn = false
  /** First, while those that listen once are still counted. */
  const listen = (on: boolean): void => {
    isOn = on
    process.off(TERM, listener)
    if (on) process.prependListener(TERM, listener)
  }
  const listener = (): void => {
    const isAlone = process.listenerCount(TERM) < 2
    // Those who look whether somebody else listens must not find us. A second signal ends it at once.
    listen(false)
    const late = new Promise<void>((resolve) => later(() => resolve(), END_MS))
    void Promise.race([Promise.all([...flushes].map((flush) => flush())), late]).then(() => {
      if (isAlone) process.kill(process.pid, TERM)
      else listen(true)
    })
  }
  process.on('newListener', (event, added) => {
    if (event === TERM && added !== listener && isOn) queueMicrotask(() => isOn && listen(true))
  })
  listen(true)
}
