/**
 * Outgoing requests: a span from the call to the end of the response's body, and the trace handed on where the callee
 * may know it. The caller gets what `fetch` would have given: the same bytes, headers, errors and timing.
 */
import { type Attributes, type Context, createContextKey } from '@opentelemetry/api'
import { isTracingSuppressed } from '@opentelemetry/core'
import { errorType } from '../events/event.ts'
import { isPlain } from '../propagation/inbound.ts'
import { headersFor } from '../propagation/outbound.ts'
import { describe, guard, warn } from '../runtime/diag.ts'
import { CLIENT, ERROR } from '../runtime/otel.ts'
import { activeContext, runIn } from '../runtime/scope.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import { cut } from '../runtime/serialize.ts'
import { inspected } from '../runtime/stream.ts'
import { type AnyFunction, wrapperOf } from '../runtime/wrapper.ts'
import { currentSession } from '../session/current.ts'
import type { InstrumentedSession, ModelCall, Outgoing } from '../session/instruments.ts'
import { observeBody } from './body.ts'
import { credentialsOf } from './credentials.ts'

export type Fetch = typeof globalThis.fetch
type Input = Parameters<Fetch>[0]

const NATIVE = Symbol.for('agentops-edge.fetch.1')
/** A request's body that is longer is not looked at, characters or bytes. */
const MAX_ASKED = 4 << 20
/** Characters of a status' message. */
const MAX_STATUS = 1024

/** `_nextOriginalFetch`: Next.js wraps what it finds, and hides our mark. */
type Patched = Fetch & { [NATIVE]?: Fetch; _nextOriginalFetch?: Fetch }

/** The URL of a request that is being sent: where `fetch` has been replaced twice, the outer one has seen it. */
const SENDING = createContextKey('agentops.sending')

/**
 * Replaces the global `fetch`, once; outside a session, or in one that wants neither spans nor models, it is the platform's.
 * One that is missing, or not to be replaced, is said.
 */
export function patchFetch(): void {
  const native = guard('looking for fetch', () => globalThis.fetch as Patched | undefined)
  if (native?.[NATIVE]) return
  const patched = typeof native === 'function' ? guard('replacing fetch', () => replace(native)) : undefined
  if (!patched) warn('fetch: the global one is missing or read-only, so its requests are not seen. Use tracedFetch')
}

function replace(native: Patched): boolean {
  const fetch = wrapperOf(native as AnyFunction, (self, args) => {
    const send: Fetch = (...given) => Reflect.apply(native, self, given)
    const session = sessionHere()
    const { fetch: all, llm } = session?.config.instrumentations ?? {}
    const [input, init] = args as Parameters<Fetch>
    return session && (all || llm) && !isSeen(input)
      ? traced(send, session, input, init, !!all)
      : Reflect.apply(native, self, args)
  })
  Object.defineProperty(fetch, NATIVE, { value: native._nextOriginalFetch ?? native })
  // Not by assignment, which throws or not by how the bundle was made.
  return Reflect.set(globalThis, 'fetch', fetch)
}

function isSeen(input: Input): boolean {
  const sending = activeContext().getValue(SENDING)
  return !!sending && guard('a request', () => new URL(requestIn(input)?.url ?? `${input}`).href) === sending
}

/** The platform's own, though the global one may be replaced. */
export function nativeFetch(): Fetch {
  const fetch = globalThis.fetch as Patched | undefined
  return fetch?.[NATIVE] ?? (fetch as Fetch)
}

/** The session whose requests these are: not the exporter's, and none that has ended or records nothing. */
export function sessionHere(given?: InstrumentedSession): InstrumentedSession | undefined {
  const session = given ?? currentSession()
  if (!session || session.state === 'ended' || session.config.disabled) return undefined
  return isTracingSuppressed(activeContext()) ? undefined : session
}

/** `spans`: whether each request has one, or only a model's. `known`: the callee is the user's own. */
export async function traced(
  send: Fetch,
  session: InstrumentedSession,
  input: Input,
  given: RequestInit | undefined,
  spans: boolean,
  known = false,
): Promise<Response> {
  const init = guard('the headers', () => readable(given)) ?? given
  const call = guard('an outgoing request', () => open(session, input, init, spans))
  if (!call) return send(input, init)
  const args = guard('handing on the context', () => withContext(session, call, input, init, known)) ?? [input, init]
  const end: End = (error, at) => finish(session, call, error, at, () => init?.signal ?? requestIn(input)?.signal)
  try {
    const context = call.context.setValue(SENDING, call.url.href)
    const response = await runIn(context, () => send(...(args as [Input, RequestInit?])))
    guard('an outgoing request', () => respond(session, call, response, end))
    return response
  } catch (error) {
    end(error)
    throw error
  }
}

