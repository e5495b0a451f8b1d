/** Node's own handlers, `(request, response)`: what is needed of `node:http`'s classes, so that an edge bundle has none. */

import { requestAttributes, requestName } from '../http/attributes.ts'
import { judgeByStatus, recordStatus } from '../http/outcome.ts'
import { ownOrigin } from '../http/own-origin.ts'
import { headersOf, requestOf, urlOf } from '../http/request.ts'
import { type Invocation, openInvocation } from '../lifetime/invocation.ts'
import type { Platform } from '../lifetime/platform.ts'
import type { Config } from '../options/config.ts'
import { readInbound } from '../propagation/inbound.ts'
import { guard } from '../runtime/diag.ts'
import { SERVER } from '../runtime/otel.ts'
import * as key from '../runtime/semconv.ts'
import type { RootInit } from '../session/init.ts'

export interface NodeRequest {
  readonly method?: string
  readonly url?: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface NodeResponse {
  readonly statusCode: number
  readonly writableFinished?: boolean
  getHeader?(name: string): unknown
  once(event: 'finish' | 'close', listener: () => void): unknown
}

export function isNodeResponse(value: unknown): value is NodeResponse {
  return typeof (value as { writeHead?: unknown } | undefined)?.writeHead === 'function'
}

export function requestFrom(given: NodeRequest): Request {
  const headers = headersOf(given.headers)
  const scheme = headers.get('x-forwarded-proto') === 'https' ? 'https' : 'http'
  return requestOf(urlOf(scheme, headers.get('host') ?? '', given.url ?? '/'), given.method ?? 'GET', headers)
}

/** A session that ends when the response has been sent, or its connection is closed. `more`: beside what the request says. */
export function openNodeSession(
  config: Config,
  request: Request,
  response: NodeResponse,
  platform: Platform,
  { rootAttributes, route, ...more }: RootInit & { route?: string } = {},
): Invocation {
  const invocation = openInvocation(
    config,
    {
      name: requestName(request, route),
      kind: SERVER,
      rootAttributes: { ...requestAttributes(request, route), ...rootAttributes },
      origin: guard('the own origin', () => ownOrigin(request)),
      ...readInbound(request.headers, config, request),
      ...more,
    },
    platform,
    request,
  )
  const { session } = invocation
  const judge = (): void => {
    const { statusCode, writableFinished } = response
    // HEAD is answered with the headers alone, and what would be its body is left.
    const left = writableFinished === false && request.method !== 'HEAD'
    recordStatus(session, statusCode)
    const { attributes } = session.root as { attributes?: Record<string, unknown> }
    // Next.js has said that its source broke.
    if (!attributes?.[key.BODY_END]) session.root.setAttribute(key.BODY_END, left ? 'cancelled' : 'complete')
    judgeByStatus(session, statusCode, left && config.failOnDisconnect)
  }
  const sent = new Promise<void>((resolve) => {
    response.once('finish', resolve)
    response.once('close', resolve)
  })
  void invocation.end(judge, sent)
  return invocation
}
