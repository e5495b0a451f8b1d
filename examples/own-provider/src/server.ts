/**
 * A service that lives on, with spans of its own. What a request has made goes out when it has been answered; what is
 * left goes out before the process ends.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { provider } from './tracing.ts'

const tracer = trace.getTracer('order-desk')

const server = createServer((request, response) => {
  const path = request.url?.split('?')[0]
  const attributes = { 'agentops.span.kind': 'session', 'http.request.method': request.method, 'url.path': path }
  void tracer.startActiveSpan(`${request.method} ${path}`, { kind: SpanKind.SERVER, attributes }, async (span) => {
    try {
      await serve(request, response)
    } catch (error) {
      span.recordException(error as Error)
      span.setStatus({ code: SpanStatusCode.ERROR })
      response.writeHead(500).end()
    }
    span.setAttribute('http.response.status_code', response.statusCode)
    span.end()
    // The client has its answer already.
    await provider.forceFlush()
  })
})

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const orders = await search(await text(request))
  response.end(`${orders.length} orders\n`)
}

function search(customer: string): Promise<string[]> {
  const attributes = { 'agentops.span.kind': 'tool', 'tool.name': 'search' }
  return tracer.startActiveSpan('search', { attributes }, async (span) => {
    try {
      // Ask your database here.
      if (!customer) throw new TypeError('expected the name of a customer')
      return [`${customer}: 3 × notebook`, `${customer}: 12 × pencil`]
    } finally {
      span.end()
    }
  })
}

process.once('SIGTERM', () => {
  const span = tracer.startSpan('drain')
  // Requests under way are answered first.
  server.close(() => {
    span.end()
    void provider.shutdown()
  })
})

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
