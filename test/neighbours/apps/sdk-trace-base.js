import { context, trace } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { contextManager } from './context-manager.js'
import { exporter, processor, tryProvider } from './provider.js'

context.setGlobalContextManager(contextManager)
trace.setGlobalTracerProvider(
  new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'theirs' }),
    spanProcessors: [processor, new BatchSpanProcessor(exporter)],
  }),
)
await tryProvider()
