/** The store over ClickHouse, by its HTTP interface: in Node and in a Worker. */
import { type ClickHouseClient, createClient } from '@clickhouse/client-web'
import { BusyError } from './busy.ts'
import {
  conditions,
  ONCE,
  OWN,
  ROOT,
  SESSION,
  type SessionColumns,
  type SumColumns,
  toSession,
  toSpanRow,
  toSum,
} from './clickhouse-query.ts'
import { COLUMNS, fromRow, type TraceRow, toRow } from './clickhouse-rows.ts'
import { SPAN_WORDS, schema } from './clickhouse-schema.ts'
import { type CollectedSpan, type RawSpan, toSpan } from './otlp.ts'
import { polling } from './polling.ts'
import { type Latency, MAX_LISTED, noFacets, type TraceStore } from './trace-store.ts'

/** Which ClickHouse, how long it keeps sessions, and how much may wait for it. */
export interface ClickHouseOptions {
  /** `https://user:password@host:8443/database`. */
  url: string
  /** Days that sessions are kept, where the tables are made by this store. Default 30. */
  days?: number
  /** Spans that are being written; what comes then is answered 429. Default 50,000. */
  maxWaiting?: number
  /**
   * What comes while an insert runs goes with the next one: for a process of its own. Not in a Worker, where no request
   * can wait for another's. Default false.
   */
  isGrouping?: boolean
}

/** Spans of one insert. */
const MAX_INSERT = 10_000
const MAX_CHANGES = 500
/** Of the server that has too much to do: too many queries, parts, bytes in memory; a query that took too long. */
const BUSY = new Set(['159', '202', '241', '252'])
const DAY = 86_400_000_000
const MICROS = 'toUnixTimestamp64Micro'
type Values = Record<string, unknown>

interface Group {
  spans: CollectedSpan[]
  raw: RawSpan[]
  resolve(): void
  reject(error: unknown): void
}

