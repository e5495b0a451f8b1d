/**
 * A backend that keeps books, for the tests of the outbox: each span, when it came, with which headers, and what it was
 * answered. What it answers is a function of the request, so that an outage has a beginning and an end in time.
 */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestContext } from 'vitest'
import { decodeContent } from './otlp-decoder.ts'

export interface Booked {
  path: string
  headers: IncomingHttpHeaders
  /** Milliseconds since the ledger was opened anew. */
  at: number
  /** Undefined while there is no answer; 0 where the connection was reset. */
  status?: number
  spans: { traceId: string; spanId: string; name: string }[]
}

/** What a request is answered; nothing is a success, a token where it asks for one. */
export interface Ruling {
  status?: number
  body?: string
  headers?: Record<string, string>
  delayMs?: number
  /** The connection is reset, when all has been read. */
  reset?: boolean
}

export interface Ledger {
  /** Without a slash at the end. */
  url: string
  requests: Booked[]
  /** Of the requests that carry spans. */
  posts(): Booked[]
  /** How often each span was taken, by id. */
  taken(): Map<string, number>
  /** Ids of the traces whose root was taken. */
  traces(): Set<string>
  /** The highest number of requests that were open at the same time. */
  readonly mostOpen: number
  /** From here on times count. */
  restart(): void
  /** Stops listening: connections are refused until `open`. */
  shut(): Promise<void>
  open(): Promise<void>
}

/** Closed after the test. */
export async function startLedger(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  rule: (request: Booked) => Ruling = () => ({}),
): Promise<Ledger> {
  const requests: Booked[] = []
  const faults: unknown[] = []
  let begun = performance.now()
  let open = 0
  let mostOpen = 0
  const server = createServer(async (request, response) => {
    mostOpen = Math.max(mostOpen, ++open)
    response.once('close', () => open--)
    const path = `${request.url}`
    const booked: Booked = { path, headers: request.headers, at: performance.now() - begun, spans: [] }
    try {
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part)
      const isTraces = path.endsWith('/v1/traces')
      const text = Buffer.from(decodeContent(Buffer.concat(parts), request.headers)).toString()
      if (isTraces) booked.spans = spansOf(text)
      requests.push(booked)
      const { status = 200, body, headers, delayMs = 0, reset } = rule(booked)
      if (delayMs) await sleep(delayMs)
      booked.status = reset ? 0 : status
      if (reset) return request.socket.resetAndDestroy()
      // A token that says whose it is.
      const token = isTraces ? '' : JSON.stringify({ token: `token of ${JSON.parse(text).api_key}` })
      const type = { 'content-type': 'application/json' }
      response.writeHead(status, { ...type, ...headers }).end(body ?? (token || '{}'))
    } catch (error) {
      // A client that has left wants no answer; anything else is a test's mistake.
      if (!request.socket.destroyed) faults.push(error)
      response.destroy()
    }
  })
  server.keepAliveTimeout = 300_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const shut = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  onTestFinished(async () => {
    await shut()
    if (faults.length) throw faults[0]
  })
  const posts = (): Booked[] => requests.filter(({ spans }) => spans.length)
  const accepted = (): Booked[] => posts().filter(({ status = 0 }) => status >= 200 && status < 300)
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    posts,
    taken() {
      const taken = new Map<string, number>()
      for (const { spans } of accepted()) {
        for (const { spanId } of spans) taken.set(spanId, (taken.get(spanId) ?? 0) + 1)
      }
      return taken
    },
    traces() {
      const roots = accepted().flatMap(({ spans }) => spans.filter(({ name }) => name.endsWith('.session')))
      return new Set(roots.map(({ traceId }) => traceId))
    },
    get mostOpen() {
      return mostOpen
    },
    restart() {
      begun = performance.now()
    },
    shut,
    open: () => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve)),
  }
}

/** Of OTLP as JSON; what a stricter reader finds in it is looked at elsewhere. */
function spansOf(text: string): Booked['spans'] {
  const { resourceSpans } = JSON.parse(text) as { resourceSpans: { scopeSpans: { spans: Booked['spans'] }[] }[] }
  const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
  return spans.map(({ traceId, spanId, name }) => ({ traceId, spanId, name }))
}