interface Call {
  url: URL
  method: string
  /** None where only somebody else's span shows it. */
  span: SdkSpan | undefined
  context: Context
  model: ModelCall | undefined
  /** It waits for what an MCP server may say of itself, for as long as it is connected: that is no work. */
  listens: boolean
  over?: boolean
}

/** `at`: milliseconds since the epoch. */
type End = (error?: unknown, at?: number) => void

function open(
  session: InstrumentedSession,
  input: Input,
  init: RequestInit | undefined,
  spans: boolean,
): Call | undefined {
  const request = requestIn(input)
  const address = request?.url ?? `${input}`
  const given = init?.headers ?? request?.headers
  // Before anything may throw: the error may quote them.
  for (const value of credentialsOf(address, given)) session.hidden.add(value)
  const url = new URL(address)
  const method = `${init?.method ?? request?.method ?? 'GET'}`.toUpperCase()
  // A session that is not sampled has nothing to show.
  const { llm } = session.root.isRecording() ? session.config.instrumentations : {}
  const asked = { url, method, headers: new Headers(given), body: () => bodyOf(input, init) }
  const model = llm && guard('an outgoing request', () => llm.recognise(asked, session))
  const own = model?.opened
  if (!model && !spans) return undefined
  const attributes = {
    [key.HTTP_METHOD]: key.METHODS.test(method) ? method : '_OTHER',
    [key.SERVER_ADDRESS]: url.hostname,
    [key.SERVER_PORT]: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
    // Neither credentials nor query: they may be secrets.
    [key.URL_FULL]: `${url.origin}${url.pathname}`,
  }
  own?.span.setAttributes(attributes)
  const span = own?.span ?? (spans ? requestSpan(session, attributes) : undefined)
  const context = own?.context ?? (span ? session.within(span) : activeContext())
  const listens = method === 'GET' && asked.headers.has('mcp-protocol-version')
  return { url, method, span, context, model, listens }
}

/** Headers that can be read once only, as a list: they are looked at before they are sent. */
function readable(init: RequestInit | undefined): RequestInit | undefined {
  const headers = init?.headers
  const isOnce = headers && Symbol.iterator in headers && !Array.isArray(headers) && !(headers instanceof Headers)
  return isOnce && isPlain(init) ? { ...init, headers: [...(headers as [string, string][])] } : init
}

function requestSpan({ tracer }: InstrumentedSession, attributes: Attributes): SdkSpan {
  const name = nameOf(attributes)
  const own = { [key.SPAN_KIND]: 'http', [key.OPERATION_NAME]: name }
  return tracer.startSpan(name, { kind: CLIENT, attributes: { ...own, ...attributes } }) as SdkSpan
}

/** Of a request, whom it asked, too. */
function messageOf(type: string, { attributes }: SdkSpan): string {
  return attributes[key.HTTP_METHOD] === undefined ? type : `${type} ${nameOf(attributes)}`
}

/** Whom it asks, and how: the same for all requests to a host. */
function nameOf(attributes: Attributes): string {
  const method = attributes[key.HTTP_METHOD]
  return `${method === '_OTHER' ? 'HTTP' : method} ${attributes[key.SERVER_ADDRESS]}`
}

/** Not by its class: a server's adapter may have put another one there. */
function requestIn(input: Input): Request | undefined {
  return typeof input === 'object' && 'clone' in input ? input : undefined
}

function bodyOf(input: Input, init: RequestInit | undefined): ReturnType<Outgoing['body']> {
  const body = init?.body
  if (typeof body === 'string') return body.length > MAX_ASKED ? undefined : body
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) {
    return body.byteLength > MAX_ASKED ? undefined : new TextDecoder().decode(body)
  }
  const request = requestIn(input)
  // Deno sends a body that has been looked at without its length.
  if (body || !request || 'Deno' in globalThis || !request.body || request.bodyUsed) return undefined
  return beginningOf(request, request.body).catch(() => undefined)
}

/**
 * A body that is in memory comes whole in its first two parts; more of one that is a stream is not asked for, because the
 * server may be slow to take it.
 */
