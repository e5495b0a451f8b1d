/**
 * ClickHouse's tables: spans stand in `otel_traces` as the OpenTelemetry Collector's exporter has it, whoever wrote them,
 * and what they come to is added up as they are inserted. What a span is, is `conventions.ts` in SQL.
 */
import * as key from '../runtime/semconv.ts'
import { KINDS, MAX_COST, MAX_TOKENS, OPERATIONS, SAYS } from './conventions.ts'

const text = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
const attribute = (name: string, of = 'SpanAttributes'): string => `${of}[${text(name)}]`
const first = (names: readonly string[], of?: string): string =>
  `coalesce(${names.map((name) => `nullIf(${attribute(name, of)}, '')`).join(', ')}, '')`
const translated = (value: string, by: Record<string, string>): string => {
  const list = (of: string[]): string => `[${of.map(text).join(', ')}]`
  return `transform(${value}, ${list(Object.keys(by))}, ${list(Object.values(by))}, '')`
}
const number = (value: string): string => `toFloat64OrZero(${value})`
const tokens = (names: readonly string[]): string =>
  `if(type = 'model' AND ${number(first(names))} BETWEEN 0 AND ${MAX_TOKENS}, toUInt64(round(${number(first(names))})), 0)`
const NAMED = "replaceRegexpOne(SpanName, '\\\\.(session|operation|agent|tool|llm|task|workflow)$', '')"

const failed = "StatusCode IN ('Error', 'STATUS_CODE_ERROR')"
const isSession = `${attribute(key.SPAN_KIND)} = 'session'`

/** What is said of a span, by name; one may use those before it. */
const WITH: Record<string, string> = {
  kind: translated(`lower(${first(SAYS.kind)})`, KINDS),
  operation: translated(attribute(key.GEN_AI_OPERATION_NAME), OPERATIONS),
  ai: attribute('ai.operationId'),
  type: `multiIf(${attribute(key.EVENT_TYPE)} = 'errors', 'error', kind NOT IN ('', 'action'), kind, operation != '', operation,
    match(ai, '\\\\.do[A-Z]\\\\w+$'), 'model', ai = 'ai.toolCall', 'tool', ai != '', 'agent', ${first(SAYS.isModel)} != '', 'model',
    ${attribute(key.MCP_METHOD)} = 'tools/call' OR ${attribute(key.TOOL_NAME)} != '', 'tool', kind != '', kind,
    ${first(SAYS.isHttp)} != '', 'http', ${first(SAYS.isDatabase)} != '', 'database',
    match(SpanName, '\\\\.(operation|task|workflow)$'), 'action', 'span')`,
  model: `substring(${first(SAYS.model)}, 1, 200)`,
  tool: `if(type = 'tool', substring(coalesce(nullIf(${first(SAYS.tool)}, ''), nullIf(${NAMED}, ''), '(no name)'), 1, 200), '')`,
  route: `substring(${attribute(key.HTTP_ROUTE)}, 1, 200)`,
  service: 'substring(toString(ServiceName), 1, 200)',
  environment: `substring(${first(SAYS.environment, 'ResourceAttributes')}, 1, 200)`,
  tags: `arraySlice(if(startsWith(${attribute(key.TAGS)}, '['), JSONExtract(${attribute(key.TAGS)}, 'Array(String)'),
    if(${attribute(key.TAGS)} = '', [], [${attribute(key.TAGS)}])), 1, 100)`,
  input: tokens(SAYS.inputTokens),
  output: tokens(SAYS.outputTokens),
  price: number(attribute(key.GEN_AI_TOTAL_COST)),
  cost: `if(price > 0 AND price <= ${MAX_COST}, price, 0)`,
  failed,
  rank: `multiIf(${isSession}, 4, ParentSpanId = '', 3, SpanKind IN ('Server', 'Consumer', 'SPAN_KIND_SERVER', 'SPAN_KIND_CONSUMER'), 2, 1)`,
  told: attribute(key.END_STATE),
  state: `multiIf(rank < 2, '', told IN ('Success', 'Fail', 'Indeterminate'), told, ${failed}, 'Fail',
    ${isSession} AND StatusCode NOT IN ('Ok', 'STATUS_CODE_OK'), 'Indeterminate', 'Success')`,
  called: `if(type = 'model', coalesce(nullIf(model, ''), nullIf(${NAMED}, ''), '(no name)'), tool)`,
}

