/** Exports a request's spans with somebody else's exporter. Arguments: which one, and the endpoint's base. */
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'

const [, , which, url] = process.argv

async function provider() {
  const { BasicTracerProvider, BatchSpanProcessor } = await import('@opentelemetry/sdk-trace-base')
  const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${which}`)
  const exporter = new OTLPTraceExporter({ url: `${url}/v1/traces`, compression: 'gzip' })
  return new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] })
}

let flush
if (which === 'vercel') {
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = url
  const { registerOTel } = await import('@vercel/otel')
  registerOTel({ serviceName: 'theirs' })
  flush = () => trace.getTracerProvider().getDelegate().forceFlush()
} else {
  const made = await provider()
  trace.setGlobalTracerProvider(made)
  flush = () => made.forceFlush()
}

const tracer = trace.getTracer('their-agent', '1.2.3')
const root = tracer.startSpan('GET /theirs', { kind: SpanKind.SERVER, attributes: { 'http.route': '/theirs' } })
const call = tracer.startSpan(
  'chat gpt-4o',
  {
    kind: SpanKind.CLIENT,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.usage.input_tokens': 12,
      'gen_ai.usage.output_tokens': 5,
      'gen_ai.input.messages': JSON.stringify([{ role: 'user', parts: [{ type: 'text', content: 'Grüße ✓' }] }]),
      'gen_ai.output.messages': JSON.stringify([{ role: 'assistant', parts: [{ type: 'text', content: 'Hallo' }] }]),
      ratio: 0.25,
      flags: [true, false],
      big: -7,
    },
  },
  trace.setSpan(context.active(), root),
)
call.addEvent('first token', { at: 3 })
call.setStatus({ code: SpanStatusCode.ERROR, message: 'too long' })
call.end()
root.end()
await flush()
console.log(root.spanContext().traceId)
process.exit(0)
