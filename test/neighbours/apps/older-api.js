/** Sessions where the app's API 1.9 has registered what the argument says before any of them. */
import { diag, trace } from '@opentelemetry/api'
import { createAgentOps } from 'agentops-edge'

const nothing = () => {}
const register = {
  trace: () => trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan: () => ({ end: nothing }) }) }),
  diag: () =>
    diag.setLogger({
      verbose: nothing,
      debug: nothing,
      info: nothing,
      error: nothing,
      warn: (line) => console.log(line),
    }),
}
register[process.argv[2]]()

const client = createAgentOps({ instrumentations: { global: true } })
for (const name of ['first', 'second']) {
  await client.withSession({ name }, (session) => session.agent('planner', () => session.tool('search', () => 'cats')))
}
