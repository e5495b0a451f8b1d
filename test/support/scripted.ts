/**
 * A backend that answers by script, for the tests of delivery: each name has its own list of answers and its own log.
 * It is a server of its own rather than a route of the collector, so that it can break connections as well as answer,
 * and so that what a client keeps per origin is not shared with the collector's tests.
 *
 * - `PUT /:name` takes a list of answers; they are used in order and the last one repeats.
 * - `POST /:name/*` is answered by the script.
 * - `GET /:name` gives what was received, `GET /:name?spans` the spans of it, `GET /:name/concurrency` how many requests
 *   were open at once. `DELETE /:name` forgets it all.
 * - `/:name/v3/auth/token` has the script `<name>-auth`; by itself it gives the token `token-<n>`.
 * - `/:name/v2/create_session` and its like have the scripts `<name>-create_session` …; by themselves they are AgentOps'
 *   v2 API, strict about events if there is a script `<name>-strict`. `POST /:name/v2/_expire` with a `session_id` ends
 *   the session's jwt, `GET /:name/v2/_stored` gives the events that it holds; they are the test's own and are not logged.
 *
 * When it is closed, all that it was sent is decoded strictly, except by the names that begin with `anything`.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { AgentOpsV2 } from './agentops-v2.ts'
import { decodeContent, decodeOtlp } from './otlp-decoder.ts'
import { faultOf, refuse } from './strict.ts'

/**
 * Without a status and a body the endpoint itself answers: a token, AgentOps' v2 API, or a success as OTLP has it. So
 * `{}` is "as usual", and `{ delayMs: 50 }` is "as usual, but late".
 */
export interface Answer {
  status?: number
  body?: string
  bodyBase64?: string
  headers?: Record<string, string>
  /** Waits before anything else is done. */
  delayMs?: number
  /** Takes the request and never answers. */
  hang?: boolean
  /** Resets the connection without an answer, before the request's body is read or after. */
  reset?: 'before' | 'after'
  /** Takes the request, but the answer breaks off: a status 200 and 3 of 100 bytes. */
  truncate?: boolean
  /** Used, and kept in the script, for every request whose decoded body contains this. These come before the others. */
  when?: string
  /** Used, and kept in the script, for every request whose decoded body has more bytes than this. */
  maxBytes?: number
  /** Used, and kept in the script, for every request that has this header. */
  header?: string
}

export interface Received {
  /** Below the name, without the query. */
  path: string
  headers: Record<string, string>
  /** Decoded by `content-encoding`; protobuf as latin1, one character a byte. */
  body: string
  base64: string
  /** Length on the wire. */
  bytes: number
  /** When it arrived, as `Date.now()`. */
  at: number
  /** The status that was sent; null while there is none. */
  answered: number | null
}

/** One request to a path ending in `/v1/traces`. */
export interface ReceivedSpans {
  /** It was answered with 2xx. */
  accepted: boolean
  spans: { traceId: string; spanId: string; parentSpanId?: string; name: string }[]
}

export interface RunningScripted {
  /** Without a slash at the end. */
  url: string
  close(): Promise<void>
}

/** Bodies are kept as they came, often compressed, and decoded when somebody asks. */
interface Entry {
  path: string
  headers: IncomingHttpHeaders
  wire: Buffer
  at: number
  answered: number | null
}

interface Named {
  /** The test that wrote its script, from the header `x-by`. */
  by: string
  script?: Answer[]
  log: Entry[]
  open: number
  mostOpen: number
  v2: AgentOpsV2
}

interface Reply {
  status: number
  body: string | Buffer
  headers?: Record<string, string>
}

const FIELDS: Record<keyof Answer, string> = {
  status: 'number',
  body: 'string',
  bodyBase64: 'string',
  headers: 'object',
  delayMs: 'number',
  hang: 'boolean',
  reset: 'string',
  truncate: 'boolean',
  when: 'string',
  maxBytes: 'number',
  header: 'string',
}

export function startScripted(): Promise<RunningScripted> {
  const names = new Map<string, Named>()
  const server = createServer((request, response) => {
    serve(names, request, response).catch((error: unknown) => {
      // A client that has left wants no answer; anything else is a test's mistake and has to be seen.
      if (response.headersSent || request.socket.destroyed) return response.destroy()
      send(response, { status: 500, body: `${error instanceof Error ? error.stack : error}` })
    })
  })
  // A connection that is closed while it is idle would be a fault that no script asked for.
  server.keepAliveTimeout = 300_000
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const close = async (): Promise<void> => {
        await new Promise<void>((done) => {
          server.close(() => done())
          server.closeAllConnections()
        })
        refuse([...names].flatMap(faultsOf))
      }
      resolve({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close })
    })
  })
}

