/**
 * `@hono/otel` brings no SDK: the floor's, with one provider for the isolate, as its middleware wants it, and
 * AsyncLocalStorage for the active span. What has ended goes out with the request that ends.
 */
import { httpInstrumentationMiddleware } from '@hono/otel'
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { type ReadableSpan, TracerProvider } from '@opentelemetry/sdk-trace'
import { type App, createApp } from './app.ts'
import { collectInto, post } from './post.ts'

const spans: ReadableSpan[] = []
const tracerProvider = new TracerProvider({ spanProcessors: [collectInto(spans)] })
trace.setGlobalTracerProvider(tracerProvider)
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
const tracer = trace.getTracer('bench')

const app: App = createApp(
  () =>
    ({ name, attributes }, inner) =>
      tracer.startActiveSpan(name, { attributes }, async (span) => {
        try {
          await inner()
        } finally {
          span.end()
        }
      }),
  async (c, next) => {
    await next()
    if (spans.length > 0) c.executionCtx.waitUntil(post(c.env, spans.splice(0)))
  },
  httpInstrumentationMiddleware({ tracerProvider, serviceName: 'bench' }),
)
export default app