/** `WITH …`: the names, for a query of `otel_traces`. */
export const SPAN_WORDS: string = `WITH ${Object.entries(WITH)
  .map(([name, expression]) => `${expression} AS ${name}`)
  .join(', ')}`

const ATTRIBUTES = 'Map(LowCardinality(String), String)'

/** As `clickhouseexporter` makes it: its own, where it has come first, stays. */
const otelTraces = (ttl: string): string => `CREATE TABLE IF NOT EXISTS otel_traces (
  Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
  ${['TraceId', 'SpanId', 'ParentSpanId', 'TraceState'].map((name) => `${name} String CODEC(ZSTD(1))`).join(', ')},
  ${['SpanName', 'SpanKind', 'ServiceName'].map((name) => `${name} LowCardinality(String) CODEC(ZSTD(1))`).join(', ')},
  ResourceAttributes ${ATTRIBUTES} CODEC(ZSTD(1)), ScopeName String CODEC(ZSTD(1)), ScopeVersion String CODEC(ZSTD(1)),
  SpanAttributes ${ATTRIBUTES} CODEC(ZSTD(1)), Duration UInt64 CODEC(T64, ZSTD(1)),
  StatusCode LowCardinality(String) CODEC(ZSTD(1)), StatusMessage String CODEC(ZSTD(1)),
  Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes ${ATTRIBUTES}) CODEC(ZSTD(1)),
  Links Nested (TraceId String, SpanId String, TraceState String, Attributes ${ATTRIBUTES}) CODEC(ZSTD(1)),
  INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_duration Duration TYPE minmax GRANULARITY 1,
  INDEX idx_lower_span_name lower(SpanName) TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 8
) ENGINE = MergeTree PARTITION BY toDate(Timestamp) PRIMARY KEY (ServiceName, SpanName, toDateTime(Timestamp))
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp), Timestamp) TTL toDateTime(Timestamp) + ${ttl}
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1`

const sum = (names: string, of = 'UInt64'): string =>
  names
    .split(' ')
    .map((name) => `${name} SimpleAggregateFunction(sum, ${of})`)
    .join(', ')
const set = (names: string): string =>
  names
    .split(' ')
    .map((name) => `${name} SimpleAggregateFunction(groupUniqArrayArray, Array(String))`)
    .join(', ')
const setOf = (value: string): string => `groupUniqArrayArray(if(${value} = '', [], [${value}]))`
const added = `countIf(failed) AS Errors, sum(input) AS InputTokens, sum(output) AS OutputTokens, sum(cost) AS Cost`

interface Derived {
  table: string
  names: string
  columns: string
  order: string
  ttl: string
  select: string
}

