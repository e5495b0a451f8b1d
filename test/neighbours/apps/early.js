import { trace } from '@opentelemetry/api'
import { createAgentOps } from 'agentops-edge'

const tracer = trace.getTracer('app')

await createAgentOps({ instrumentations: { global: true } }).withSession({ name: 'session' }, () =>
  tracer.startSpan('early').end(),
)
