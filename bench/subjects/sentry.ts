/** `@sentry/cloudflare` as its documentation sets it up, every trace kept. */
import { startSpan, withSentry } from '@sentry/cloudflare'
import { createApp, type Env } from './app.ts'

const app = createApp(
  () =>
    ({ name, attributes }, inner) =>
      startSpan({ name, attributes }, inner),
)

const handler: ExportedHandler<Env> = {
  fetch: (request, env, ctx) => app.fetch(request, env, ctx),
}

const worker: ExportedHandler<Env> = withSentry<Env, unknown, unknown, ExportedHandler<Env>>(
  (env) => ({ dsn: env.SENTRY_DSN, tracesSampleRate: 1 }),
  handler,
)
export default worker