/** What is added up, each in a table of its own, filled by a view of the same name and `_mv`. */
const DERIVED: readonly Derived[] = [
  {
    table: 'agentops_sessions',
    names: `TraceId, Start, End, Updated, Spans, Errors, ModelCalls, ToolCalls, InputTokens, OutputTokens, Cost, Tags, Routes, Models, Tools,
      Services, Environments, State, Root`,
    columns: `TraceId String, Start SimpleAggregateFunction(min, DateTime64(9)), End SimpleAggregateFunction(max, DateTime64(9)),
      Updated SimpleAggregateFunction(max, DateTime64(3)), ${sum('Spans Errors ModelCalls ToolCalls InputTokens OutputTokens')},
      ${sum('Cost', 'Float64')}, ${set('Tags Routes Models Tools Services Environments')},
      State AggregateFunction(argMax, String, Tuple(UInt8, Int64)),
      Root AggregateFunction(argMax, Tuple(String, String, String, String, String, String), Tuple(UInt8, Int64)),
      INDEX idx_updated Updated TYPE minmax GRANULARITY 1`,
    order: 'TraceId',
    ttl: 'toDateTime(Start)',
    select: `TraceId, min(Timestamp) AS Start, max(Timestamp + toIntervalNanosecond(Duration)) AS End, max(now64(3)) AS Updated,
      count() AS Spans, countIf(type = 'model') AS ModelCalls, countIf(type = 'tool') AS ToolCalls, ${added},
      groupUniqArrayArray(tags) AS Tags, ${setOf('route')} AS Routes, ${setOf('model')} AS Models, ${setOf('tool')} AS Tools,
      ${setOf('service')} AS Services, ${setOf('environment')} AS Environments,
      argMaxState(state, (toUInt8(rank), -toUnixTimestamp64Nano(Timestamp))) AS State,
      argMaxState((substring(${first(SAYS.sessionId)}, 1, 256),
        substring(coalesce(nullIf(replaceRegexpOne(SpanName, '\\\\.session$', ''), ''), '(no name)'), 1, 1000), service, environment, route,
        substring(coalesce(nullIf(${attribute(key.END_STATE_REASON)}, ''), StatusMessage), 1, 1000)),
        (toUInt8(rank), -toUnixTimestamp64Nano(Timestamp))) AS Root
      FROM otel_traces GROUP BY TraceId`,
  },
  {
    table: 'agentops_sums',
    names: 'At, Type, Name, Service, Environment, Calls, Errors, InputTokens, OutputTokens, Cost',
    columns: `At DateTime, Type LowCardinality(String), Name String, Service String, Environment String,
      ${sum('Calls Errors InputTokens OutputTokens')}, ${sum('Cost', 'Float64')}`,
    order: 'At, Type, Name, Service, Environment',
    ttl: 'At',
    select: `toStartOfInterval(toDateTime(Timestamp), toIntervalMinute(15)) AS At, type AS Type, called AS Name, service AS Service,
      environment AS Environment, count() AS Calls, ${added}
      FROM otel_traces WHERE type IN ('model', 'tool') GROUP BY At, Type, Name, Service, Environment`,
  },
  {
    table: 'agentops_labels',
    names: 'Day, Kind, Value, Sessions',
    columns: 'Day Date, Kind LowCardinality(String), Value String, Sessions AggregateFunction(uniq, String)',
    order: 'Kind, Value, Day',
    ttl: 'Day',
    select: `toDate(Timestamp) AS Day, label.1 AS Kind, label.2 AS Value, uniqState(TraceId) AS Sessions FROM otel_traces
      ARRAY JOIN arrayConcat([('all', '')], arrayMap(tag -> ('tag', substring(tag, 1, 200)), tags),
        arrayFilter(label -> label.2 != '', [('route', route), ('model', model), ('tool', tool), ('service', service),
          ('environment', environment)])) AS label
      GROUP BY Day, Kind, Value`,
  },
]

/**
 * Statements that make what is not there, in their order. `days`: how long it is kept. `isOlder`: there were spans
 * before, which have to be added up once.
 */
export function schema(days: number, isOlder: boolean): string[] {
  const ttl = `toIntervalDay(${days})`
  return [
    otelTraces(ttl),
    ...DERIVED.flatMap(({ table, names, columns, order, ttl: of, select }) => [
      `CREATE TABLE IF NOT EXISTS ${table} (${columns}) ENGINE = AggregatingMergeTree ORDER BY (${order}) TTL ${of} + ${ttl}`,
      ...(isOlder ? [`INSERT INTO ${table} (${names}) SELECT ${names} FROM (${SPAN_WORDS} SELECT ${select})`] : []),
      `CREATE MATERIALIZED VIEW IF NOT EXISTS ${table}_mv TO ${table} AS ${SPAN_WORDS} SELECT ${select}`,
    ]),
  ]
}
