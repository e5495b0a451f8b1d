/**
 * An invocation whose handler does not come to its end: its time runs out, the process has nothing left to do, or it ends
 * by an error that nobody handles. What is known of it is sent before the process ends, as it would end without us.
 */
import { guard } from '../runtime/diag.ts'
import { later } from '../runtime/timers.ts'

/** Ends the session of such an invocation; resolves when it is delivered, and never rejects. Undefined where it goes on. */
export type CutOff = (
  type: 'timeout' | 'unsettled' | 'uncaught',
  reason: string,
  error?: unknown,
) => Promise<unknown> | undefined

type Listener = (...args: unknown[]) => void

/** So much of an invocation's time is left to its delivery: a tenth, within these. */
const MIN_MS = 250
const MAX_MS = 1000
/** So long a process waits for the delivery that ends by an error. */
const UNCAUGHT_MS = 1500
/** Under which the runtime client up to Node.js 22 keeps what it does when the event loop is empty. */
const AT_EMPTY = Symbol.for('aws.lambda.beforeExit')
const globals = globalThis as unknown as Record<symbol, Listener | undefined>

/** Of the invocations that run, in this process: one, or several on managed instances. */
const running: Set<CutOff> = new Set()
let unlisten: (() => void) | undefined
let isEnding = false

/**
 * `leftMs`: of the invocation; where there is none, the context was made for a test. Gives what is to be called when its
 * handler has come to its end.
 */
export function watchUnfinished(cutOff: CutOff, leftMs: number): () => void {
  const reserve = Math.min(Math.max(leftMs / 10, MIN_MS), MAX_MS)
  const off =
    leftMs > 0 &&
    later(
      () =>
        cutOff(
          'timeout',
          `timed out: the handler still ran ${Math.round(reserve)} ms before the end of its ${Math.round(leftMs)} ms`,
        ),
      Math.max(leftMs - reserve, 0),
    )
  if (process.env.AWS_LAMBDA_RUNTIME_API) unlisten ??= guard('watching for the end of the process', listen)
  running.add(cutOff)
  return () => {
    if (off) off()
    running.delete(cutOff)
    if (!running.size && !isEnding) leave()
  }
}

function listen(): () => void {
  // Before the runtime's.
  process.prependListener('beforeExit', onEmpty)
  // Node raises a rejection as an exception where nobody listens to rejections.
  const removers = (['unhandledRejection', 'uncaughtException'] as const).map(onError)
  return () => {
    process.off('beforeExit', onEmpty)
    for (const each of removers) each()
  }
}

function leave(): void {
  unlisten?.()
  unlisten = undefined
}

/** The event loop is empty; what is sent fills it again, and then it is empty once more. */
function onEmpty(): void {
  const sent = [...running].flatMap(
    (cutOff) => cutOff('unsettled', 'the handler never settled, and nothing was left to wait for') ?? [],
  )
  const answer = globals[AT_EMPTY]
  if (!sent.length || !answer) return
  globals[AT_EMPTY] = () => {}
  void Promise.all(sent).then(() => {
    globals[AT_EMPTY] = answer
  })
}

/**
 * The process ends by an error: with no other listener of itself, or by the runtime client's, the first, which ends it when
 * it has reported the error. Whoever else listens decides, and the invocation may go on.
 */
function onError(event: 'unhandledRejection' | 'uncaughtException'): () => void {
  const listeners = process.listeners(event as 'uncaughtException') as Listener[]
  const runtimes = globals[AT_EMPTY] && listeners[0]
  if (event === 'unhandledRejection' && !runtimes) return () => {}
  const listener: Listener = (...args) => {
    if (isEnding || (!runtimes && process.listenerCount(event) > 1)) return
    isEnding = true
    const sent = [...running].map((cutOff) => cutOff('uncaught', 'an error that nobody handled', args[0]))
    const late = new Promise<void>((resolve) => setTimeout(resolve, UNCAUGHT_MS))
    void Promise.race([Promise.all(sent), late]).then(() => {
      leave()
      if (runtimes) runtimes(...args)
      else {
        // Not in a promise, whose rejection would be another.
        setImmediate(() => {
          throw args[0]
        })
      }
    })
  }
  if (runtimes) process.off(event, runtimes)
  process.prependListener(event as 'uncaughtException', listener)
  return () => {
    process.off(event, listener)
    if (runtimes) process.prependListener(event as 'uncaughtException', runtimes)
  }
}
