/**
 * Next.js starts the span of a request before any handler runs: the session begins with that span, and ends with it and
 * the work behind it. `withAgentOps` inside joins it.
 */
import { type Context, propagation, type Span, type SpanOptions, type Tracer, trace } from '@opentelemetry/api'
import { judgeByStatus, recordStatus } from '../http/outcome.ts'
import { openInvocation, prepare } from '../lifetime/invocation.ts'
import { serverPlatform } from '../lifetime/platform.ts'
import type { Config } from '../options/config.ts'
import { fromCaller } from '../propagation/inbound.ts'
import { traceContextPropagator } from '../propagation/trace-context.ts'
import { guard, hasGlobal } from '../runtime/diag.ts'
import { SERVER } from '../runtime/otel.ts'
import { activeContext, runIn } from '../runtime/scope.ts'
import * as key from '../runtime/semconv.ts'
import { openWith, registerGlobal } from '../session/global.ts'
import { ownScope } from '../session/scope.ts'
import type { Session } from '../session/session.ts'

/** The span that stands for a request, by its `next.span_type`. */
const ROOT = 'BaseServer.handleRequest'

type TracerName = Parameters<Session['tracerProvider']['getTracer']>

export function registerNext(configOf: () => Config): void {
  void prepare()
  openWith((name, args) => {
    const options = args.find((arg) => typeof arg === 'object') as SpanOptions | undefined
    if (options?.attributes?.['next.span_type'] !== ROOT) return undefined
    return guard('opening a session', () => sessionTracer(configOf(), name as TracerName))
  })
  registerGlobal()
  // Next.js reads a caller's headers through it.
  if (!hasGlobal('propagation')) propagation.setGlobalPropagator(traceContextPropagator)
}

/** A tracer for one span: a request's, whose session it opens and ends. */
function sessionTracer(config: Config, name: TracerName): Tracer {
  const open = (spanName: string, options: SpanOptions = {}, context: Context = activeContext()): [Span, Context] => {
    const { attributes = {} } = options
    const method = `${attributes['http.method'] ?? attributes[key.HTTP_METHOD] ?? 'HTTP'}`
    const target = attributes['http.target'] ?? attributes[key.URL_PATH]
    const invocation = openInvocation(
      config,
      {
        name: method,
        kind: SERVER,
        rootAttributes: {
          [key.HTTP_METHOD]: method,
          [key.URL_PATH]: typeof target === 'string' ? target.split('?')[0] : undefined,
        },
        ...fromCaller(context, config),
      },
      serverPlatform(),
    )
    const { session } = invocation
    const span = session.tracerProvider.getTracer(...name).startSpan(spanName, options, session.context)
    const end = span.end.bind(span)
    span.end = (time) => {
      end(time)
      void invocation.end(() => describe(session, method, (span as { attributes?: Known }).attributes ?? {}))
    }
    // Next.js finds its own values in the context, the route's among them.
    return [span, trace.setSpan(ownScope(session, context), span)]
  }
  return {
    startSpan: (...args) => open(...args)[0],
    startActiveSpan(spanName: string, ...rest: unknown[]) {
      const fn = rest.pop() as (span: Span) => unknown
      const [span, context] = open(spanName, ...(rest as [SpanOptions?, Context?]))
      return runIn(context, () => fn(span)) as never
    },
  }
}

type Known = Readonly<Record<string, unknown>>

/** Next.js knows route and status when its span ends. */
function describe(session: Session, method: string, known: Known): void {
  const route = known['next.route'] ?? known[key.HTTP_ROUTE]
  // A wrapped proxy has said its own, of which Next.js knows nothing.
  const { attributes: said = {} } = session.root as { attributes?: Known }
  const status = Number(said[key.HTTP_STATUS] ?? known['http.status_code'] ?? known[key.HTTP_STATUS])
  if (typeof route === 'string') {
    session.rename(session.name === method ? `${method} ${route}` : session.name, { [key.HTTP_ROUTE]: route })
  }
  if (!Number.isInteger(status)) return
  recordStatus(session, status)
  judgeByStatus(session, status)
}
