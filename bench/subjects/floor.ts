/**
 * The least that OpenTelemetry's SDK can do here: a TracerProvider a request, its spans in an array, one POST. Parents
 * are handed on by hand, a stream's end is not waited for.
 */
import { type Context as OtelContext, ROOT_CONTEXT, SpanKind, type Tracer, trace } from '@opentelemetry/api'
import { type ReadableSpan, TracerProvider } from '@opentelemetry/sdk-trace'
import type { Context } from 'hono'
import { type App, createApp, type Nest } from './app.ts'
import { collectInto, post } from './post.ts'

const nests = new WeakMap<Context, Nest>()

/** Steps of a request follow each other, so that one variable knows where they are. */
function nestIn(tracer: Tracer, root: OtelContext): Nest {
  let current = root
  return async ({ name, attributes }, inner) => {
    const outer = current
    const span = tracer.startSpan(name, { attributes }, outer)
    current = trace.setSpan(outer, span)
    try {
      await inner()
    } finally {
      current = outer
      span.end()
    }
  }
}

const app: App = createApp(
  (c) => nests.get(c) as Nest,
  async (c, next) => {
    const spans: ReadableSpan[] = []
    const tracer = new TracerProvider({ spanProcessors: [collectInto(spans)] }).getTracer('bench')
    const root = tracer.startSpan(
      `${c.req.method} ${c.req.path}`,
      { kind: SpanKind.SERVER, attributes: { 'http.request.method': c.req.method, 'url.path': c.req.path } },
      ROOT_CONTEXT,
    )
    nests.set(c, nestIn(tracer, trace.setSpan(ROOT_CONTEXT, root)))
    await next()
    root.setAttribute('http.response.status_code', c.res.status)
    root.end()
    c.executionCtx.waitUntil(post(c.env, spans))
  },
)
export default app
