/**
 * Runtimes up to Node.js 22 take an answer from a callback, and from `succeed`, `fail` and `done` of the context; a handler
 * that gives none, and no promise, is answered with null when the event loop is empty. A handler may find the callback
 * among its `arguments`, so that nothing tells whether it will be called. The first answer counts, as on the platform.
 */

import { isThenable } from '../http/answer.ts'
import { sleep } from '../runtime/deadline.ts'
import { guard } from '../runtime/diag.ts'
import { later } from '../runtime/timers.ts'
import type { LambdaInvocation } from './invocation.ts'

type Answer = (...given: unknown[]) => unknown

/** So long a handler that has returned nothing may keep this one waiting for an event loop that only seems busy. */
const BUSY_MS = 1000

export function withCallback(opened: LambdaInvocation, args: unknown[], call: (given: unknown[]) => unknown): unknown {
  let ended: Promise<void> | undefined
  const end = (value?: unknown): Promise<void> => {
    ended ??= opened.end(value)
    return ended
  }
  const fail = (error: unknown): Promise<void> => {
    ended ??= opened.fail(error)
    return ended
  }
  /** The platform hears each answer in its turn, when the session is delivered. */
  const answering = (answer: Answer, failed: (given: unknown[]) => boolean, at: number): Answer => {
    return (...given) => {
      const over = failed(given) ? fail(given[0]) : end(given[at])
      void over.then(() => answer(...given))
    }
  }
  const hasError = ([error]: unknown[]): boolean => error !== undefined && error !== null
  const [event, context, callback, ...rest] = args as [unknown, Record<string, unknown>, Answer]
  const answers: Record<string, [(given: unknown[]) => boolean, number]> = {
    succeed: [() => false, 0],
    fail: [() => true, 0],
    done: [hasError, 1],
  }
  for (const [name, [failed, at]] of Object.entries(answers)) {
    guard('an answer of the context', () => {
      const answer = context[name]
      if (typeof answer === 'function') context[name] = answering(answer.bind(context), failed, at)
    })
  }
  let returned: unknown
  try {
    returned = opened.run(() => call([event, context, answering(callback, hasError, 1), ...rest]))
  } catch (error) {
    void fail(error)
    throw error
  }
  if (isThenable(returned)) {
    return Promise.resolve(returned).then(
      (value) => end(value).then(() => value),
      (error) => fail(error).then(() => Promise.reject(error)),
    )
  }
  opened.mayIdle()
  void whenIdle(() => !!ended).then(() => end())
  return returned
}

/**
 * Resolves just before the event loop would be empty: what is delivered then is delivered before the platform answers
 * with null. Where that cannot be told in time it may come too late; at once where `isOver`.
 */
async function whenIdle(isOver: () => boolean): Promise<void> {
  const { process } = globalThis as { process: Partial<NodeJS.Process> }
  const begun = Date.now()
  for (let ms = 1; !isOver(); ms = Math.min(ms * 2, 50)) {
    const isWaiting = Date.now() - begun < BUSY_MS
    // Behind that, no reason for the event loop to go on; it is empty, then, when this is over at once.
    await (isWaiting ? sleep(ms) : new Promise<void>((resolve) => later(() => resolve(), ms)))
    // The console's own are no work, though they are listed.
    const busy = process.getActiveResourcesInfo?.().filter((kind) => !/^(Pipe|TTY)Wrap$/.test(kind))
    if (!busy?.length) return
  }
}
