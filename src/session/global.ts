/**
 * Lets spans of any OpenTelemetry-instrumented library land in the current session: one delegating provider for the
 * isolate, a no-op outside a session. Registered at the first session that wants it, never at import; it yields to
 * whoever registered first.
 */
import { context, ProxyTracerProvider, type Tracer, type TracerProvider, trace } from '@opentelemetry/api'
import { apiVersion, guard, hasGlobal, warn } from '../runtime/diag.ts'
import { contextManager } from '../runtime/scope.ts'
import { currentSession } from './current.ts'

/** False where an older API makes that impossible, which is said. */
export function registerGlobal(): boolean {
  const older = /^1\.\d\./.exec(apiVersion() ?? '')
  if (older) {
    // What a copy of the API before 1.10 has registered, later copies neither read nor add to.
    warn(
      `@opentelemetry/api ${apiVersion()} has registered its globals first, so spans that libraries make do not land in sessions. Update it to ^1.10.0 ("npm ls @opentelemetry/api" shows who brings it), or give its provider a SessionSpanProcessor`,
      'an older API',
    )
    return false
  }
  if (!hasGlobal('trace')) isOurs = trace.setGlobalTracerProvider(provider)
  if (isOurs) guard('the AI SDK’s telemetry', adoptEarlyTracers)
  if (!hasGlobal('context')) context.setGlobalContextManager(contextManager)
  return true
}

/** Whether the global provider is this one. */
let isOurs = false

/** Of a tracer that the API made before a provider was registered, what is needed. */
interface EarlyTracer {
  _provider?: { _delegate?: unknown; setDelegate?(provider: TracerProvider): void }
}

/**
 * `registerTelemetry(new OpenTelemetry())` of the AI SDK makes its tracer at the top of a module, before any session, and
 * with a copy of the API of its own (`@ai-sdk/otel` pins one): a provider that is registered later reaches only the
 * early tracers of the copy that it is registered with.
 */
function adoptEarlyTracers(): void {
  const { AI_SDK_TELEMETRY_INTEGRATIONS: integrations } = globalThis as {
    AI_SDK_TELEMETRY_INTEGRATIONS?: { tracer?: EarlyTracer }[]
  }
  for (const { tracer } of integrations ?? []) {
    const early = tracer?._provider
    if (early && !early._delegate) early.setDelegate?.(provider)
  }
}

/** Gives the tracer of a framework whose spans begin before any handler may open a session; undefined for any other. */
export type Opener = (name: string) => Tracer | undefined

/** What the copies of this library that a bundler makes (Next.js: one a route, a new one with each edit) share. */
const OPENER = Symbol.for('agentops-edge.opener.1')

/** The one that was given last counts. */
export function openWith(given: Opener): void {
  ;(globalThis as { [OPENER]?: Opener })[OPENER] = given
}

/** Whether the global provider is one of this library's, be it another copy's. */
export function isRegistered(): boolean {
  const { getDelegate } = trace.getTracerProvider() as { getDelegate?(): object }
  return isOurs || (!!getDelegate && OPENER in (getDelegate.call(trace.getTracerProvider()) ?? {}))
}

const provider: TracerProvider & { readonly [OPENER]: true } = {
  [OPENER]: true,
  getTracer(...name) {
    const own = (globalThis as { [OPENER]?: Opener })[OPENER]?.(name[0])
    if (own) return own
    // A proxy provider without a delegate is the API's own no-op.
    const tracer = (): Tracer => (currentSession()?.tracerProvider ?? new ProxyTracerProvider()).getTracer(...name)
    return {
      startSpan: (...args) => tracer().startSpan(...args),
      startActiveSpan: (...args: unknown[]) => (tracer().startActiveSpan as (...args: unknown[]) => never)(...args),
    }
  },
}
