/** Next.js' own spans: which are recorded, and what they say of the request whose session they are in. */
import { type AttributeValue, INVALID_SPAN_CONTEXT, type Span, trace } from '@opentelemetry/api'
import { controlFlowOf } from '../events/control-flow.ts'
import { requestName } from '../http/attributes.ts'
import { guard } from '../runtime/diag.ts'
import * as key from '../runtime/semconv.ts'
import type { Session } from '../session/session.ts'
import { isPrefetch } from './next-options.ts'

export type Known = Record<string, AttributeValue | undefined>

const FETCH = 'AppRender.fetch'
/** Those that say where time went, by their `next.span_type`; and what kind of request they make of it. */
const KINDS: Readonly<Record<string, string>> = {
  'Middleware.execute': 'proxy',
  'AppRouteRouteHandlers.runHandler': 'route',
  'Node.runHandler': 'api',
  'AppRender.getBodyResult': 'page',
  'Render.getServerSideProps': 'page',
  'Render.getStaticProps': 'page',
  'ResolveMetadata.generateMetadata': 'page',
}

/** A page that is asked for as data has this alone. */
const TREE = 'NextNodeServer.createComponentTree'

/** A model's or another request is shown by this library's own instrumentation, where that is on. */
export function isKept(type: string, { config }: Session): boolean {
  return type === FETCH ? !config.instrumentations.fetch : type in KINDS
}

/** What a request's headers say that it is. */
export function kindOf(request: Request): Record<string, AttributeValue> {
  const { headers, method, url } = request
  const kind: Record<string, AttributeValue> = {}
  const action = headers.get('next-action')
  if (/\/_next\/image$/.test(new URL(url).pathname)) kind[key.NEXT_KIND] = 'image'
  if (headers.has('rsc')) kind[key.NEXT_RSC] = true
  if (isPrefetch(headers)) kind[key.NEXT_PREFETCH] = true
  const isAction = action && /^[\da-f]{1,64}$/i.test(action)
  if (isAction) kind[key.NEXT_ACTION_ID] = action
  // A form that is posted without JavaScript: its action stands in the body. A handler says so when it is its own.
  if (isAction || (method === 'POST' && headers.get('content-type')?.startsWith('multipart'))) {
    kind[key.NEXT_KIND] = 'action'
  }
  return kind
}

/** Next.js keeps what its build knows of actions from the first page on. */
function actionName(id: AttributeValue): string | undefined {
  type Manifest = Record<string, { exportedName?: string } | undefined>
  const kept = (globalThis as { [MANIFESTS]?: { serverActionsManifest?: { node?: Manifest } } })[MANIFESTS]
  return kept?.serverActionsManifest?.node?.[`${id}`]?.exportedName
}
const MANIFESTS = Symbol.for('next.server.manifests')

/** What is rendered in place of what failed: its route is not the request's. */
const ERROR_PAGE = /^\/(_|404$|500$)/

/** On the edge the route of a handler stands in its span's name alone. */
export function routeIn(name: string): Known {
  return { 'next.route': / \(\w+\) (\/.*)/.exec(name)?.[1] }
}

/** What a span of this type, and its attributes, say of the request. */
export function describeRequest(session: Session, type: string, attributes: Known = {}): void {
  const { root } = session
  const said = (root as { attributes?: Known }).attributes ?? {}
  const kind = type === TREE ? 'page' : KINDS[type]
  // A proxy comes before what it lets through, an action before the page that it renders.
  if (kind && ((said[key.NEXT_KIND] ?? 'proxy') === 'proxy' || /route|api/.test(kind))) {
    root.setAttribute(key.NEXT_KIND, kind)
  }
  const action = said[key.NEXT_ACTION_ID]
  if (action && !said[key.NEXT_ACTION]) root.setAttribute(key.NEXT_ACTION, actionName(action) as string)
  const route = attributes['next.route'] ?? attributes[key.HTTP_ROUTE]
  if (typeof route !== 'string' || said[key.HTTP_ROUTE] === route) return
  if (ERROR_PAGE.test(route) && (said[key.HTTP_ROUTE] || failed.has(session))) return
  const method = requestName({ method: `${said[key.HTTP_METHOD]}` } as Request)
  const isNamed = session.name !== method && session.name !== `${method} ${said[key.HTTP_ROUTE]}`
  session.rename(isNamed ? session.name : `${method} ${route}`, { [key.HTTP_ROUTE]: route })
}

export function noSpan(): Span {
  return trace.wrapSpanContext(INVALID_SPAN_CONTEXT)
}

/** Sessions that an error has failed: what comes after it is the error page's own, or the same one on another span. */
const failed: WeakSet<Session> = new WeakSet()

/** What React and Next.js caught and answered with an error page, or nobody did. */
export function fail(session: Session, given: unknown): void {
  const { message, cause } = Object(given) as Error
  const isBroken = message === 'failed to pipe response'
  if (isBroken) session.root.setAttribute(key.BODY_END, 'error')
  const error = (isBroken && cause) || given
  // It looks for a page under each locale, and for error pages that the app need not have.
  if (!error || controlFlowOf(error) || (error as Error).name === 'PageNotFoundError') return
  if (failed.has(session)) return
  failed.add(session)
  guard('an error', () => session.fail(error))
}

/** A span of Next.js' that is recorded; an error on it is the session's, unless somebody may have handled it. */
export function watched(session: Session, type: string, span: Span): Span {
  const setAttributes = span.setAttributes.bind(span)
  if (type !== FETCH) {
    const record = span.recordException.bind(span)
    span.recordException = (error, time) => {
      fail(session, error)
      record(error, time)
    }
  }
  span.setAttributes = (attributes) => {
    describeRequest(session, type, attributes as Known)
    return setAttributes(attributes)
  }
  return span
}

export interface PassingSpan extends Span {
  /** Settles when it has ended. */
  readonly over: Promise<void>
}

/**
 * A span that is not recorded: to its children `parent` stands for it, and what it says of the request is kept.
 * `onEnd`: given all that it has said.
 */
export function passing(session: Session, parent: Span, onEnd?: (known: Known) => void): PassingSpan {
  const known: Known = {}
  let settle = (): void => {}
  const span: PassingSpan = {
    over: new Promise((resolve) => {
      settle = resolve
    }),
    spanContext: () => parent.spanContext(),
    isRecording: () => true,
    setAttribute: (name, value) => span.setAttributes({ [name]: value }),
    setAttributes(attributes) {
      Object.assign(known, attributes)
      guard('a request', () => describeRequest(session, '', attributes as Known))
      return span
    },
    recordException: (error) => fail(session, error),
    end() {
      settle()
      guard('a request', () => onEnd?.(known))
    },
    addEvent: () => span,
    addLink: () => span,
    addLinks: () => span,
    setStatus: () => span,
    updateName: () => span,
  }
  return span
}
