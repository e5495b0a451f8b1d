/**
 * One request, one session: what every HTTP adapter shares. It opens the session, judges the outcome, keeps the session
 * open to the end of the body and flushes it off the response's path.
 */
import type { Config } from '../config.ts'
import { guard } from '../diag.ts'
import { sleep } from '../export/retry.ts'
import { perRequest } from '../options.ts'
import { readInbound } from '../propagation/inbound.ts'
import * as key from '../semconv.ts'
import { loadStorage, ownScope, runIn, setOwner } from '../session/scope.ts'
import { Session } from '../session/session.ts'
import { requestAttributes, requestName } from './attributes.ts'
import { type WatchedBody, watchBody } from './body.ts'

export type WaitUntil = (promise: Promise<unknown>) => void

/** Work that is over so soon after the response goes out in one request with the rest. */
const ONE_POST_MS = 100
/** Workers and Vercel end an invocation 30 s after its response. */
const GRACE_MS = 28_000
/** `SpanKind.SERVER`, without importing an object of all kinds. */
const SERVER = 1

export interface RequestSession {
  session: Session
  /** Runs the user's code in the session's scope. */
  run<T>(fn: () => T): T
  /** Takes the handler's response, and gives the one to return. */
  finish(response: Response): Response
  /** The handler threw: the session ends with Fail. */
  fail(error: unknown): void
}

/** To be awaited by an adapter before its first session: finds AsyncLocalStorage without making a bundler look for it. */
export function prepare(): Promise<void> {
  const module = ['node', 'async_hooks'].join(':')
  return loadStorage(
    () => import(/* @vite-ignore */ /* webpackIgnore: true */ module),
    'On Workers add the compatibility flag "nodejs_als", or use c.var.agentops or currentSession(ctx).',
  )
}

/** What an adapter knows of its platform. */
export interface Platform {
  /** The platform's context of this request alone; through it the session is found without AsyncLocalStorage. */
  execution?: { waitUntil: WaitUntil }
  /** The pattern that a router matched. */
  route?: string
}

export function openRequestSession(config: Config, request: Request, platform: Platform): RequestSession {
  const { execution, route } = platform
  const waitUntil: WaitUntil | undefined =
    config.waitUntil ?? (execution && ((promise) => execution.waitUntil(promise)))
  const isHead = request.method === 'HEAD'
  const session = new Session(config, {
    name: perRequest(config.name, request) ?? requestName(request, route),
    tags: perRequest(config.tags, request),
    attributes: perRequest(config.attributes, request),
    kind: SERVER,
    rootAttributes: requestAttributes(request, route),
    ...readInbound(request.headers, config.inbound),
    waitUntil,
    lateWaitUntil: execution && weakWaitUntil(execution),
  })
  setOwner(request, session)
  setOwner(execution, session)
  const { root } = session
  const context = ownScope(session)

  const returned = (): void => {
    if (waitUntil) session.endBy(Date.now() + GRACE_MS)
  }
  const end = (status: number): Promise<unknown> => {
    returned()
    if (session.endState !== 'Indeterminate') return session.end()
    return status < 500 ? session.end('Success') : session.end('Fail', `the response's status was ${status}`)
  }
  const fail = (error: unknown): void => {
    returned()
    session.fail(error)
    void session.end()
  }

  return {
    session,
    fail,
    run: (fn) => runIn(context, fn),
    finish(response) {
      const { status } = response ?? {}
      if (typeof status !== 'number') {
        fail(new TypeError('the handler returned no Response'))
        return response
      }
      root.setAttributes({
        [key.HTTP_STATUS]: status,
        [key.ERROR_TYPE]: status < 500 ? undefined : String(status),
      })
      const onFirstByte = (): void => {
        guard('the first byte', () => root.addEvent('http.response.first_byte'))
      }
      // Hono answers HEAD with the headers alone: nobody would read the body.
      const watched = isHead
        ? undefined
        : guard('watching the body', () => watchBody(response, session, config.workDeadlineMs, onFirstByte))
      // `end` itself is given to waitUntil by the session; a body that is still being read has to be, too.
      if (watched) {
        const over = endWith(session, watched.ended, () => end(status))
        guard('waitUntil', () => waitUntil?.(over))
      } else void end(status)
      return watched?.response ?? response
    },
  }
}

/** Ends the session with its body. A body that outlives the handler has what is finished sent at once. */
async function endWith(session: Session, ended: WatchedBody['ended'], end: () => Promise<unknown>): Promise<void> {
  const over = await Promise.race([ended.then(() => true), sleep(ONE_POST_MS)])
  // Not awaited: the session ends with its body, however slow the backend is.
  if (!over) void session.flush()
  const failed = await ended
  if (failed) session.fail(failed.error)
  await end()
}

/**
 * A session outlives its request in AsyncLocalStorage, where a context that is held strongly is never freed. Undefined
 * where the runtime has no WeakRef (Workers before the compatibility date 2025-05-05).
 */
function weakWaitUntil(execution: { waitUntil: WaitUntil }): WaitUntil | undefined {
  if (typeof WeakRef === 'undefined') return undefined
  const held = new WeakRef(execution)
  return (promise) => held.deref()?.waitUntil(promise)
}
