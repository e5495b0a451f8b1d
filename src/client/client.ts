/**
 * The client that starts sessions outside an adapter and routes module-level calls to the right one.
 * In single mode a scope has at most one active session; in multi mode a call has to name its session.
 */
import { atExit } from '#exit'
import type { AgentEvent, PlainEvent } from '../events/event.ts'
import { type AgentOpsOptions, type Environment, perRequest } from '../options/options.ts'
import { readConfig } from '../options/read.ts'
import { type FlushReport, sumOf } from '../outbox/report.ts'
import { guard, warn } from '../runtime/diag.ts'
import { runIn } from '../runtime/scope.ts'
import { currentSession } from '../session/current.ts'
import type { SessionInit } from '../session/init.ts'
import { activeScope, enterScope, ownScope, type Scope } from '../session/scope.ts'
import type { Session } from '../session/session.ts'
import type { EndState } from '../session/view.ts'
import { openSession } from '../wiring/session.ts'

/**
 * What `createAgentOps()` gives: starts sessions, and finds those that run. Nothing of it throws or rejects for
 * telemetry's sake; what the user's functions throw is thrown on.
 */
export interface AgentOps {
  /** The session that a call made here would reach, or undefined. */
  readonly currentSession: Session | undefined
  /** The sessions that this client started and that have not ended. */
  readonly activeSessions: readonly Session[]
  /** Starts a session. In single mode, where one is active in this scope, it warns and returns that one. */
  startSession(init?: SessionInit): Session
  /**
   * Runs `fn` in a session and scope of its own; ends it with Success, or with Fail when `fn` throws. It resolves when the
   * session is delivered, or at once where the option `waitUntil` keeps the runtime alive for that.
   */
  withSession<T>(init: SessionInit, fn: (session: Session) => T | Promise<T>): Promise<T>
  endSession(endState?: EndState, reason?: string): Promise<FlushReport | undefined>
  record(event: AgentEvent | PlainEvent): void
  addTags(tags: string | readonly string[]): void
  setTags(tags: string | readonly string[]): void
  /**
   * Opens an agent that later events of the session carry; before any session, of the next one that this client starts.
   * Returns the agent's id, or undefined where no session could be told.
   */
  createAgent(name: string, id?: string): string | undefined
  /** Sends what the active sessions have finished. Never rejects. */
  flush(): Promise<FlushReport>
}

/** What is neither ended nor used is not kept for ever: a handler may never settle. */
const MAX_ACTIVE = 1000
const MAX_EARLY = 100

function forgetFirst(kept: Set<Session> | Map<string, string>, most: number): void {
  const [first] = kept.keys()
  if (kept.size <= most) return
  kept.delete(first as never)
  warn(
    most === MAX_ACTIVE
      ? `${most} sessions are active: the oldest is not in activeSessions any more, and not flushed with the client. Call end(), or use withSession()`
      : `createAgent: ${most} agents wait for a session; the oldest is left out`,
  )
}

/** Makes a client. Reads options and environment; no I/O, no timer, no global. */
export function createAgentOps(options?: AgentOpsOptions, env?: Environment): AgentOps {
  const config = readConfig(options, env)
  const active: Set<Session> = new Set()
  /** Opened before there was a session: the next one that this client starts has them. */
  const early: Map<string, string> = new Map()

  const start = (init: SessionInit, scope: Scope | undefined): Session => {
    const attributes = guard('the attributes', () => ({ ...perRequest(config.attributes), ...init.attributes }))
    const session: Session = openSession(config, {
      ...init,
      name: init.name ?? perRequest(config.name) ?? 'agent',
      groupId: init.groupId ?? perRequest(config.sessionId),
      tags: init.tags ?? perRequest(config.tags),
      attributes,
      waitUntil: config.waitUntil,
      onEnded: () => {
        active.delete(session)
        scope?.delete(session)
        // Its end is under way, and stands when this turn is over.
        void Promise.resolve().then(() => session.end().then(forget))
      },
    })
    const forget = config.waitUntil ? undefined : atExit(session)
    active.add(session)
    forgetFirst(active, MAX_ACTIVE)
    scope?.add(session)
    for (const [id, name] of early) session.createAgent(name, id)
    early.clear()
    return session
  }

  const find = (): Session | undefined => {
    const session = currentSession()
    if (session || config.scope !== 'process' || active.size !== 1) return session
    return [...active][0]
  }

  /** The session that a call means; says what to do where it cannot be told. */
  const target = (call: string, method: string = call): Session | undefined => {
    const session = find()
    if (session) return session
    const several = (activeScope()?.size ?? active.size) > 1
    warn(
      several
        ? `${call}: several sessions are active here, so nothing was done. Call session.${method}(…) on the one you mean, or call it inside session.run(…)`
        : `${call}: no session is active here, so nothing was done. Start one with startSession() or withSession(), and where the runtime has no AsyncLocalStorage call session.${method}(…)`,
    )
    return undefined
  }

  return {
    get currentSession() {
      return find()
    },
    get activeSessions() {
      return [...active]
    },
    startSession(given) {
      const init = given ?? {}
      if (config.mode === 'single') {
        const running = find()
        if (running && running.state !== 'ended') {
          warn(
            'startSession: a session is already active in this scope, so that one is returned. End it first, open another scope with withSession(), or set mode to "multi"',
          )
          return running
        }
      }
      const scope = activeScope()
      // An empty one was left by a session that ended: what runs since then need not belong together.
      return start(init, scope?.size ? scope : enterScope())
    },
    async withSession(init, fn) {
      const session = start(init ?? {}, undefined)
      return runIn(ownScope(session), async () => {
        try {
          const value = await fn(session)
          session.conclude('Success')
          return value
        } catch (error) {
          session.fail(error)
          throw error
        } finally {
          const ended = session.end()
          if (!config.waitUntil) await ended
        }
      })
    },
    async endSession(endState, reason) {
      return target('endSession', 'end')?.end(endState, reason)
    },
    record: (event) => target('record')?.record(event),
    addTags: (tags) => target('addTags')?.addTags(tags),
    setTags: (tags) => target('setTags')?.setTags(tags),
    createAgent(name, id = crypto.randomUUID()) {
      if (active.size || find()) return target('createAgent')?.createAgent(name, id)
      early.set(id, name)
      forgetFirst(early, MAX_EARLY)
      return id
    },
    async flush() {
      const reports = await Promise.all([...active].map((session) => session.flush()))
      await guard('metrics', () => config.metrics?.forceFlush(config))
      return sumOf(reports)
    },
  }
}
