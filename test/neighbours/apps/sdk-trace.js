import { context, trace } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { contextManager } from './context-manager.js'
import { exporter, processor, tryProvider } from './provider.js'

context.setGlobalContextManager(contextManager)
trace.setGlobalTracerProvider(
  new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'theirs' }),
    spanProcessors: [processor, new BatchSpanProcessor({ exporter })],
  }),
)
await tryProvider()
