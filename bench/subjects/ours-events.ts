/** agentops-edge as its README sets it up, with its own event helpers. */
import { tool } from 'agentops-edge'
import { agentops } from 'agentops-edge/hono'
import { type App, createApp } from './app.ts'

const app: App = createApp(
  () =>
    ({ name, attributes }, inner) =>
      tool(name, attributes, inner),
  agentops(),
)
export default app
