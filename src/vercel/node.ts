/** Node's own handlers, `(request, response)`: what is needed of `node:http`'s classes, so that an edge bundle has none. */

import type { Config } from '../config.ts'
import { guard } from '../diag.ts'
import { requestAttributes, requestName } from '../http/attributes.ts'
import { type Invocation, openInvocation, type Platform, SERVER } from '../lifetime/invocation.ts'
import { readInbound } from '../propagation/inbound.ts'
import * as key from '../semconv.ts'

export interface NodeRequest {
  readonly method?: string
  readonly url?: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface NodeResponse {
  readonly statusCode: number
  readonly writableFinished?: boolean
  once(event: 'finish' | 'close', listener: () => void): unknown
}

export function isNodeResponse(value: unknown): value is NodeResponse {
  return typeof (value as { writeHead?: unknown } | undefined)?.writeHead === 'function'
}

/** A session that ends when the response has been sent, or its connection is closed. */
export function openNodeSession(
  config: Config,
  given: NodeRequest,
  response: NodeResponse,
  platform: Platform,
): Invocation {
  const headers = new Headers()
  for (const [name, value] of Object.entries(given.headers)) {
    // HTTP/2's pseudo headers are none of `Headers`.
    if (value !== undefined) guard('a header', () => name[0] !== ':' && headers.set(name, [value].flat().join(', ')))
  }
  const scheme = headers.get('x-forwarded-proto') === 'https' ? 'https' : 'http'
  const url = new URL(given.url ?? '/', `${scheme}://${headers.get('host') ?? 'localhost'}`)
  const request = new Request(url, { method: given.method === 'TRACE' ? 'GET' : given.method, headers })
  const invocation = openInvocation(
    config,
    {
      name: requestName(request),
      kind: SERVER,
      rootAttributes: requestAttributes(request),
      ...readInbound(headers, config.inbound),
    },
    platform,
    request,
  )
  const { session } = invocation
  const judge = (): void => {
    const { statusCode, writableFinished } = response
    session.root.setAttributes({
      [key.HTTP_STATUS]: statusCode,
      [key.ERROR_TYPE]: statusCode < 500 ? undefined : String(statusCode),
      [key.BODY_END]: writableFinished === false ? 'cancelled' : 'complete',
    })
    if (session.endState !== 'Indeterminate') return
    if (statusCode >= 500) session.setEndState('Fail', `the response's status was ${statusCode}`)
    else if (writableFinished === false && config.failOnDisconnect) session.setEndState('Fail', 'the client left')
  }
  const sent = new Promise<void>((resolve) => {
    response.once('finish', resolve)
    response.once('close', resolve)
  })
  void invocation.end(judge, sent)
  return invocation
}
