/** What OTLP cannot carry never leaves as something that a strict decoder refuses, wherever it stands, and the span says that something was left out. */
import { INVALID_SPAN_CONTEXT, trace } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { describe, expect, test } from 'vitest'
import { otlpJson, otlpProtobuf } from '../../src/formats/index.ts'
import { otlpText } from '../../src/formats/otlp-text.ts'
import { type AgentOpsOptions, createAgentOps, type Session, SessionExporter } from '../../src/index.ts'
import { type DecodedSpan, decodeOtlp } from '../support/otlp-decoder.ts'
import { type Scripted, scripted } from '../support/scripted-client.ts'

const formats = [
  ['otlp-json', otlpJson],
  ['otlp-protobuf', otlpProtobuf],
] as const

/** By the decoder of the published messages, which refuses what is none of them. */
async function decoded(backend: Scripted): Promise<DecodedSpan[]> {
  const received = await backend.received()
  return received.flatMap(({ base64, headers }) =>
    decodeOtlp(Buffer.from(base64, 'base64'), { 'content-type': headers['content-type'] }),
  )
}
async function sent(options: AgentOpsOptions, work: (session: Session) => unknown): Promise<DecodedSpan[]> {
  const backend = await scripted()
  const session = createAgentOps({ endpoint: `${backend.url}/v1/traces`, mode: 'multi', ...options }).startSession()
  await work(session)
  expect(await session.end('Success')).toMatchObject({ dropped: 0, pending: 0 })
  return decoded(backend)
}
const named = (spans: DecodedSpan[], name: string): DecodedSpan =>
  spans.find((span) => span.name === name) as DecodedSpan

/** As users and libraries set them, whatever the types say. */
const NEVER: Record<string, unknown> = {
  nan: Number.NaN,
  infinity: Number.POSITIVE_INFINITY,
  negative: Number.NEGATIVE_INFINITY,
  beyond: 2 ** 63,
  below: -(2 ** 64),
  huge: 1e308,
  inside: [1, Number.NaN],
  bigint: 1n,
  symbol: Symbol('s'),
  function: () => 1,
  date: new Date(0),
  // Nobody looks for secrets inside of them.
  map: { a: { b: 'c' } },
  maps: [{ a: 1 }],
  bytes: new Uint8Array(3),
}
const ALWAYS: Record<string, unknown> = {
  large: 2 ** 62,
  safe: Number.MAX_SAFE_INTEGER,
  least: -(2 ** 62),
  half: 0.5,
  tiny: 5e-324,
  mixed: [1, 'a', true, 0.5, null, undefined, ['b']],
  sparse: Object.assign([], { 2: 'c' }),
  empty: [],
  nested: [[[1, 'a'], []]],
  zero: -0,
}
const given = { ...NEVER, ...ALWAYS } as never

