/** `@microlabs/otel-cf-workers` as its README sets it up, with its own exporter. */
import { instrument } from '@microlabs/otel-cf-workers'
import { trace } from '@opentelemetry/api'
import { createApp, type Env } from '../app.ts'

const tracer = trace.getTracer('bench')

const app = createApp(
  () =>
    ({ name, attributes }, inner) =>
      tracer.startActiveSpan(name, { attributes }, async (span) => {
        try {
          await inner()
        } finally {
          span.end()
        }
      }),
)

const handler: ExportedHandler<Env> = {
  fetch: (request, env, ctx) => app.fetch(request, env, ctx),
}

const worker: ExportedHandler<Env> = instrument(handler, (env: Env) => ({
  exporter: { url: `${env.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces` },
  service: { name: env.OTEL_SERVICE_NAME },
}))
export default worker
