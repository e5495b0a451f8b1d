/**
 * One request, one session: what every HTTP adapter shares. It opens the session, judges the outcome, keeps the session
 * open to the end of the body and flushes it off the response's path.
 */
import { SpanKind } from '@opentelemetry/api'
import type { Config } from '../config.ts'
import { guard, warn } from '../diag.ts'
import { sleep } from '../export/retry.ts'
import { perRequest } from '../manager.ts'
import { readInbound } from '../propagation/inbound.ts'
import * as key from '../semconv.ts'
import { loadStorage, runIn, setOwner, withScope } from '../session/scope.ts'
import { Session } from '../session/session.ts'
import { methodName, requestAttributes } from './attributes.ts'
import { type BodyEnd, watchBody } from './body.ts'

export type WaitUntil = (promise: Promise<unknown>) => void

/** Work that is over so soon after the response goes out in one request with the rest. */
const ONE_POST_MS = 100

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
    'On Workers add the compatibility flag "nodejs_als"; until then use c.var.agentops, or currentSession(ctx).',
  )
}

/** What an adapter knows of its platform. */
export interface Platform {
  waitUntil?: WaitUntil
  /** An object that belongs to this request alone: through it the session is found without AsyncLocalStorage. */
  owner?: object
  /** The pattern that a router matched. */
  route?: string
}

export function openRequestSession(config: Config, request: Request, platform: Platform): RequestSession {
  const { route } = platform
  const waitUntil = config.waitUntil ?? platform.waitUntil ?? runInBackground
  const session = new Session(config, {
    name: perRequest(config.name, request) ?? (route ? `${methodName(request)} ${route}` : methodName(request)),
    tags: perRequest(config.tags, request),
    attributes: perRequest(config.attributes, request),
    kind: SpanKind.SERVER,
    rootAttributes: requestAttributes(request, route),
    ...readInbound(request.headers, config.inbound),
    waitUntil,
  })
  setOwner(request, session)
  setOwner(platform.owner, session)
  const context = withScope(session.context, new Set([session]))
  let status = 0

  const end = (bodyEnd?: BodyEnd): Promise<unknown> => {
    if (bodyEnd?.kind === 'error') session.fail(bodyEnd.error)
    if (session.endState === 'Indeterminate' && status < 500) return session.end('Success')
    if (session.endState === 'Indeterminate') return session.end('Fail', `the response's status was ${status}`)
    return session.end()
  }

  return {
    session,
    run: (fn) => runIn(context, fn),
    finish(response) {
      if (typeof response?.status !== 'number') {
        this.fail(new TypeError('the handler returned no Response'))
        return response
      }
      status = response.status
      const { root } = session
      root.setAttribute(key.HTTP_STATUS, status)
      if (status >= 500) root.setAttribute(key.ERROR_TYPE, String(status))
      const onFirstByte = (): void => {
        guard('the first byte', () => root.addEvent('http.response.first_byte'))
      }
      const watched = guard('watching the body', () => watchBody(response, session, onFirstByte))
      if (!watched?.ended) {
        waitUntil(end())
        return watched?.response ?? response
      }
      waitUntil(endWith(session, watched.ended, end))
      return watched.response
    },
    fail(error) {
      session.fail(error)
      waitUntil(end())
    },
  }
}

/** Ends the session with its body. A body that outlives the handler has what is finished sent at once. */
async function endWith(
  session: Session,
  ended: Promise<BodyEnd>,
  end: (bodyEnd: BodyEnd) => Promise<unknown>,
): Promise<void> {
  const over = await Promise.race([ended.then(() => true), sleep(ONE_POST_MS).then(() => false)])
  if (!over) await session.flush()
  await end(await ended)
}

/** Where a platform has no `waitUntil` the process goes on by itself. */
function runInBackground(promise: Promise<unknown>): void {
  promise.catch(() => warn('a session could not be ended', 'background'))
}