describe.each(formats)('%s', (_, format) => {
  test('numbers that it has not, and lists of anything', async () => {
    const spans = await sent({ format, attributes: given, resourceAttributes: given }, ({ tracer }) => {
      const link = { context: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 }, attributes: given }
      const span = tracer.startSpan('library', { attributes: given, links: [link] })
      span.addEvent('event', given)
      span.end()
    })
    const { attributes, dropped, events, links, resource } = named(spans, 'library')
    for (const values of [attributes, events[0]?.attributes, links[0]?.attributes, resource]) {
      // A resource has no count of what was left out; what it holds is read all the same.
      if (values !== resource) expect(Object.keys(values ?? {}).filter((name) => name in NEVER)).toEqual([])
      expect(values).toMatchObject({
        large: BigInt(2 ** 62),
        half: 0.5,
        tiny: 5e-324,
        mixed: [1, 'a', true, 0.5, null, null, ['b']],
        empty: [],
        nested: [[[1, 'a'], []]],
        sparse: [null, null, 'c'],
        zero: 0,
      })
    }
    expect(dropped.attributes).toBeGreaterThanOrEqual(Object.keys(NEVER).length)
  })

  test('halves of characters, in values, names, keys, statuses and tags', async () => {
    const half = 'a\ud83d'
    const whole = 'a\ufffd'
    const spans = await sent({ format, tags: [half], serviceName: half, attributes: { half } }, (session) => {
      session.tool(half, { half, [half]: 1 }, () => [half])
      session.llm(half, { prompt: half, completion: half }, () => half)
      session.recordError(new Error(half))
      session.setEndState('Fail', half)
      const span = session.tracer.startSpan(half, { attributes: { list: [half, '\\ud83d'], [half]: 'key' } })
      span.addEvent(half, { half })
      span.setStatus({ code: 2, message: half }).end()
    })
    expect(JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toMatch(
      /(?<!\\)\\ud83d/,
    )
    expect(named(spans, whole)).toMatchObject({
      attributes: { list: [whole, '\\ud83d'], [whole]: 'key', half: whole, 'agentops.tags': [whole] },
      events: [{ name: whole, attributes: { half: whole } }],
      status: { code: 2, message: whole },
      resource: { 'service.name': whole },
    })
  })

  test('what `onSpan` and `redact` make of a value', async () => {
    const spans = await sent(
      {
        format,
        onSpan: (span) => void span.setAttributes(given),
        redact: (name, value) => (name === 'half' ? Number.NaN : name === 'large' ? 2 ** 70 : value),
      },
      (session) => session.tool('t', () => 1),
    )
    expect(spans).toHaveLength(2)
    expect(named(spans, 't.tool').attributes).not.toHaveProperty('infinity')
  })

  test('spans of another SDK, exported with ours', async () => {
    const memory = new InMemorySpanExporter()
    const provider = new BasicTracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'other', beyond: 2 ** 64, nan: Number.NaN }),
      spanProcessors: [new SimpleSpanProcessor(memory)],
    })
    const attributes = { nan: Number.NaN, beyond: 2 ** 64, list: [1, Number.NaN, 2 ** 64], text: 'a\ud83d' }
    provider.getTracer('t').startSpan('s', { attributes }).end()
    const backend = await scripted()
    const exporter = new SessionExporter({ endpoint: `${backend.url}/v1/traces`, format })
    const code = await new Promise((resolve) =>
      exporter.export(memory.getFinishedSpans() as never, (result) => resolve(result.code)),
    )
    expect(code).toBe(0)
    const [span] = await decoded(backend)
    expect(span?.name).toBe('s')
    // As the nearest number there is, or not at all; never as another.
    expect([undefined, 2 ** 64]).toContain(span?.attributes.beyond)
  })
})

test('times and bytes of another SDK, as strict decoders take them', async () => {
  const memory = new InMemorySpanExporter()
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] }).getTracer('t')
  const bytes = new Uint8Array(300_000).fill(7)
  const times = [
    [-5, 0],
    [1_790_000_000, 0.5],
    [Number.NaN, 0],
    [0, 5],
    [1_790_000_000, 5],
  ] as const
  for (const time of times) {
    const span = tracer.startSpan('odd', { startTime: [...time] })
    Object.assign((span as never as { attributes: object }).attributes, { bytes, bigint: 1n, symbol: Symbol('s') })
    span.end([...time])
  }
  const { resourceSpans } = JSON.parse(otlpText(memory.getFinishedSpans() as never))
  const { spans } = resourceSpans[0].scopeSpans[0]
  expect(spans.map((span: Record<string, string>) => span.startTimeUnixNano)).toEqual([
    '0',
    '1790000000000000000',
    '0',
    '5',
    '1790000000000000005',
  ])
  for (const { attributes } of spans) {
    expect(attributes).toEqual([
      { key: 'bytes', value: { bytesValue: Buffer.from(bytes).toString('base64') } },
      { key: 'bigint', value: {} },
      { key: 'symbol', value: {} },
    ])
  }
})

test('a span that is started while tracing is suppressed changes nothing of the API’s own', async () => {
  const before = { ...INVALID_SPAN_CONTEXT }
  const session = createAgentOps({ endpoint: 'http://127.0.0.1:9/v1/traces', disabled: true }).startSession()
  const span = session.tracer.startSpan('suppressed', {}, suppressTracing(session.context))
  expect(span.isRecording()).toBe(false)
  expect(trace.wrapSpanContext(INVALID_SPAN_CONTEXT).spanContext()).toEqual(before)
  expect(INVALID_SPAN_CONTEXT).toEqual(before)
  await session.end()
})
