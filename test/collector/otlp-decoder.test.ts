/** The tests' own decoder, against OpenTelemetry's own encoders. */
import { gzipSync } from 'node:zlib'
import { ROOT_CONTEXT, SpanKind, TraceFlags, trace } from '@opentelemetry/api'
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { expect, test } from 'vitest'
import { decodeOtlp } from '../support/otlp-decoder.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const PROTOBUF_TYPE = { 'content-type': 'application/x-protobuf' }
const LINKED = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED }

function twoSpans(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'sørvice' }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  })
  const tracer = provider.getTracer('scope', '1.2.3')
  const parent = tracer.startSpan('parent', { kind: SpanKind.SERVER, startTime: [1_700_000_000, 123_456_789] })
  const child = tracer.startSpan(
    'child ✓',
    {
      startTime: [1_700_000_000, 223_456_789],
      links: [{ context: LINKED, attributes: { why: 'because' } }],
      attributes: { text: 'x', integer: 7, float: 0.5, yes: true, list: ['a', 'b'], large: 2 ** 40, negative: -1 },
    },
    trace.setSpan(ROOT_CONTEXT, parent),
  )
  child.addEvent('event', { n: 1 }, [1_700_000_000, 300_000_001])
  child.setStatus({ code: 2, message: 'bad luck' })
  child.end([1_700_000_001, 1])
  parent.end([1_700_000_002, 999_999_999])
  return exporter
}

test('JSON and protobuf give the same spans, zipped or not', () => {
  const [child, parent] = twoSpans().getFinishedSpans()
  if (!child || !parent) throw new Error('no spans')
  const json = JsonTraceSerializer.serializeRequest([child, parent]) ?? new Uint8Array()
  const protobuf = ProtobufTraceSerializer.serializeRequest([child, parent]) ?? new Uint8Array()
  const fromJson = decodeOtlp(json, JSON_TYPE)
  expect(decodeOtlp(protobuf, PROTOBUF_TYPE)).toEqual(fromJson)
  expect(decodeOtlp(gzipSync(protobuf), { ...PROTOBUF_TYPE, 'content-encoding': 'gzip' })).toEqual(fromJson)
  expect(
    decodeOtlp(gzipSync(json), { 'content-type': 'application/json; charset=utf-8', 'content-encoding': 'gzip' }),
  ).toEqual(fromJson)
  const { traceId, spanId } = parent.spanContext()
  expect(fromJson).toMatchObject([
    {
      traceId,
      spanId: child.spanContext().spanId,
      parentSpanId: spanId,
      name: 'child ✓',
      kind: 1,
      start: 1_700_000_000_223_456_789n,
      end: 1_700_000_001_000_000_001n,
      status: { code: 2, message: 'bad luck' },
      attributes: { text: 'x', integer: 7, float: 0.5, yes: true, list: ['a', 'b'], large: 2 ** 40, negative: -1 },
      events: [{ name: 'event', time: 1_700_000_000_300_000_001n, attributes: { n: 1 } }],
      links: [{ traceId: LINKED.traceId, spanId: LINKED.spanId, attributes: { why: 'because' } }],
      dropped: { attributes: 0, events: 0, links: 0 },
      resource: { 'service.name': 'sørvice' },
      scope: { name: 'scope', version: '1.2.3' },
    },
    { traceId, spanId, parentSpanId: undefined, name: 'parent', kind: 2, status: { code: 0, message: '' } },
  ])
  expect(fromJson.every(({ flags }) => (flags & 1) === 1)).toBe(true)
})

const SPAN = {
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  name: 's',
  startTimeUnixNano: '1',
  endTimeUnixNano: '2',
}
const request = (span: object): Uint8Array =>
  Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }))

test.each<[string, object]>([
  ['an unknown field', { ...SPAN, colour: 'red' }],
  ['an unknown field far down', { ...SPAN, attributes: [{ key: 'a', value: { strValue: 'x' } }] }],
  ['two values in one', { ...SPAN, attributes: [{ key: 'a', value: { stringValue: 'x', intValue: 1 } }] }],
  ['the same attribute twice', { ...SPAN, attributes: [{ key: 'a' }, { key: 'a' }] }],
  ['an id in base64', { ...SPAN, traceId: Buffer.alloc(16, 1).toString('base64') }],
  ['an id of zeros', { ...SPAN, spanId: '0'.repeat(16) }],
  ['no id', { ...SPAN, spanId: undefined }],
  ['a time with a fraction', { ...SPAN, startTimeUnixNano: 1.5 }],
  ['a kind by name', { ...SPAN, kind: 'SPAN_KIND_SERVER' }],
  ['a field in snake case', { ...SPAN, trace_state: 'a=b' }],
  ['half a surrogate pair', { ...SPAN, name: '\ud83d' }],
])('%s is an error in JSON', (_, span) => {
  expect(decodeOtlp(request(SPAN), JSON_TYPE)).toHaveLength(1)
  expect(() => decodeOtlp(request(span), JSON_TYPE)).toThrow()
})

test('what is no OTLP protobuf is an error', () => {
  const protobuf = ProtobufTraceSerializer.serializeRequest(twoSpans().getFinishedSpans()) ?? new Uint8Array()
  expect(decodeOtlp(protobuf, PROTOBUF_TYPE)).toHaveLength(2)
  expect(() => decodeOtlp(protobuf.subarray(0, -1), PROTOBUF_TYPE)).toThrow()
  // Field 9 as a varint: the request has no such field.
  expect(() => decodeOtlp(Buffer.concat([protobuf, Buffer.from([0x48, 1])]), PROTOBUF_TYPE)).toThrow('unknown field')
  expect(() => decodeOtlp(protobuf, { 'content-type': 'text/plain' })).toThrow('text/plain')
  expect(() => decodeOtlp(protobuf, { ...PROTOBUF_TYPE, 'content-encoding': 'br' })).toThrow('br')
})