async function beginningOf(request: Request, body: ReadableStream): Promise<string | undefined> {
  // In workerd it has a length, and the clone of a stream is read at no reader's pace.
  if (inspected(body, 'supportsBYOB') !== undefined) {
    return Number(inspected(body, 'length')) <= MAX_ASKED ? request.clone().text() : undefined
  }
  const reader = (request.clone().body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (let parts = 0; parts < 2; parts++) {
    const { done, value } = await reader.read()
    if (done || text.length + value.length > MAX_ASKED) break
    text += decoder.decode(value, { stream: true })
  }
  // Settles when the request itself has been sent.
  reader.cancel().catch(() => {})
  return text
}

/** The arguments of the request as it is sent. A header that the user has set stays. */
function withContext(
  session: InstrumentedSession,
  { context, url }: Call,
  input: Input,
  init: RequestInit | undefined,
  known: boolean,
): [Input, RequestInit?] {
  if (!known && !mayKnow(session, url)) return [input, init]
  const headers = new Headers(init?.headers ?? requestIn(input)?.headers)
  for (const [name, value] of Object.entries(headersFor(context))) {
    if (!headers.has(name)) headers.set(name, value)
  }
  // Last, as it takes the body out of a Request: what may throw has not thrown.
  return !init || isPlain(init) ? [input, { ...init, headers }] : [new Request(input, init), { headers }]
}

/** What `propagateTo` says; of its own origin alone, where it says nothing. */
function mayKnow({ config, origin }: InstrumentedSession, url: URL): boolean {
  const { propagateTo } = config
  if (typeof propagateTo === 'function') return guard('propagateTo', () => propagateTo(url)) === true
  if (!propagateTo) return url.origin === origin
  return propagateTo.some((host) => {
    if (typeof host !== 'string') return url.href.search(host) >= 0
    if (host.startsWith('*.')) return url.hostname.endsWith(host.slice(1))
    return [url.hostname, url.host, url.origin].includes(host.replace(/\/$/, ''))
  })
}

function respond(session: InstrumentedSession, call: Call, response: Response, end: End): void {
  const { span, method, model, listens } = call
  const { status } = response
  span?.setAttribute(key.HTTP_STATUS, status)
  if (status >= 400 && span) fail(span, `${status}`, `${status} ${nameOf(span.attributes)}`)
  begin(model, response)
  const isSeen = model || span?.isRecording()
  if (!isSeen || listens || !response.body || method === 'HEAD' || [101, 204, 205, 304].includes(status)) {
    end()
    return
  }
  let begun = false
  let lastAt = session.now()
  // A body that nobody reads, or not to its end: only a model's answer is missed.
  const close = (): void => {
    if (model && begun) guard('a response', () => model.ended?.())
    else end(undefined, lastAt)
  }
  session.closing.add(close)
  observeBody(response, {
    reads: !!model,
    onBytes(bytes) {
      begun = true
      lastAt = session.now()
      guard('a response', () => model?.read?.(bytes))
    },
    onEnd(error) {
      session.closing.delete(close)
      end(error)
    },
  })
}

/**
 * By itself, because what observes a body must not hold its Response: the connection of one that nobody reads is freed
 * when that is.
 */
function begin(model: ModelCall | undefined, response: Response): void {
  guard('a response', () => model?.responded?.(response))
}

function finish(
  session: InstrumentedSession,
  call: Call,
  error: unknown,
  at: number | undefined,
  signal: () => AbortSignal | null | undefined,
): void {
  const { span, model } = call
  if (call.over) return
  call.over = true
  // A client may leave with the answer's last word, before the body's end.
  if (error !== undefined && span && !model?.isComplete) {
    const isPlain = !model && span.attributes[key.HTTP_STATUS] !== undefined
    failed(span, session, error, guard('a response', signal), isPlain)
  }
  guard('a response', () => model?.ended?.(error))
  // The session may have ended it.
  if (span?.isRecording()) span.end(at)
}

/**
 * What broke off is a failure, unless its caller left it, which is his to decide; of a model's answer, or before any,
 * something is then missing. `isPlain`: nothing of interest.
 */
export function failed(
  span: SdkSpan,
  session: InstrumentedSession,
  error: unknown,
  signal?: AbortSignal | null,
  isPlain?: boolean,
): void {
  const type = errorType(error)
  if (/timeout/i.test(type) || !(type === 'AbortError' || (signal?.aborted && signal.reason === error))) {
    fail(span, type, session.config.captureContent ? describe(error) : messageOf(type, span))
  } else if (!isPlain && (span.status.code as number) !== ERROR) span.setAttribute(key.INCOMPLETE, true)
}

/** An error as its type: its message may quote the URL. */
export function fail(span: SdkSpan, type: string, message: string = type): void {
  span.setStatus({ code: ERROR, message: cut(message, MAX_STATUS) })
  span.setAttribute(key.ERROR_TYPE, type)
}
