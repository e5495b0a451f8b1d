/**
 * Tries a provider that the app has registered as the global one before any session. Every request that the process
 * makes is traced, as instrumented apps have it.
 */
import { trace } from '@opentelemetry/api'
import { createAgentOps, SessionExporter, SessionSpanProcessor } from 'agentops-edge'

const { OURS, THEIRS } = process.env
/** Ours, with our exporter in it. */
export const processor = new SessionSpanProcessor(new SessionExporter({ endpoint: OURS }))
/** For a processor of theirs. */
export const exporter = new SessionExporter({ endpoint: THEIRS })

export async function tryProvider() {
  const { fetch } = globalThis
  globalThis.fetch = (...args) =>
    trace.getTracer('fetch').startActiveSpan('fetch', (span) => fetch(...args).finally(() => span.end()))
  const tracer = trace.getTracer('app')
  tracer.startActiveSpan('outer', (span) => {
    tracer.startSpan('inner').end()
    span.end()
  })
  const flush = () => trace.getTracerProvider().getDelegate().forceFlush()
  await flush()
  // Twice: sends what the delivery itself has traced.
  await flush()
  const report = processor.report()
  // A session beside it. Where a later copy of the API cannot read their globals, that is said once, not each time.
  const client = createAgentOps({ endpoint: OURS, instrumentations: { global: true } })
  await client.withSession({ name: 'first' }, (session) => session.tool('search', () => 'cats'))
  await client.withSession({ name: 'second' }, () => {})
  await flush()
  console.log(JSON.stringify(report))
}
