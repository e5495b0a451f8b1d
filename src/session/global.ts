/**
 * Lets spans of any OpenTelemetry-instrumented library land in the current session: one delegating provider for the
 * isolate, a no-op outside a session. Registered at the first session that wants it, never at import; it yields to
 * whoever registered first.
 */
import { context, ProxyTracerProvider, type Tracer, type TracerProvider, trace } from '@opentelemetry/api'
import { apiVersion, guard, hasGlobal, warn } from '../runtime/diag.ts'
import { activeContext, runIn } from '../runtime/scope.ts'
import { currentSession } from './current.ts'

export function registerGlobal(): void {
  const older = /^1\.\d\./.exec(apiVersion() ?? '')
  if (older) {
    // What a copy of the API before 1.10 has registered, later copies neither read nor add to.
    warn(
      `@opentelemetry/api ${apiVersion()} has registered its globals first, so spans that libraries make do not land in sessions. Update it to ^1.10.0 ("npm ls @opentelemetry/api" shows who brings it), or give its provider a SessionSpanProcessor`,
      'an older API',
    )
    return
  }
  if (!hasGlobal('trace')) isOurs = trace.setGlobalTracerProvider(provider)
  if (isOurs) guard('the AI SDK’s telemetry', adoptEarlyTracers)
  if (!hasGlobal('context')) {
    context.setGlobalContextManager({
      active: activeContext,
      with: (active, fn, thisArg, ...args) => runIn(active, () => fn.apply(thisArg as never, args)),
      bind: (bound, target) =>
        typeof target === 'function'
          ? (function (this: unknown, ...args: unknown[]) {
              return runIn(bound, () => target.apply(this, args))
            } as typeof target)
          : target,
      enable() {
        return this
      },
      disable() {
        return this
      },
    })
  }
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

/** Opens a session for a span that begins outside any, and gives the tracer of it; undefined where it opens none. */
export type Opener = (name: Parameters<TracerProvider['getTracer']>, args: unknown[]) => Tracer | undefined

let opener: Opener | undefined

/** The spans of a framework that begin before any handler may open a session. */
export function openWith(given: Opener): void {
  opener = given
}

const provider: TracerProvider = {
  getTracer(...name) {
    const tracer = (args: unknown[]): Tracer => {
      const session = currentSession()
      const opened = session && session.state !== 'ended' ? undefined : opener?.(name, args)
      // A proxy provider without a delegate is the API's own no-op.
      return opened ?? (session?.tracerProvider ?? new ProxyTracerProvider()).getTracer(...name)
    }
    return {
      startSpan: (...args) => tracer(args).startSpan(...args),
      startActiveSpan: (...args: unknown[]) => (tracer(args).startActiveSpan as (...args: unknown[]) => never)(...args),
    }
  },
}
