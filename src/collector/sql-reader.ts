/** What a store that speaks SQLite's SQL answers, whichever engine it runs on. */
import { type RawSpan, toSpan } from './otlp.ts'
import { ALL, middleOf, type Row, type SqlValue } from './sql-schema.ts'
import {
  type Facets,
  LABELS,
  type Latency,
  MAX_LISTED,
  noFacets,
  type Readings,
  RUNNING_MS,
  type SessionFilter,
  type SessionRow,
  type SpanRow,
  type Sum,
} from './trace-store.ts'

/** Spans with the words that a search looks at, from the newest on: first few, and more where those are of too few sessions. */
const MAX_FOUND = [4000, 200_000]
/** Sessions of a label that is rare: all of them are looked at; of others the newest sessions are, until enough have it. */
const RARE = 3000

/** `query`: `sql` has a question mark for each of `values`. */
export function reads(query: (sql: string, ...values: SqlValue[]) => Promise<Row[]>): Readings {
  const labelled = async (rows: Row[]): Promise<SessionRow[]> => {
    const sql =
      "SELECT trace, kind, value FROM labels WHERE trace IN (SELECT value FROM json_each(?)) AND kind IN ('tag', 'model') ORDER BY trace, kind, value"
    const labels = rows.length ? await query(sql, JSON.stringify(rows.map(({ id }) => id))) : []
    const of = (trace: unknown, kind: string): string[] =>
      labels.flatMap((label) => (label.trace === trace && label.kind === kind ? [`${label.value}`] : []))
    return rows.map((row) => toSession(row, of(row.id, 'tag'), of(row.id, 'model')))
  }
  async function conditions(filter: SessionFilter, depth: number): Promise<{ where: string; values: SqlValue[] }> {
    const { state, text = '', sessionId, before, after, took } = filter
    const terms: string[] = []
    const values: SqlValue[] = []
    const add = (term: string, ...of: SqlValue[]): void => {
      terms.push(term)
      values.push(...of)
    }
    const fresh = Date.now() - RUNNING_MS
    if (state === 'Running') add('state IS NULL AND updated >= ?', fresh)
    else if (state === 'Unfinished') add('state IS NULL AND updated < ?', fresh)
    else if (state) add('state = ?', state)
    for (const kind of LABELS) {
      const value = filter[kind]
      if (value === undefined) continue
      const [facet] = await query('SELECT sessions FROM facets WHERE kind = ? AND value = ?', kind, value)
      const isRare = Number(facet?.sessions ?? 0) <= RARE
      const having = 'FROM labels WHERE kind = ? AND value = ?'
      add(isRare ? `id IN (SELECT trace ${having})` : `EXISTS (SELECT 1 ${having} AND trace = traces.id)`, kind, value)
    }
    const words = text.match(/[\p{L}\p{N}\p{Co}]+/gu)
    if (words) {
      const found = 'SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?'
      const match = `${words
        .slice(0, 20)
        .map((word) => `"${word}"`)
        .join(' AND ')}*`
      add(`id IN (SELECT trace FROM spans WHERE id IN (${found}))`, match, depth)
    } else if (text.trim()) add('0') // The index has words only: what has none is found nowhere.
    if (sessionId !== undefined) add('session_id = ?', sessionId)
    if (before !== undefined) add('start < ?', before)
    if (after !== undefined) add('start >= ?', after)
    if (took !== undefined) add('end - start >= ?', took)
    return { where: terms.length ? `WHERE ${terms.join(' AND ')}` : '', values }
  }
  return {
    async sessions(filter) {
      const { limit = 50, ascending, text } = filter
      const order = `ORDER BY start ${ascending ? 'ASC' : 'DESC'} LIMIT ?`
      let rows: Row[] = []
      for (const depth of text ? MAX_FOUND : [0]) {
        const { where, values } = await conditions(filter, depth)
        rows = await query(`SELECT * FROM traces ${where} ${order}`, ...values, limit)
        if (rows.length >= limit) break
      }
      return await labelled(rows)
    },
    async session(traceId) {
      return (await labelled(await query('SELECT * FROM traces WHERE trace_id = ?', traceId)))[0]
    },
    async spans(traceId, limit) {
      const columns =
        'span_id, parent_id, type, name, label, status, start, duration, model, input_tokens, output_tokens, cost, note, call_id, incomplete, service'
      const sql = `SELECT ${columns} FROM spans WHERE trace = (SELECT id FROM traces WHERE trace_id = ?) ORDER BY start, id LIMIT ?`
      return (await query(sql, traceId, limit)).map(toSpanRow)
    },
    async raw(traceId, { spanId, types, limit = 100_000 } = {}) {
      const more = `${spanId ? 'AND span_id = ?' : ''} ${types ? `AND type IN (${types.map(() => '?').join(', ')})` : ''}`
      const sql = `SELECT raw FROM spans WHERE trace = (SELECT id FROM traces WHERE trace_id = ?) ${more} ORDER BY start, id LIMIT ?`
      const rows = await query(sql, traceId, ...(spanId ? [spanId] : []), ...(types ?? []), limit)
      return rows.map(({ raw }) => JSON.parse(`${raw}`) as RawSpan)
    },
    async find(spanId) {
      const [row] = await query('SELECT raw FROM spans WHERE span_id = ? LIMIT 1', spanId)
      return row && toSpan(JSON.parse(`${row.raw}`) as RawSpan)
    },
    async facets() {
      const rows = await query(
        `SELECT kind, value, sessions FROM (SELECT *, row_number() OVER (PARTITION BY kind ORDER BY sessions DESC) AS place
          FROM facets) WHERE place <= ${MAX_LISTED} ORDER BY sessions DESC`,
      )
      const facets: Facets = { ...noFacets(), sessions: 0 }
      for (const { kind, value, sessions } of rows) {
        if (kind === ALL) facets.sessions = Number(sessions)
        else facets[kind as 'tag'].push({ value: `${value}`, sessions: Number(sessions) })
      }
      return facets
    },
    async sums({ from, to, step, service, environment }) {
      const terms = ['at >= ?', 'at < ?']
      const values: SqlValue[] = [from, to]
      if (service !== undefined) terms.push('service = ?')
      if (environment !== undefined) terms.push('environment = ?')
      values.push(...[service, environment].filter((value) => value !== undefined))
      const [calls, bins] = await Promise.all([
        query(
          `SELECT at - (at - ?) % ? AS point, type, name, sum(calls) AS calls, sum(errors) AS errors, sum(input_tokens) AS input,
            sum(output_tokens) AS output, sum(cost) AS cost FROM sums WHERE ${terms.join(' AND ')} AND (type, name) IN
            (SELECT type, name FROM (SELECT type, name, row_number() OVER (PARTITION BY type ORDER BY sum(calls) DESC) AS place
            FROM sums WHERE ${terms.join(' AND ')} GROUP BY type, name) WHERE place <= ${MAX_LISTED}) GROUP BY 1, 2, 3`,
          ...[from, step, ...values, ...values],
        ),
        query(
          `SELECT at - (at - ?) % ? AS point, bin, sum(sessions) AS sessions FROM latencies
            WHERE ${terms.join(' AND ')} GROUP BY 1, 2 HAVING sum(sessions) > 0 ORDER BY 1, length(bin), bin`,
          ...[from, step, ...values],
        ),
      ])
      return { calls: calls.map(toSum), latencies: latenciesOf(bins) }
    },
  }
}

