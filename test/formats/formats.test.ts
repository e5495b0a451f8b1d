/** What goes over the wire, read by an independent decoder: the published definitions through protobufjs. */
import { context, SpanKind, trace } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { otlpJson, otlpProtobuf } from '../../src/formats/index.ts'
import { type AgentOpsOptions, createAgentOps, LLMEvent } from '../../src/index.ts'
import { type DecodedSpan, decodeOtlp } from '../support/otlp-decoder.ts'
import type { Received } from '../support/scripted.ts'
import { scripted } from '../support/scripted-client.ts'

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}))
afterEach(() => vi.restoreAllMocks())

/** The same session each time: times and ids are the only difference. */
async function deliver(options: AgentOpsOptions): Promise<{ spans: DecodedSpan[]; request: Received }> {
  const backend = await scripted()
  let now = 1_800_000_000_000
  const client = createAgentOps({
    endpoint: `${backend.url}/v1/traces`,
    serviceName: 'desk',
    clock: () => now++,
    ...options,
  })
  const session = client.startSession({ name: 'wire', tags: ['a', 'b'] })
  session.tool('search', { q: 'cats ✓', n: 3 }, () => ['one', { two: 2.5 }])
  session.record(new LLMEvent({ model: 'm', promptTokens: 3, completionTokens: 2, prompt: 'hi', completion: 'yo' }))
  session.recordError(new TypeError('broken'))
  const parent = session.tracer.startSpan('library', {
    kind: SpanKind.CLIENT,
    attributes: { flag: true, list: [1, 2] },
  })
  parent.addEvent('seen', { at: 1.5 })
  session.tracer
    .startSpan('inner', { links: [{ context: parent.spanContext() }] }, trace.setSpan(context.active(), parent))
    .end()
  parent.end()
  expect(await session.end('Success')).toEqual({ sent: 6, dropped: 0, spooled: 0, pending: 0 })
  const [request] = (await backend.received()) as [Received]
  // As it is named by the content-encoding, undone by the log.
  return {
    request,
    spans: decodeOtlp(Buffer.from(request.base64, 'base64'), { 'content-type': request.headers['content-type'] }),
  }
}

const formats = [
  ['otlp-json', otlpJson, 'application/json'],
  ['otlp-protobuf', otlpProtobuf, 'application/x-protobuf'],
] as const

describe.each(formats)('%s', (_, format, contentType) => {
  test.each(['gzip', 'none'] as const)('compression %s: every span, with all that it has', async (compression) => {
    const { spans, request } = await deliver({ format, compression })
    expect(request.headers['content-type']).toBe(contentType)
    expect(request.headers['content-encoding']).toBe(compression === 'gzip' ? 'gzip' : undefined)
    const decoded = Buffer.from(request.base64, 'base64').length
    expect(request.bytes < decoded).toBe(compression === 'gzip')
    expect(spans.map(({ name }) => name).sort()).toEqual([
      'TypeError.operation',
      'chat.llm',
      'inner',
      'library',
      'search.tool',
      'wire.session',
    ])
    const named = (name: string): DecodedSpan => spans.find((span) => span.name === name) as DecodedSpan
    const root = named('wire.session')
    expect(root.parentSpanId ?? '').toBe('')
    expect(root.resource['service.name']).toBe('desk')
    expect(root.attributes['agentops.tags']).toEqual(['a', 'b'])
    expect(root.status.code).toBe(1)
    expect(named('search.tool').attributes['tool.parameters']).toBe('{"q":"cats ✓","n":3}')
    expect(named('search.tool').parentSpanId).toBe(root.spanId)
    expect(named('chat.llm').attributes['gen_ai.usage.prompt_tokens']).toBe(3)
    expect(named('chat.llm').kind).toBe(3)
    expect(named('TypeError.operation').status).toMatchObject({ code: 2, message: 'broken' })
    expect(named('library').attributes).toMatchObject({ flag: true, list: [1, 2] })
    expect(named('library').events[0]).toMatchObject({ name: 'seen' })
    expect(named('inner').parentSpanId).toBe(named('library').spanId)
    expect(named('inner').links).toHaveLength(1)
    for (const span of spans) {
      expect(span.traceId).toBe(root.traceId)
      expect(span.end).toBeGreaterThanOrEqual(span.start)
    }
  })
})

test('both encodings say the same', async () => {
  const comparable = (spans: DecodedSpan[]): unknown[] =>
    spans.map(({ name, kind, status, attributes, scope, resource }) => {
      const { 'event.id': _, 'session.id': __, 'trigger_event.id': ___, ...rest } = attributes
      return {
        name,
        kind,
        status,
        attributes: Object.keys(rest),
        tokens: rest['gen_ai.usage.prompt_tokens'],
        scope,
        resource,
      }
    })
  const [json, protobuf] = [await deliver({ format: otlpJson }), await deliver({ format: otlpProtobuf })]
  expect(comparable(protobuf.spans)).toEqual(comparable(json.spans))
  expect(protobuf.request.base64.length).toBeLessThan(json.request.base64.length)
})

test('protobuf: a partial success in protobuf is read and counted', async () => {
  // ExportTraceServiceResponse { partial_success { rejected_spans: 2, error_message: "no" } }
  const bodyBase64 = Buffer.from([0x0a, 0x06, 0x08, 0x02, 0x12, 0x02, 0x6e, 0x6f]).toString('base64')
  const backend = await scripted({ bodyBase64, headers: { 'content-type': 'application/x-protobuf' } })
  const session = createAgentOps({ endpoint: `${backend.url}/v1/traces`, format: otlpProtobuf }).startSession()
  for (let n = 0; n < 4; n++) session.tool(`t${n}`, () => n)
  expect(await session.end()).toEqual({ sent: 3, dropped: 2, spooled: 0, pending: 0, error: 'no' })
})
