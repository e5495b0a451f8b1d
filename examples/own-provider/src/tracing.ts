/** The service's own OpenTelemetry: one provider for the process, whose spans our processor and exporter deliver. */
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { SessionExporter, SessionSpanProcessor } from 'agentops-edge'

export const provider: BasicTracerProvider = new BasicTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'order-desk' }),
  // Key and endpoint come from the environment.
  spanProcessors: [new SessionSpanProcessor(new SessionExporter())],
})

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
trace.setGlobalTracerProvider(provider)
