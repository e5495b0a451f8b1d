/**
 * Next.js starts the span of a request before any handler runs: the session is opened for it, in place of it, and lasts
 * until the response is over. A proxy, which Next.js serves as a request of its own, is part of it; `withAgentOps`
 * inside joins it.
 */
import { type Context, propagation, type Span, type SpanOptions, type Tracer, trace } from '@opentelemetry/api'
import { judgeByStatus, recordStatus } from '../http/outcome.ts'
import { openInvocation, prepare } from '../lifetime/invocation.ts'
import { serverPlatform } from '../lifetime/platform.ts'
import type { Config } from '../options/config.ts'
import { fromCaller } from '../propagation/inbound.ts'
import { traceContextPropagator } from '../propagation/trace-context.ts'
import { guard, hasGlobal, warn } from '../runtime/diag.ts'
import { SERVER } from '../runtime/otel.ts'
import { activeContext, runIn, shareStorage } from '../runtime/scope.ts'
import * as key from '../runtime/semconv.ts'
import { sessionIn } from '../session/current.ts'
import { isRegistered, openWith, registerGlobal } from '../session/global.ts'
import type { Keep } from '../session/keep.ts'
import { ownScope } from '../session/scope.ts'
import type { Session } from '../session/session.ts'
import { holdAfter, settled } from './after.ts'
import { isIgnored, type NextOptions } from './next-options.ts'
import { describeRequest, isKept, type Known, kindOf, noSpan, passing, routeIn, watched } from './next-spans.ts'
import { type NodeResponse, openNodeSession, requestFrom } from './node.ts'
import { type Served, served, watchServers } from './served.ts'

/** The span that stands for a request, by its `next.span_type`. */
const REQUEST = 'BaseServer.handleRequest'
/** Those that come first where a function is a request's only one: on Vercel's edge. */
const FIRST = new Set([
  REQUEST,
  'Next.request',
  'Middleware.execute',
  'AppRouteRouteHandlers.runHandler',
  'Node.runHandler',
  'AppRender.getBodyResult',
])

/** What is given with each registration, of which the last counts: a development server has one with each edit. */
export interface NextSettings extends Pick<NextOptions, 'ignore' | 'nextSpans'> {
  config(): Config
}

/** What a process has once, whichever copy of this library began it. */
interface Shared {
  settings: NextSettings
  /** Those that are open, by the id of their root: a request comes back from its proxy with that as its parent. */
  readonly open: Map<string, Session>
}
const SHARED = Symbol.for('agentops-edge.next.1')

export function registerNext(settings: NextSettings): void {
  const isEdge = 'EdgeRuntime' in globalThis
  // Before anybody here makes one of its own.
  guard('the storage', () => shareStorage(isEdge))
  void prepare()
  const globals = globalThis as { [SHARED]?: Shared }
  const shared = globals[SHARED]
  if (shared) {
    shared.settings = settings
    return
  }
  if (!registerGlobal()) return
  if (!isRegistered()) {
    warn(
      'another OpenTelemetry provider was registered first, so requests are no sessions by themselves. Call registerAgentOps() before it (before registerOTel(), Sentry.init()); or give it "spanProcessors: [new SessionSpanProcessor(new SessionExporter())]", or wrap handlers in withAgentOps()',
      'a provider that was first',
    )
    return
  }
  const made: Shared = { settings, open: new Map() }
  Object.defineProperty(globalThis, SHARED, { value: made })
  const tracer = nextTracer(made)
  openWith((name) => (name === 'next.js' ? tracer : undefined))
  // Next.js reads a caller's headers through it.
  if (!hasGlobal('propagation')) propagation.setGlobalPropagator(traceContextPropagator)
  if (isEdge) return
  guard('watching servers', () => watchServers(settled))
  guard('after()', holdAfter)
}

