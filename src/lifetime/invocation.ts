/**
 * One invocation, one session: what every adapter shares. It opens the session, runs the user's code inside, keeps the
 * session open until the work is over (a response's body, what was given to `waitUntil`, what is held), and sends it off
 * the response's path.
 */

import { atExit, atShutdown } from '#exit'
import { observe } from '../events/observe.ts'
import type { Config } from '../options/config.ts'
import { perRequest } from '../options/options.ts'
import type { FlushReport } from '../outbox/report.ts'
import { sleep } from '../runtime/deadline.ts'
import { guard } from '../runtime/diag.ts'
import { loadStorage, runIn } from '../runtime/scope.ts'
import { later } from '../runtime/timers.ts'
import { setOwner } from '../session/current.ts'
import type { RootInit } from '../session/init.ts'
import { ownScope } from '../session/scope.ts'
import type { Session } from '../session/session.ts'
import { openSession } from '../wiring/session.ts'
import type { Platform } from './platform.ts'
import { type Execution, interceptWaitUntil, originalWaitUntil, type WaitUntil } from './wait-until.ts'

/** Work that is over so soon after the handler returned goes out in one request with the rest. */
const ONE_POST_MS = 100
/** Workers and Vercel end an invocation 30 s after its response. */
const GRACE_MS = 28_000
/** What must be left of a Lambda invocation's time when it returns. */
export const MARGIN_MS = 250

export interface Invocation {
  session: Session
  /** Runs the user's code in the session's scope. */
  run<T>(fn: () => T): T
  /**
   * The handler has returned. The session ends after `work` (which never rejects), at once without. `judge` may give it
   * its end state; one that has none then went well.
   */
  end(judge?: () => void, work?: Promise<unknown>): Promise<FlushReport>
  /** The handler threw: the session ends with Fail. */
  fail(error: unknown): Promise<FlushReport>
}

/**
 * To be awaited by an adapter before its first session: finds AsyncLocalStorage without making a bundler look for it.
 * Undefined where there is nothing to wait for.
 */
export function prepare(): Promise<void> | undefined {
  const module = ['node', 'async_hooks'].join(':')
  return loadStorage(
    () => import(/* @vite-ignore */ /* webpackIgnore: true */ /* turbopackIgnore: true */ module),
    'On Workers add the compatibility flag "nodejs_als", or use c.var.agentops, currentSession(ctx) or currentSession(request).',
  )
}

/** `init`: what the options of the user do not say; `request`: for those of them that are functions of it. */
export function openInvocation(config: Config, init: RootInit, platform: Platform, request?: Request): Invocation {
  const { execution, shared, endBy, awaited } = platform
  const waitUntil = config.waitUntil ?? (execution && originalWaitUntil(execution))
  const session = openSession(config, {
    ...init,
    tags: init.tags ?? perRequest(config.tags, request),
    attributes: init.attributes ?? perRequest(config.attributes, request),
    name: perRequest(config.name, request) ?? init.name,
    groupId: perRequest(config.sessionId, request) ?? init.groupId,
    waitUntil,
    lateWaitUntil: execution && weakWaitUntil(execution),
    carries: !shared && !awaited && endBy === undefined,
    isUnwatched: shared,
  })
  if (execution) {
    guard('finding the session by its context', () => shared || setOwner(execution, session))
    guard('watching waitUntil', () => interceptWaitUntil(execution))
  }
  const forget = waitUntil || endBy !== undefined ? undefined : atExit(session)
  if (endBy !== undefined) {
    session.endBy(endBy)
    guard('watching for the end', atShutdown)
  }
  const context = ownScope(session)

  const end: Invocation['end'] = (judge, work) => {
    const early = (): (() => void) => later(() => session.state !== 'ended' && session.flush(), ONE_POST_MS)
    let offEarly = work && early()
    const over = (): Promise<FlushReport> => {
      guard('judging a session', () => judge?.())
      session.conclude('Success')
      if (waitUntil && !shared && endBy === undefined) session.endBy(Date.now() + GRACE_MS)
      const ended = session.finish(!awaited)
      // It waits for what it holds.
      if (session.state === 'ending') offEarly ??= early()
      return ended
    }
    // Not in the turn that returns: encoding what is to be sent would keep the response from going out.
    const finished = async (): Promise<FlushReport> => {
      try {
        await (work ?? sleep(0))
        return await over()
      } finally {
        offEarly?.()
        forget?.()
      }
    }
    const ended = finished()
    guard('waitUntil', () => waitUntil?.(ended))
    return ended
  }
  return {
    session,
    run: (fn) => runIn(context, fn),
    end,
    fail: (error) => end(() => session.fail(error)),
  }
}

/**
 * Runs a handler in a session that ends with it. What it returns or throws, and when, is unchanged; where no session can
 * be opened it runs without one.
 */
export function invoke<T>(open: () => Invocation, call: () => T, judge?: (session: Session) => void): T {
  const invocation = guard('opening a session', open)
  if (!invocation) return call()
  return observe(
    () => invocation.run(call),
    (failed, value) => {
      guard('ending a session', () => {
        if (failed) invocation.fail(value)
        else invocation.end(() => judge?.(invocation.session))
      })
    },
  )
}

/**
 * A session outlives its request in AsyncLocalStorage, where a context that is held strongly is never freed. Undefined
 * where the runtime has no WeakRef (Workers before the compatibility date 2025-05-05).
 */
function weakWaitUntil(execution: Execution): WaitUntil | undefined {
  if (typeof WeakRef === 'undefined') return undefined
  const held = new WeakRef(execution)
  return (promise) => {
    const alive = held.deref()
    if (alive) originalWaitUntil(alive)(promise)
  }
}