function toSum(row: Row): Sum {
  const number = (name: string): number => Number(row[name])
  return {
    at: number('point'),
    type: row.type as Sum['type'],
    name: `${row.name}`,
    calls: number('calls'),
    errors: number('errors'),
    inputTokens: number('input'),
    outputTokens: number('output'),
    // What is taken out and added again leaves a rest.
    cost: Math.round(number('cost') * 1e9) / 1e9,
  }
}

/** `bins`: by point, then by duration. */
function latenciesOf(bins: Row[]): Latency[] {
  const points = new Map<number, { bin: number; sessions: number }[]>()
  for (const { point, bin, sessions } of bins) {
    const of = points.get(Number(point)) ?? []
    points.set(Number(point), of)
    of.push({ bin: Number(bin), sessions: Number(sessions) })
  }
  return [...points].map(([at, of]) => {
    const total = of.reduce((sum, { sessions }) => sum + sessions, 0)
    const [p50 = 0, p95 = 0, p99 = 0] = [0.5, 0.95, 0.99].map((share) => {
      let passed = 0
      const found = of.find(({ sessions }) => {
        passed += sessions
        return passed >= share * total
      })
      return middleOf(found?.bin ?? 0)
    })
    return { at, p50, p95, p99 }
  })
}

function toSession(row: Row, tags: string[], models: string[]): SessionRow {
  const number = (name: string): number => Number(row[name])
  const isFresh = number('updated') >= Date.now() - RUNNING_MS
  return {
    traceId: `${row.trace_id}`,
    sessionId: `${row.session_id}`,
    name: `${row.name}`,
    service: text(row.service),
    environment: text(row.environment),
    route: text(row.route),
    state: (row.state ?? (isFresh ? 'Running' : 'Unfinished')) as SessionRow['state'],
    reason: text(row.reason),
    start: number('start'),
    duration: number('end') - number('start'),
    spans: number('spans'),
    errors: number('errors'),
    modelCalls: number('model_calls'),
    toolCalls: number('tool_calls'),
    inputTokens: number('input_tokens'),
    outputTokens: number('output_tokens'),
    cost: number('cost'),
    tags,
    models,
  }
}

function toSpanRow(row: Row): SpanRow {
  const number = (value: string | number | null | undefined): number | undefined =>
    value === null || value === undefined ? undefined : Number(value)
  return {
    spanId: `${row.span_id}`,
    parentId: text(row.parent_id),
    type: row.type as SpanRow['type'],
    name: `${row.name}`,
    label: `${row.label}`,
    status: Number(row.status),
    start: Number(row.start),
    duration: Number(row.duration),
    model: text(row.model),
    inputTokens: number(row.input_tokens),
    outputTokens: number(row.output_tokens),
    cost: number(row.cost),
    note: text(row.note),
    callId: text(row.call_id),
    service: text(row.service),
    incomplete: !!row.incomplete,
  }
}

function text(value: string | number | null | undefined): string | undefined {
  return value === null || value === undefined ? undefined : `${value}`
}