async function serve(names: Map<string, Named>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  const [, name = '', path = ''] = /^\/([^/]+)(\/.*)?$/.exec(pathname) ?? []
  if (name === '') return send(response, { status: 404, body: 'a name is missing' })
  const route = `${request.method} ${path}`
  if (route === 'PUT ') {
    const answers = readScript(name, (await readBody(request)).toString())
    if (typeof answers === 'string') return send(response, { status: 400, body: answers })
    const by = request.headers['x-by']
    Object.assign(named(names, name), { script: answers }, by && { by: decodeURIComponent(`${by}`) })
    return send(response, { status: 204, body: '' })
  }
  if (route === 'DELETE ') {
    names.delete(name)
    return send(response, { status: 204, body: '' })
  }
  if (route === 'GET ') {
    const log = names.get(name)?.log ?? []
    return sendJson(response, searchParams.has('spans') ? spansOf(log) : log.map(toReceived))
  }
  if (route === 'GET /concurrency') return sendJson(response, names.get(name)?.mostOpen ?? 0)
  if (route === 'GET /v2/_stored') return sendJson(response, named(names, name).v2.stored)
  if (route === 'POST /v2/_expire') {
    const { session_id: id } = JSON.parse((await readBody(request)).toString()) as { session_id: string }
    named(names, name).v2.expire(id)
    return send(response, { status: 204, body: '' })
  }
  if (request.method !== 'POST' || path === '') return send(response, { status: 404, body: `no ${route}` })
  await serveByScript(names, name, path, request, response)
}

