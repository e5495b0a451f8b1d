/** What the OpenTelemetry Collector has written into ClickHouse is shown; what a span is, is the same in SQL as here. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clickhouseStore } from '../../src/collector/clickhouse/index.ts'
import { SPAN_WORDS } from '../../src/collector/clickhouse-schema.ts'
import { summarize } from '../../src/collector/conventions.ts'
import { readOtlp } from '../../src/collector/otlp.ts'
import { startClickHouse } from '../support/clickhouse.ts'
import { attributesOf, spanId, traceIdOf } from '../support/desk.ts'
import type { RunningStore } from '../support/stores.ts'

let engine: RunningStore
const ask = async (sql: string): Promise<string> => {
  const { origin } = new URL(engine.url)
  const response = await fetch(origin, { method: 'POST', body: sql })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text
}
beforeAll(async () => {
  engine = await startClickHouse()
})
afterAll(() => engine?.stop())

test('a table of the Collector’s that was there first: its rows are added up once, and those that come later, too', async () => {
  // Its columns, without its codecs and indices.
  await ask(`CREATE TABLE otel_traces (Timestamp DateTime64(9), TraceId String, SpanId String, ParentSpanId String, TraceState String,
    SpanName LowCardinality(String), SpanKind LowCardinality(String), ServiceName LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String), ScopeName String, ScopeVersion String,
    SpanAttributes Map(LowCardinality(String), String), Duration UInt64, StatusCode LowCardinality(String), StatusMessage String,
    Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String)))
    ENGINE = MergeTree ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))`)
  const row = (n: number, fields: object): string =>
    JSON.stringify({
      ...{
        Timestamp: '2026-11-20 12:00:00.000000000',
        TraceId: traceIdOf(n),
        SpanId: spanId(traceIdOf(n), 1),
        Duration: '5000000',
      },
      ...{
        ServiceName: 'theirs',
        ResourceAttributes: { 'service.name': 'theirs', 'deployment.environment': 'production' },
      },
      ...fields,
    })
  const failed = {
    ...{ SpanName: 'GET /pay', SpanKind: 'Server', StatusCode: 'Error', StatusMessage: 'no money' },
    SpanAttributes: { 'http.route': '/pay', 'http.response.status_code': '500', retried: 'true', 'url.path': '/pay' },
    ...{ 'Events.Timestamp': ['2026-11-20 12:00:00.001000000'], 'Events.Name': ['exception'] },
    'Events.Attributes': [{ 'exception.message': 'no money' }],
  }
  // As older versions of it wrote.
  const older = {
    ...{
      SpanName: 'chat m',
      SpanKind: 'SPAN_KIND_CLIENT',
      StatusCode: 'STATUS_CODE_ERROR',
      ParentSpanId: spanId(traceIdOf(1), 1),
    },
    ...{
      SpanId: spanId(traceIdOf(1), 2),
      SpanAttributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.request.model': 'm',
        'gen_ai.usage.input_tokens': '12',
      },
    },
  }
  const insert = (...rows: string[]): Promise<string> =>
    ask(`INSERT INTO otel_traces FORMAT JSONEachRow ${rows.join('\n')}`)
  await insert(row(1, failed), row(1, older))
  const store = clickhouseStore({ url: engine.url })
  expect(await store.sessions({ service: 'theirs' })).toMatchObject([
    {
      ...{
        traceId: traceIdOf(1),
        name: 'GET /pay',
        route: '/pay',
        environment: 'production',
        state: 'Fail',
        reason: 'no money',
      },
      ...{ spans: 2, errors: 2, modelCalls: 1, inputTokens: 12, duration: 5000, models: ['m'] },
    },
  ])
  const [raw] = await store.raw(traceIdOf(1), { spanId: spanId(traceIdOf(1), 1) })
  expect(raw?.span).toMatchObject({
    kind: 2,
    status: { code: 2 },
    startTimeUnixNano: `${Date.UTC(2026, 10, 20, 12)}000000`,
  })
  expect(raw?.span.attributes).toContainEqual({ key: 'http.response.status_code', value: { intValue: '500' } })
  await insert(row(2, { ...failed, StatusCode: 'Ok', StatusMessage: '' }))
  expect((await store.sessions({ route: '/pay' })).map(({ state }) => state).sort()).toEqual(['Fail', 'Success'])
  expect((await store.facets()).service).toEqual([{ value: 'theirs', sessions: 2 }])
  // Another process that starts finds all there.
  const again = clickhouseStore({ url: engine.url })
  expect(await again.sessions({ service: 'theirs' })).toHaveLength(2)
  await Promise.all([store.close(), again.close()])
})

test('type, model, tokens and cost of a span are in SQL what they are here', async () => {
  const all: Record<string, unknown>[] = [
    {},
    { 'agentops.span.kind': 'session' },
    { 'agentops.span.kind': 'operation' },
    { 'agentops.span.kind': 'task', 'tool.name': 'x' },
    { 'agentops.event.type': 'errors', 'agentops.span.kind': 'tool' },
    { 'openinference.span.kind': 'LLM', 'llm.model_name': 'm', 'llm.token_count.prompt': 5 },
    { 'openinference.span.kind': 'CHAIN', 'gen_ai.operation.name': 'chat' },
    { 'traceloop.span.kind': 'workflow' },
    { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'saw' },
    { 'gen_ai.operation.name': 'embeddings', 'gen_ai.request.model': 'a', 'gen_ai.response.model': 'b' },
    { 'ai.operationId': 'ai.generateText.doGenerate', 'ai.model.id': 'z', 'ai.usage.promptTokens': 3 },
    { 'ai.operationId': 'ai.toolCall', 'ai.toolCall.name': 'saw' },
    { 'ai.operationId': 'ai.generateText' },
    { 'gen_ai.request.model': 'm', 'gen_ai.usage.input_tokens': -4, 'gen_ai.usage.output_tokens': 2.6 },
    { 'mcp.method.name': 'tools/call' },
    { 'tool.name': 'saw', 'gen_ai.usage.total_cost': '0.25' },
    { 'gen_ai.usage.total_cost': 'NaN' },
    { 'http.request.method': 'GET' },
    { 'db.system': 'sqlite' },
    { 'agentops.span.kind': 'agent', 'gen_ai.request.model': 'm', 'gen_ai.usage.input_tokens': 9 },
  ]
  const traceId = traceIdOf(77)
  const names = ['x.task', "it's \\ odd", 'y']
  const spans = names.flatMap((name, i) =>
    all.map((attributes, n) => ({
      ...{ traceId, spanId: spanId(traceId, i * 100 + n + 1), name, kind: 1, attributes: attributesOf(attributes) },
      ...{
        startTimeUnixNano: `${BigInt(Date.now()) * 1_000_000n + BigInt(i * 100 + n)}`,
        endTimeUnixNano: `${BigInt(Date.now() + 5) * 1_000_000n}`,
      },
    })),
  )
  const read = readOtlp({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
  const store = clickhouseStore({ url: engine.url })
  await store.write(read)
  const found = (
    await ask(
      `${SPAN_WORDS} SELECT SpanId, type, model, tool, input, output, cost FROM otel_traces WHERE TraceId = '${traceId}' ORDER BY Timestamp FORMAT JSONCompactEachRow`,
    )
  )
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown[])
  expect(found).toHaveLength(spans.length)
  for (const [n, span] of read.spans.entries()) {
    const { type, model = '', label, inputTokens = 0, outputTokens = 0, cost = 0 } = summarize(span)
    const [id, ...told] = found[n] as unknown[]
    const isCall = type === 'model' || type === 'agent'
    expect([id, ...told]).toEqual([
      span.spanId,
      type,
      isCall ? model : told[1],
      type === 'tool' ? label : '',
      inputTokens,
      outputTokens,
      cost,
    ])
  }
  await store.close()
})
