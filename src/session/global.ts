/**
 * Lets spans of any OpenTelemetry-instrumented library land in the current session: one delegating provider for the
 * isolate, a no-op outside a session. Registered at the first session that wants it, never at import; it yields to
 * whoever registered first.
 */
import { context, ProxyTracerProvider, type Tracer, type TracerProvider, trace } from '@opentelemetry/api'
import { hasGlobal } from '../diag.ts'
import { activeContext, currentSession, runIn } from './scope.ts'

export function registerGlobal(): void {
  if (!hasGlobal('trace')) trace.setGlobalTracerProvider(provider)
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

const provider: TracerProvider = {
  getTracer(...name) {
    // A proxy provider without a delegate is the API's own no-op.
    const tracer = (): Tracer => (currentSession()?.tracerProvider ?? new ProxyTracerProvider()).getTracer(...name)
    return {
      startSpan: (...args) => tracer().startSpan(...args),
      startActiveSpan: (...args: unknown[]) => (tracer().startActiveSpan as (...args: unknown[]) => never)(...args),
    }
  },
}
