/** What Next.js, or another SDK, knows of the request that a wrapped handler answers; nothing of it where it is not there. */
import { ROOT_CONTEXT, type Span, trace } from '@opentelemetry/api'
import { BUILDING, serverEnvironment } from '../lifetime/platform.ts'
import type { Config } from '../options/config.ts'
import type { AgentOpsOptions } from '../options/options.ts'
import { otelGlobals } from '../runtime/diag.ts'
import { SAMPLED } from '../runtime/otel.ts'
import { SERVICE_NAME } from '../runtime/semconv.ts'
import type { RootInit } from '../session/init.ts'

/** What Next.js keeps of what it renders, a part of its `fetch`. */
interface Store {
  /** As `/items/[id]/route`. */
  readonly route?: string
  /** It is rendered for all: at build time, or again later. */
  readonly isStaticGeneration?: boolean
}
type NextFetch = typeof fetch & {
  __nextGetStaticStore?(): { getStore(): Store | undefined }
  _nextOriginalFetch?: typeof fetch
}

/** Of a Pages API route's request. */
const META = Symbol.for('NextInternalRequestMeta')
type Meta = { [META]?: { match?: { definition?: { pathname?: string } } } }

/** The route as SvelteKit's event, Astro's context and React Router's arguments have it. */
interface Routed {
  readonly route?: { readonly id?: unknown }
  readonly routePattern?: unknown
  readonly pattern?: unknown
}

/** `second`: what a framework gives a handler beside the request. */
export function nextPage(request: object, second: unknown): { isStatic: boolean; route?: string } {
  const store = (globalThis.fetch as NextFetch | undefined)?.__nextGetStaticStore?.().getStore()
  const { route: found, routePattern, pattern } = Object(second) as Routed
  const route = store
    ? store.route?.replace(/\/route$/, '')
    : ((request as Meta)?.[META]?.match?.definition?.pathname ?? found?.id ?? routePattern ?? pattern)
  return {
    isStatic: !!store?.isStaticGeneration || serverEnvironment()?.NEXT_PHASE === BUILDING,
    route: typeof route === 'string' && route ? route.replace(/^(?!\/)/, '/') : undefined,
  }
}

/** As its copy of OpenTelemetry's API keeps it, be it an older one. */
function outerSpan(): Span | undefined {
  return trace.getSpan(otelGlobals()?.context?.active() ?? ROOT_CONTEXT)
}

/** Another SDK's span that is running: the session goes on in its trace, or is linked to it where that is not recorded. */
export function outerTrace(): RootInit | undefined {
  const outer = outerSpan()?.spanContext()
  if (!outer || !trace.isSpanContextValid(outer)) return undefined
  if (outer.traceFlags & SAMPLED) return { parent: trace.setSpanContext(ROOT_CONTEXT, outer) }
  return { links: [{ context: outer }], parent: undefined }
}

/** Next.js' `fetch` caches, and makes what asks with it one of each request: what is sent goes past it. */
const send: typeof fetch = (input, init) => {
  const { fetch } = globalThis as { fetch: NextFetch }
  return (fetch._nextOriginalFetch ?? fetch)(input, init)
}

const outside: WeakMap<Config, Config> = new WeakMap()

export function outsideNext(config: Config): Config {
  if (config.fetch || !(globalThis.fetch as NextFetch | undefined)?._nextOriginalFetch) return config
  const made = outside.get(config) ?? { ...config, fetch: send, isFetchLasting: true }
  outside.set(config, made)
  return made
}

/** Of `registerAgentOps`, for the copies of this library that a bundler makes. */
const DEFAULTS = Symbol.for('agentops-edge.defaults.1')
type Kept = { [DEFAULTS]?: AgentOpsOptions }

export function setDefaults(options: AgentOpsOptions): void {
  ;(globalThis as Kept)[DEFAULTS] = options
}

/** Those of another SDK's service, where there are none. */
export function defaults(): AgentOpsOptions | undefined {
  const given = (globalThis as Kept)[DEFAULTS]
  if (given || serverEnvironment()?.OTEL_SERVICE_NAME) return given
  const { resource } = (outerSpan() ?? {}) as {
    resource?: { attributes?: Record<string, unknown> }
  }
  const name = resource?.attributes?.[SERVICE_NAME]
  return typeof name === 'string' ? { serviceName: name } : undefined
}