/** Asks for nothing before it is used; makes the tables that are not there then. */
export function clickhouseStore({ url, days = 30, maxWaiting = 50_000, isGrouping }: ClickHouseOptions): TraceStore {
  if (!(days >= 1 && days <= 36_500)) throw new RangeError(`days: expected a number from 1 to 36500, got ${days}`)
  const client: ClickHouseClient = createClient({ url, application: 'agentops-edge' })
  let isReady = false
  let waiting = 0

  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      const { message = '', code = /^Code: (\d+)/.exec(message)?.[1] } = error as { code?: string; message?: string }
      if (BUSY.has(`${code}`) || /\b(429|503)\b/.test(message.slice(0, 100))) {
        throw new BusyError(`ClickHouse is busy (${code ?? 'it has said so'})`, 5)
      }
      throw error
    }
  }
  const ask = async <Row>(query: string, values: Values = {}): Promise<Row[]> => {
    const result = await client.query({ query, query_params: values, format: 'JSONEachRow' })
    return (await result.json()) as Row[]
  }
  const prepare = async (): Promise<void> => {
    if (isReady) return
    const tables = await ask<{ name: string }>(
      "SELECT name FROM system.tables WHERE database = currentDatabase() AND name IN ('otel_traces', 'agentops_labels_mv')",
    )
    const has = (name: string): boolean => tables.some((table) => table.name === name)
    if (!has('agentops_labels_mv')) {
      for (const query of schema(days, has('otel_traces'))) await client.command({ query })
    }
    isReady = true
  }
  const rows = <Row>(query: string, values?: Values): Promise<Row[]> =>
    attempt(async () => {
      await prepare()
      return await ask<Row>(query, values)
    })

  /** Without those that are there already, and those that come twice in one request. */
  const newOf = async (all: readonly CollectedSpan[]): Promise<Set<string>> => {
    const ids = new Set(all.map(({ traceId, spanId }) => `${traceId}${spanId}`))
    if (!ids.size) return ids
    const list = (of: Iterable<string>): string => [...new Set(of)].map((id) => `'${id}'`).join(', ')
    // Ids are hexadecimal digits; as values they would not fit into an address.
    const found = await rows<{ id: string }>(`SELECT concat(TraceId, SpanId) AS id FROM otel_traces
      WHERE TraceId IN (${list(all.map(({ traceId }) => traceId))}) AND SpanId IN (${list(all.map(({ spanId }) => spanId))})`)
    for (const { id } of found) ids.delete(id)
    return ids
  }
  const insert = async (spans: readonly CollectedSpan[], raw: readonly RawSpan[]): Promise<void> => {
    const fresh = await newOf(spans)
    const values = spans.flatMap((span, n) =>
      fresh.delete(`${span.traceId}${span.spanId}`) ? [toRow(span, raw[n] as RawSpan)] : [],
    )
    if (!values.length) return
    await attempt(() =>
      client.insert({
        ...{ table: 'otel_traces', values, format: 'JSONEachRow' },
        // The server puts small inserts together, and answers when they are kept.
        clickhouse_settings: {
          ...{ async_insert: 1, wait_for_async_insert: 1 },
          ...{ max_partitions_per_insert_block: '0', date_time_input_format: 'best_effort' },
        },
      }),
    )
  }

  const next: Group[] = []
  let isInserting = false
  const insertGroups = async (): Promise<void> => {
    isInserting = true
    while (next.length) {
      const group: Group[] = []
      for (let size = 0; next[0] && (!size || size + next[0].spans.length <= MAX_INSERT); ) {
        size += next[0].spans.length
        group.push(next.shift() as Group)
      }
      const all = (of: Group[]): [CollectedSpan[], RawSpan[]] => [
        of.flatMap(({ spans }) => spans),
        of.flatMap(({ raw }) => raw),
      ]
      try {
        await insert(...all(group))
        for (const { resolve } of group) resolve()
      } catch (error) {
        // One that cannot be written costs only itself; where the server is busy all come again.
        const isAlone = group.length === 1 || error instanceof BusyError
        for (const one of group) {
          if (isAlone) one.reject(error)
          else await insert(...all([one])).then(one.resolve, one.reject)
        }
      }
    }
    isInserting = false
  }
  const insertTogether = (spans: CollectedSpan[], raw: RawSpan[]): Promise<void> =>
    new Promise((resolve, reject) => {
      next.push({ spans, raw, resolve, reject })
      if (!isInserting) insertGroups()
    })

  return {
    async write({ spans, raw }) {
      if (waiting > maxWaiting) throw new BusyError(`${waiting} spans wait to be written`)
      waiting += spans.length
      try {
        for (let from = 0; from < spans.length; from += MAX_INSERT) {
          await (isGrouping ? insertTogether : insert)(
            spans.slice(from, from + MAX_INSERT),
            raw.slice(from, from + MAX_INSERT),
          )
        }
      } finally {
        waiting -= spans.length
      }
    },
    async sessions(filter) {
      const { limit = 50, ascending } = filter
      const { having, values } = conditions(filter)
      const order = ascending ? 'ASC' : 'DESC'
      const found = `SELECT TraceId FROM agentops_sessions GROUP BY TraceId ${having} ORDER BY min(Start) ${order} LIMIT {limit:UInt32}`
      const sql = `${SESSION} WHERE TraceId IN (${found}) GROUP BY TraceId ORDER BY min(Start) ${order}`
      return (await rows<SessionColumns>(sql, { ...values, limit })).map(toSession)
    },
    async session(traceId) {
      const found = await rows<SessionColumns>(`${SESSION} WHERE TraceId = {id:String} GROUP BY TraceId`, {
        id: traceId,
      })
      return found[0] && toSession(found[0])
    },
    async spans(traceId, limit) {
      const found = await rows<TraceRow>(`SELECT ${COLUMNS} FROM otel_traces WHERE TraceId = {id:String} ${ONCE}`, {
        id: traceId,
        limit,
      })
      return found.map((row) => toSpanRow(toSpan(fromRow(row))))
    },
    async raw(traceId, { spanId, types, limit = 100_000 } = {}) {
      const more = `${spanId ? 'AND SpanId = {span:String}' : ''} ${types ? 'AND type IN {types:Array(String)}' : ''}`
      const sql = `${types ? SPAN_WORDS : ''} SELECT ${COLUMNS} FROM otel_traces WHERE TraceId = {id:String} ${more} ${ONCE}`
      const values = { id: traceId, limit, ...(spanId && { span: spanId }), ...(types && { types }) }
      return (await rows<TraceRow>(sql, values)).map(fromRow)
    },
    async find(spanId) {
      const [row] = await rows<TraceRow>(`SELECT ${COLUMNS} FROM otel_traces WHERE SpanId = {span:String} LIMIT 1`, {
        span: spanId,
      })
      return row && toSpan(fromRow(row))
    },
    async facets() {
      const found = await rows<{ Kind: string; Value: string; sessions: string }>(
        `SELECT Kind, Value, toString(uniqMerge(Sessions)) AS sessions FROM agentops_labels GROUP BY Kind, Value ORDER BY uniqMerge(Sessions) DESC LIMIT ${MAX_LISTED} BY Kind`,
      )
      const facets = { ...noFacets(), sessions: 0 }
      for (const { Kind, Value, sessions } of found) {
        if (Kind === 'all') facets.sessions = Number(sessions)
        else facets[Kind as 'tag'].push({ value: Value, sessions: Number(sessions) })
      }
      return facets
    },
    async sums({ from, to, step, service, environment }) {
      const values = { from, to, step, service, environment, day: DAY }
      const whose = (of: string, by: string): string =>
        `${service === undefined ? '' : `AND ${of} = {service:String}`} ${environment === undefined ? '' : `AND ${by} = {environment:String}`}`
      const point = (time: string): string => `${time} - (${time} - {from:Int64}) % {step:Int64}`
      const within = `At >= fromUnixTimestamp64Micro({from:Int64}) AND At < fromUnixTimestamp64Micro({to:Int64})
        ${whose('Service', 'Environment')}`
      const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
      const [calls, sessions] = await Promise.all([
        rows<SumColumns>(
          `SELECT toString(${point('toInt64(toUnixTimestamp(At)) * 1000000')}) AS point, toString(Type) AS type, Name AS name,
            toString(sum(Calls)) AS calls, toString(sum(Errors)) AS errors, toString(sum(InputTokens)) AS input,
            toString(sum(OutputTokens)) AS output, sum(Cost) AS cost FROM agentops_sums WHERE ${within}
            AND (Type, Name) IN (SELECT Type, Name FROM agentops_sums WHERE ${within} GROUP BY Type, Name
            ORDER BY sum(Calls) DESC LIMIT ${MAX_LISTED} BY Type) GROUP BY point, type, name`,
          given,
        ),
        // The parts of a session that came apart are at most a day from its beginning, or what is before it is not seen.
        rows<SumColumns & { ended: string; latencies: number[] }>(
          `SELECT toString(${point('begun')}) AS point, 'session' AS type, '' AS name, toString(count()) AS calls,
            toString(countIf(state = 'Fail')) AS errors, toString(sum(tokensIn)) AS input, toString(sum(tokensOut)) AS output,
            sum(price) AS cost, toString(countIf(state != '')) AS ended,
            quantilesTDigestIf(0.5, 0.95, 0.99)(toFloat64(over - begun), state != '') AS latencies
            FROM (SELECT TraceId, ${MICROS}(min(Start)) AS begun, ${MICROS}(max(End)) AS over, argMaxMerge(State) AS state,
              sum(InputTokens) AS tokensIn, sum(OutputTokens) AS tokensOut, sum(Cost) AS price
              ${service === undefined && environment === undefined ? '' : `, ${ROOT} AS root, ${OWN('Services', 3)} AS of, ${OWN('Environments', 4)} AS by`}
              FROM agentops_sessions WHERE Start >= fromUnixTimestamp64Micro({from:Int64} - {day:Int64})
              AND Start < fromUnixTimestamp64Micro({to:Int64}) GROUP BY TraceId HAVING begun >= {from:Int64} ${whose('of', 'by')})
            GROUP BY point`,
          given,
        ),
      ])
      const latencies: Latency[] = sessions.flatMap((row) => {
        const [p50 = 0, p95 = 0, p99 = 0] = row.latencies
        return Number(row.ended) ? [{ at: Number(row.point), p50, p95, p99 }] : []
      })
      return { calls: [...calls, ...sessions].map(toSum), latencies }
    },
    subscribe: polling(async (since) => {
      const found = await rows<{ traceId: string; hasEnded: number; updated: string }>(
        `SELECT TraceId AS traceId, argMaxMerge(State) != '' AS hasEnded, toString(toUnixTimestamp64Milli(max(Updated))) AS updated
          FROM agentops_sessions WHERE TraceId IN (SELECT TraceId FROM agentops_sessions
          WHERE Updated > fromUnixTimestamp64Milli({since:Int64}) LIMIT {limit:UInt32}) GROUP BY TraceId`,
        { since, limit: MAX_CHANGES },
      )
      return found.map(({ traceId, hasEnded, updated }) => ({
        traceId,
        hasEnded: !!hasEnded,
        updated: Number(updated),
      }))
    }),
    close: () => client.close(),
  }
}