/** Of all that Next.js traces. */
function nextTracer(shared: Shared): Tracer {
  const begin = (name: string, options: SpanOptions = {}, context: Context = activeContext()): [Span, Context] => {
    const type = `${options.attributes?.['next.span_type']}`
    const running = sessionIn(context)
    if (running && (running.state !== 'ended' || type !== REQUEST)) return within(running, type, name, options, context)
    if (!FIRST.has(type)) return [noSpan(), context]
    const caller = trace.getSpanContext(context)
    const returned = caller && shared.open.get(caller.spanId)
    if (returned) return within(returned, type, name, options, ownScope(returned, context))
    const opened = guard('opening a session', () => open(shared, type, options, context))
    return opened ?? [noSpan(), context]
  }
  return {
    startSpan: (...args) => begin(...args)[0],
    startActiveSpan(name: string, ...rest: unknown[]) {
      const fn = rest.pop() as (span: Span) => unknown
      const [span, context] = begin(name, ...(rest as [SpanOptions?, Context?]))
      return runIn(context, () => fn(span)) as never
    },
  }

  function within(
    session: Session,
    type: string,
    name: string,
    options: SpanOptions,
    context: Context,
  ): [Span, Context] {
    guard('a request', () => describeRequest(session, type, { ...routeIn(name), ...options.attributes }))
    if (type === REQUEST || type === 'Next.request') {
      const span = passing(session, session.root)
      session.hold(span.over)
      return [span, trace.setSpan(context, span)]
    }
    const active = trace.getSpan(context) ?? session.root
    if (!shared.settings.nextSpans && !isKept(type, session)) return [passing(session, active), context]
    const span = watched(session, type, session.tracerProvider.getTracer('next.js').startSpan(name, options, context))
    return [span, trace.setSpan(context, span)]
  }
}

/** A session for the request, ended with its response; without Node's server with Next.js' own span. */
function open(shared: Shared, type: string, options: SpanOptions, context: Context): [Span, Context] {
  const { settings } = shared
  const config = settings.config()
  const { fetch, llm } = config.instrumentations
  for (const one of [fetch, llm]) guard('an instrumentation', () => one?.install?.())
  const here = served()
  const attributes = (options.attributes ?? {}) as Known
  let root = ''
  const onEnded = (): void => void shared.open.delete(root)
  const platform = serverPlatform()
  const invocation = here
    ? openServed(here, config, settings, onEnded)
    : openInvocation(config, { ...fromSpan(attributes), ...fromCaller(context, config), onEnded }, platform)
  const { session } = invocation
  root = session.root.spanContext().spanId
  shared.open.set(root, session)
  const scope = ownScope(session, context)
  guard('a request', () => describeRequest(session, type, attributes))
  const span = passing(session, session.root, (known) => {
    if (!here) void invocation.end(() => judge(session, known))
  })
  if (here) session.hold(span.over)
  return [span, trace.setSpan(scope, span)]
}

function openServed(
  { request: given, response }: Served,
  config: Config,
  settings: NextSettings,
  onEnded: () => void,
): ReturnType<typeof openNodeSession> {
  const request = requestFrom(given)
  const ignored = guard('ignore', () => isIgnored(settings, request))
  const chosen = ignored ? silent(config) : request.headers.has('rsc') ? unlessSentOn(config, response) : config
  return openNodeSession(chosen, request, response, serverPlatform(), {
    rootAttributes: kindOf(request),
    onEnded,
  })
}

/** Sessions that record nothing: what is called inside of them is called, and says nothing. */
const silenced: WeakMap<Config, Config> = new WeakMap()
function silent(config: Config): Config {
  const made = silenced.get(config) ?? { ...config, disabled: true }
  silenced.set(config, made)
  return made
}

/** Next.js' router is sent on to its own name for what it asks, `?_rsc`: the session is what it asks there. */
function unlessSentOn(config: Config, response: NodeResponse): Config {
  const { keep } = config
  const isKeptAtAll: Keep = (session) => {
    const isSentOn = response.statusCode === 307 && /[?&]_rsc\b/.test(`${response.getHeader?.('location')}`)
    return !isSentOn && (!keep || keep.some((one) => guard('keep', () => one(session)) !== false))
  }
  return { ...config, keep: [isKeptAtAll] }
}

function fromSpan(attributes: Known): { name: string; kind: typeof SERVER; rootAttributes: Known } {
  const method = `${attributes['http.method'] ?? attributes[key.HTTP_METHOD] ?? 'HTTP'}`
  const target = attributes['http.target'] ?? attributes[key.URL_PATH]
  const path = typeof target === 'string' ? target.split('?')[0] : undefined
  return { name: method, kind: SERVER, rootAttributes: { [key.HTTP_METHOD]: method, [key.URL_PATH]: path } }
}

/** By what Next.js has said of it. */
function judge(session: Session, known: Known): void {
  // A wrapped handler has said its own, of which Next.js may know nothing.
  const { attributes: said = {} } = session.root as { attributes?: Known }
  const status = Number(said[key.HTTP_STATUS] ?? known['http.status_code'] ?? known[key.HTTP_STATUS])
  if (!Number.isInteger(status)) return
  recordStatus(session, status)
  judgeByStatus(session, status)
}
