/**
 * A session for an HTTP request: named and described by the request, judged by the response, open until the response's
 * body has ended.
 */

import { type Invocation, openInvocation } from '../lifetime/invocation.ts'
import type { Platform } from '../lifetime/platform.ts'
import type { Config } from '../options/config.ts'
import { readInbound } from '../propagation/inbound.ts'
import { guard } from '../runtime/diag.ts'
import { SERVER } from '../runtime/otel.ts'
import * as key from '../runtime/semconv.ts'
import { setOwner } from '../session/current.ts'
import type { RootInit } from '../session/init.ts'
import type { Session } from '../session/session.ts'
import { protocolVersion, requestAttributes, requestName } from './attributes.ts'
import { type BodyEnd, watchBody } from './body.ts'
import { judgeByStatus, recordStatus } from './outcome.ts'
import { ownOrigin } from './own-origin.ts'

export interface RequestSession extends Pick<Invocation, 'session' | 'run' | 'fail'> {
  /** Takes the handler's response, and gives the one to return. */
  finish(response: Response): Response
  /** Where the platform freezes with the response: to be awaited before a response of known length is returned. */
  toAwait: Promise<unknown> | undefined
}

export interface RequestPlatform extends Platform {
  /** The pattern that a router matched. */
  route?: string
  /** What goes before what the request says. */
  init?: RootInit
}

export function openRequestSession(config: Config, request: Request, platform: RequestPlatform): RequestSession {
  const { route, init } = platform
  const { parent, links, groupId } = readInbound(request.headers, config, request)
  const invocation = openInvocation(
    config,
    {
      ...{ name: requestName(request, route), kind: SERVER, parent, links, groupId },
      rootAttributes: requestAttributes(request, route),
      origin: guard('the own origin', () => ownOrigin(request)),
      ...init,
    },
    platform,
    request,
  )
  const { session, run, fail } = invocation
  const { root } = session
  setOwner(request, session)

  const judge = (status: number, end?: BodyEnd): void => {
    root.setAttributes({ [key.BODY_END]: end?.reason, [key.PROTOCOL_VERSION]: protocolVersion(request) })
    if (end?.reason === 'error') session.fail(end.error)
    judgeByStatus(session, status, end?.reason === 'cancelled' && config.failOnDisconnect)
  }
  // An option says better than the platform does; not on Lambda, which has no such thing.
  const awaited = platform.awaited && (platform.endBy !== undefined || !config.waitUntil)
  return {
    session,
    run,
    toAwait: undefined,
    fail(error) {
      const delivered = fail(error)
      if (awaited) this.toAwait = delivered
      return delivered
    },
    finish(response) {
      const status = guard('the status', () => response?.status)
      if (typeof status !== 'number') {
        void this.fail(new TypeError('the handler returned no Response'))
        return response
      }
      recordStatus(session, status)
      const onFirstByte = (): void => {
        guard('the first byte', () => root.addEvent('http.response.first_byte'))
      }
      let delivered: Promise<unknown> | undefined
      // HEAD is answered with the headers alone: nobody would read the body.
      const watched =
        request.method === 'HEAD'
          ? undefined
          : guard('watching the body', () =>
              watchBody(response, session, {
                idleMs: config.workDeadlineMs,
                onFirstByte,
                // Deno warns whoever looks at it; there a write tells.
                left: 'Deno' in globalThis ? undefined : request.signal,
                beforeEnd: awaited ? () => delivered : undefined,
              }),
            )
      let end: BodyEnd | undefined
      delivered = invocation.end(
        () => judge(status, end),
        watched?.ended.then((ended) => {
          end = ended
        }),
      )
      if (awaited && !watched) this.toAwait = delivered
      return watched?.response ?? response
    },
  }
}

/** Names a session that was opened before a router had matched; a route or a name that it has already stays. */
export function nameByRoute(session: Session, request: Request, route: string | undefined): void {
  const { attributes } = session.root as { attributes?: Record<string, unknown> }
  if (!route || attributes?.[key.HTTP_ROUTE] !== undefined) return
  const named = session.name !== requestName(request)
  session.rename(named ? session.name : requestName(request, route), { [key.HTTP_ROUTE]: route })
}