async function serveByScript(
  names: Map<string, Named>,
  name: string,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const at = Date.now()
  const backend = named(names, name)
  backend.open += 1
  backend.mostOpen = Math.max(backend.mostOpen, backend.open)
  const left = new AbortController()
  response.once('close', () => {
    backend.open -= 1
    left.abort()
  })
  const endpoint = path === '/v3/auth/token' ? 'auth' : /^\/v2\/(\w+)$/.exec(path)?.[1]
  const script = (endpoint === undefined ? backend : names.get(`${name}-${endpoint}`))?.script ?? []
  const entry: Entry = { path, headers: request.headers, wire: Buffer.alloc(0), at, answered: null }

  if (script.find(isPlain)?.reset === 'before') {
    const { delayMs = 0 } = next(script)
    backend.log.push(entry)
    await wait(delayMs, left.signal)
    request.socket.resetAndDestroy()
    return
  }

  entry.wire = await readBody(request)
  backend.log.push(entry)
  let decoded: Uint8Array
  try {
    decoded = decodeContent(entry.wire, request.headers)
  } catch (error) {
    entry.answered = 400
    return send(response, { status: 400, body: `the body cannot be decoded: ${error}` })
  }
  const text = toText(decoded, request.headers)
  const answer = matching(script, text, decoded.length, request.headers) ?? next(script)
  await wait(answer.delayMs ?? 0, left.signal)
  if (left.signal.aborted || answer.hang) return
  if (answer.reset) {
    request.socket.resetAndDestroy()
    return
  }
  const own = (): Reply => {
    if (endpoint === undefined) return success(request.headers)
    if (endpoint === 'auth') {
      const count = backend.log.filter((other) => other.path === path).length
      return { status: 200, body: JSON.stringify({ token: `token-${count}` }) }
    }
    const strict = names.get(`${name}-strict`)?.script !== undefined
    const { status, body } = backend.v2.answer(endpoint, request.headers, text, strict)
    return { status, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  }
  const { status, body, bodyBase64 } = answer
  const reply: Reply =
    status === undefined && body === undefined && bodyBase64 === undefined
      ? own()
      : { status: status ?? 200, body: bodyBase64 === undefined ? (body ?? '') : Buffer.from(bodyBase64, 'base64') }
  if (answer.truncate) {
    entry.answered = 200
    response.writeHead(200, { ...reply.headers, ...answer.headers, 'content-length': '100' })
    response.write('{"p', () => request.socket.destroySoon())
    return
  }
  entry.answered = reply.status
  send(response, { ...reply, headers: { ...reply.headers, ...answer.headers } })
}

/** Nothing was read where the connection was reset before the body. */
function faultsOf([name, { by, log }]: [string, Named]): (string | undefined)[] {
  if (name.startsWith('anything')) return []
  const whole = log.filter(({ wire }) => wire.length > 0)
  return whole.map(({ path, headers, wire }) => faultOf({ by, path, headers, body: wire }))
}

function named(names: Map<string, Named>, name: string): Named {
  let found = names.get(name)
  if (!found) {
    found = { by: name, log: [], open: 0, mostOpen: 0, v2: new AgentOpsV2() }
    names.set(name, found)
  }
  return found
}

/** The answers, or what is wrong with them: a misspelt fault would be a test that tests nothing. */
function readScript(name: string, text: string): Answer[] | string {
  // The content of this one does not matter.
  if (name.endsWith('-strict')) return []
  const answers: unknown = JSON.parse(text)
  if (!Array.isArray(answers)) return 'a script is a list of answers'
  for (const answer of answers as Answer[]) {
    for (const [key, value] of Object.entries(answer)) {
      if (FIELDS[key as keyof Answer] !== typeof value) return `an answer has no ${key} ${JSON.stringify(value)}`
    }
    if (answer.reset !== undefined && !['before', 'after'].includes(answer.reset)) return `no reset ${answer.reset}`
    if (answer.reset === 'before' && !isPlain(answer)) return 'what a body decides cannot come before the body'
  }
  return answers
}

function isPlain({ when, maxBytes, header }: Answer): boolean {
  return when === undefined && maxBytes === undefined && header === undefined
}

function matching(
  script: readonly Answer[],
  text: string,
  bytes: number,
  headers: IncomingHttpHeaders,
): Answer | undefined {
  return script.find((answer) => {
    const { when, maxBytes, header } = answer
    return (
      !isPlain(answer) &&
      (when === undefined || text.includes(when)) &&
      (maxBytes === undefined || bytes > maxBytes) &&
      (header === undefined || header in headers)
    )
  })
}

/** The next of the plain answers; the last one stays. */
function next(script: Answer[]): Answer {
  const plain = script.filter(isPlain)
  const [first = {}] = plain
  if (plain.length > 1) script.splice(script.indexOf(first), 1)
  return first
}

/** What an OTLP backend says when it took everything: an empty message in the encoding of the request. */
function success(headers: IncomingHttpHeaders): Reply {
  return isProtobuf(headers)
    ? { status: 200, body: '', headers: { 'content-type': 'application/x-protobuf' } }
    : { status: 200, body: '{}', headers: { 'content-type': 'application/json' } }
}

function isProtobuf(headers: IncomingHttpHeaders): boolean {
  return /^application\/x-protobuf\b/i.test(headers['content-type'] ?? '')
}

function toText(decoded: Uint8Array, headers: IncomingHttpHeaders): string {
  return Buffer.from(decoded.buffer, decoded.byteOffset, decoded.length).toString(
    isProtobuf(headers) ? 'latin1' : 'utf8',
  )
}

function toReceived({ path, headers, wire, at, answered }: Entry): Received {
  let decoded: Uint8Array = wire
  try {
    decoded = decodeContent(wire, headers)
  } catch {
    // It was answered with 400; the log shows it as it came.
  }
  return {
    path,
    headers: headers as Record<string, string>,
    body: toText(decoded, headers),
    base64: Buffer.from(decoded).toString('base64'),
    bytes: wire.length,
    at,
    answered,
  }
}

function spansOf(log: readonly Entry[]): ReceivedSpans[] {
  return log
    .filter(({ path }) => path.endsWith('/v1/traces'))
    .map(({ wire, headers, answered }) => ({
      accepted: answered !== null && answered >= 200 && answered < 300,
      // Nothing was read where the connection was reset before the body.
      spans: (wire.length === 0 ? [] : decodeOtlp(wire, headers)).map(({ traceId, spanId, parentSpanId, name }) => ({
        traceId,
        spanId,
        parentSpanId,
        name,
      })),
    }))
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Ends early when the client leaves. */
async function wait(ms: number, left: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal: left }).catch(() => undefined)
}

function send(response: ServerResponse, { status, body, headers = {} }: Reply): void {
  response.writeHead(status, headers)
  response.end(body)
}

function sendJson(response: ServerResponse, value: unknown): void {
  send(response, { status: 200, body: JSON.stringify(value), headers: { 'content-type': 'application/json' } })
}
