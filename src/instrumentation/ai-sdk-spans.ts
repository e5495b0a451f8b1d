/** What the AI SDK's own integration (`@ai-sdk/otel`) writes beside what the SDK tells: it would count twice. */
import { type Context, type Span, type SpanContext, trace } from '@opentelemetry/api'
import { activeContext } from '../runtime/scope.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import type { InstrumentedSession } from '../session/instruments.ts'

/** By the name of its tracer. */
const OWN_SCOPE = /^(gen_ai|ai)$/
/** Spans that runs began inside of, by their ids. */
const outside: WeakMap<InstrumentedSession, Set<string>> = new WeakMap()

export function isOwn(span: Span | undefined): boolean {
  return OWN_SCOPE.test(`${(span as SdkSpan | undefined)?.instrumentationScope?.name}`)
}

/**
 * From now on its spans that begin where a run did that is shown otherwise are none, and those inside of them likewise.
 * `context`: of the code that began the run.
 */
export function mute(session: InstrumentedSession, context: Context): void {
  const spanId = `${trace.getSpanContext(context)?.spanId}`
  const known = outside.get(session)?.add(spanId)
  if (known) return
  const places = new Set([spanId])
  outside.set(session, places)
  const provider = session.tracerProvider
  const { getTracer } = provider
  provider.getTracer = (...scope) => {
    const tracer = getTracer.apply(provider, scope)
    if (!OWN_SCOPE.test(scope[0])) return tracer
    const around = (context = activeContext()): SpanContext | undefined => {
      const outer = (trace.getSpan(context) ?? session.root).spanContext()
      return places.has(outer.spanId) ? outer : undefined
    }
    return {
      startSpan(name, options, context) {
        const outer = around(context)
        return outer ? trace.wrapSpanContext(outer) : tracer.startSpan(name, options, context)
      },
      startActiveSpan: tracer.startActiveSpan.bind(tracer),
    }
  }
}
