import { registerOTel } from '@vercel/otel'
import { exporter, processor, tryProvider } from './provider.js'

registerOTel({ serviceName: 'theirs', spanProcessors: [processor, 'auto'], traceExporter: exporter })
await tryProvider()
