/** agentops-edge as its README sets it up, with spans of OpenTelemetry's own API. */
import { agentops } from 'agentops-edge/hono'
import { type App, createApp } from './app.ts'

const app: App = createApp((c) => {
  const { tracer } = c.var.agentops
  return ({ name, attributes }, inner) =>
    tracer.startActiveSpan(name, { attributes }, async (span) => {
      try {
        await inner()
      } finally {
        span.end()
      }
    })
}, agentops())
export default app
