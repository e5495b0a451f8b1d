/**
 * What puts spans into the tables, and what each means for its session: the statements of one transaction. They find out
 * themselves which spans are new, so that nothing has to be read before, and nobody else's spans can come between.
 */
import * as key from '../runtime/semconv.ts'
import { environmentOf, first, modelOf, SAYS, type SpanSummary, serviceOf, summarize } from './conventions.ts'
import type { CollectedSpan, PlainAttributes, RawSpan } from './otlp.ts'
import { ADD_SUMS, ALL, count, type Row, rowsOf, type SqlValue, STEP, type Statement } from './sql-schema.ts'
import type { Stored } from './trace-store.ts'

export interface NewSpan {
  span: CollectedSpan
  raw: RawSpan
}

/** Of a span, in the search. */
const MAX_TEXT = 16_384
/** Of one session: a tag for each request would make the list of tags useless. */
const MAX_LABELS = 100
const MAX_LABEL = 200
/** Characters of a name in a list. */
const MAX_LISTED = 1000
/** Characters of one value: D1 takes 2 MB, and a character is up to three bytes. */
const MAX_VALUE = 600_000

/** What a session is called, and how it ended, as far as the spans of one transaction say. */
export interface Naming {
  rank: number
  namedAt: number
  name: string
  sessionId: string | null
  service: string | null
  environment: string | null
  route: string | null
  state: string | null
  reason: string | null
}

interface NewTrace extends Naming {
  start: number
  end: number
  labels: Map<string, [kind: string, value: string]>
}

const SPAN_COLUMNS =
  'span_id parent_id type name label status start duration model input_tokens output_tokens cost note call_id incomplete service raw'
const NAMING = 'rank named_at name session_id service environment route state reason'
const TOUCHED = 'trace_id IN (SELECT value FROM json_each(?))'
const NEW = 'spans.id > (SELECT span FROM marks)'
const OF_TRACE = 'JOIN traces ON traces.trace_id = added.trace_id'
const SPAN_ITSELF = `${OF_TRACE} JOIN spans ON spans.trace = traces.id AND spans.span_id = added.span_id`

/** `now`: milliseconds since the epoch. The answers of all, in their order, are for `storedOf`. */
export function writing(added: readonly NewSpan[], now: number): Statement[] {
  const traces = new Map<string, NewTrace>()
  const spans: SqlValue[][] = []
  const words: SqlValue[][] = []
  const calls: SqlValue[][] = []
  const seen = new Set<string>()
  for (const { span, raw } of added) {
    // What a client sends again, or a queue delivers twice, may be in one transaction.
    const id = `${span.traceId}${span.spanId}`
    if (seen.has(id)) continue
    seen.add(id)
    const { start, end } = microseconds(span)
    const summary = summarize(span)
    const trace = traces.get(span.traceId) ?? newTrace(start, end)
    traces.set(span.traceId, trace)
    name(trace, span, start)
    for (const label of labelsOf(span, summary)) {
      if (trace.labels.size < MAX_LABELS) trace.labels.set(label.join('\0'), label)
    }
    const { type, label, model, inputTokens = null, outputTokens = null, cost = null } = summary
    const ids = [span.traceId, span.spanId]
    spans.push([
      ...[...ids, span.parentSpanId ?? null, type, cut(span.name), cut(label), span.status.code, start, end - start],
      ...[cut(model), inputTokens, outputTokens, cost, summary.note ?? null, cut(summary.callId)],
      ...[span.attributes[key.INCOMPLETE] ? 1 : null, cut(serviceOf(span)), JSON.stringify(raw)],
    ])
    words.push([...ids, wordsOf(span)])
    if (type !== 'model' && type !== 'tool') continue
    const named = type === 'model' ? (model ?? label) : label
    calls.push([
      ...ids,
      ...[named, serviceOf(span) ?? '', environmentOf(span) ?? ''].map((text) => text.slice(0, MAX_LABEL)),
    ])
  }
  const ids = JSON.stringify([...traces.keys()])
  const all = [...traces]
  const labels = all.flatMap(([id, trace]) => [...trace.labels.values()].map((label) => [id, ...label]))
  const named = all.map(([id, { start, end, labels: _, ...naming }]) => [id, ...Object.values(naming)])
  return [
    one(
      'UPDATE marks SET trace = coalesce((SELECT max(id) FROM traces), 0), span = coalesce((SELECT max(id) FROM spans), 0)',
    ),
    ...each(
      `INSERT OR IGNORE INTO traces (trace_id, session_id, name, rank, named_at, start, end, spans, errors, model_calls,
        tool_calls, input_tokens, output_tokens, cost, updated)
        SELECT id, id, '', 0, start, start, end, 0, 0, 0, 0, 0, 0, 0, ? FROM (${rowsOf('id start end')})`,
      all.map(([id, { start, end }]) => [id, start, end]),
      now,
    ),
    ...count(-1, `${TOUCHED} AND id <= (SELECT trace FROM marks)`, ids),
    one(`SELECT trace_id AS rootless FROM traces WHERE state IS NULL AND ${TOUCHED}`, ids),
    ...each(
      `INSERT OR IGNORE INTO spans (trace, ${SPAN_COLUMNS.replaceAll(' ', ', ')})
        SELECT traces.id, ${SPAN_COLUMNS.split(' ')
          .map((column) => `added.${column}`)
          .join(', ')} FROM (${rowsOf(`trace_id ${SPAN_COLUMNS}`)}) AS added ${OF_TRACE}`,
      spans,
    ),
    ...each(
      `INSERT INTO words (rowid, text) SELECT spans.id, text FROM (${rowsOf('trace_id span_id text')}) AS added
        ${SPAN_ITSELF} WHERE ${NEW}`,
      words,
    ),
    ...each(
      `INSERT INTO sums SELECT spans.start - spans.start % ${STEP}, spans.type, called, of_service, of_environment, count(*),
        sum(spans.status = 2), sum(coalesce(spans.input_tokens, 0)), sum(coalesce(spans.output_tokens, 0)),
        sum(coalesce(spans.cost, 0)) FROM (${rowsOf('trace_id span_id called of_service of_environment')}) AS added
        ${SPAN_ITSELF} WHERE ${NEW} GROUP BY 1, 2, 3, 4, 5 ${ADD_SUMS}`,
      calls,
    ),
    one(
      `UPDATE traces SET spans = traces.spans + added.spans, errors = traces.errors + added.errors,
        model_calls = traces.model_calls + added.models, tool_calls = traces.tool_calls + added.tools,
        input_tokens = traces.input_tokens + added.input, output_tokens = traces.output_tokens + added.output,
        cost = traces.cost + added.cost, start = min(traces.start, added.start), end = max(traces.end, added.end), updated = ?
        FROM (SELECT trace, count(*) AS spans, sum(status = 2) AS errors, sum(type = 'model') AS models,
          sum(type = 'tool') AS tools, sum(coalesce(input_tokens, 0)) AS input, sum(coalesce(output_tokens, 0)) AS output,
          sum(coalesce(cost, 0)) AS cost, min(start) AS start, max(start + duration) AS end
          FROM spans WHERE ${NEW} GROUP BY trace) AS added WHERE traces.id = added.trace`,
      now,
    ),
    ...each(
      `UPDATE traces SET rank = added.rank, named_at = added.named_at, name = added.name,
        ${['session_id', 'service', 'environment', 'route'].map((is) => `${is} = coalesce(added.${is}, traces.${is})`).join(', ')},
        ${['state', 'reason'].map((is) => `${is} = CASE WHEN added.rank < 2 THEN traces.${is} ELSE added.${is} END`).join(', ')}
        FROM (${rowsOf(`trace_id ${NAMING}`)}) AS added WHERE traces.trace_id = added.trace_id
        AND (added.rank > traces.rank OR (added.rank = traces.rank AND added.named_at < traces.named_at))`,
      named,
    ),
    ...each(
      `INSERT INTO facets SELECT kind, value, count(*) FROM (SELECT added.kind, added.value
        FROM (${rowsOf('trace_id kind value')}) AS added ${OF_TRACE} LEFT JOIN labels ON labels.trace = traces.id
        AND labels.kind = added.kind AND labels.value = added.value WHERE labels.trace IS NULL)
        GROUP BY kind, value ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions`,
      labels,
    ),
    ...each(
      `INSERT OR IGNORE INTO labels (kind, value, trace) SELECT kind, value, traces.id
        FROM (${rowsOf('trace_id kind value')}) AS added ${OF_TRACE}`,
      labels,
    ),
    one(
      `INSERT INTO facets SELECT '${ALL}', '', count(*) FROM traces WHERE id > (SELECT trace FROM marks)
        ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions`,
    ),
    ...count(1, TOUCHED, ids),
    one(`SELECT trace_id AS changed, state FROM traces WHERE id IN (SELECT trace FROM spans WHERE ${NEW})`),
  ]
}

/** `answers`: the rows that each statement of `writing` gave. */
export function storedOf(answers: readonly Row[][]): Stored {
  const rows = answers.flat()
  const rootless = new Set(rows.map(({ rootless: id }) => id))
  const changed = rows.filter((row) => row.changed)
  return {
    changed: changed.map((row) => `${row.changed}`),
    ended: changed
      .filter((row) => row.state !== null && rootless.has(row.changed as string))
      .map((row) => `${row.changed}`),
  }
}

/** Takes sessions away, by their `traces.id`. What they came to in the overview stays until it is too old itself. */
export function forgetting(ids: readonly number[]): Statement[] {
  const list = JSON.stringify(ids)
  const theirs = 'IN (SELECT value FROM json_each(?))'
  return [
    one(`DELETE FROM words WHERE rowid IN (SELECT id FROM spans WHERE trace ${theirs})`, list),
    one(`DELETE FROM spans WHERE trace ${theirs}`, list),
    one(
      `UPDATE facets SET sessions = facets.sessions - gone.sessions FROM
        (SELECT kind, value, count(*) AS sessions FROM labels WHERE trace ${theirs} GROUP BY kind, value) AS gone
        WHERE facets.kind = gone.kind AND facets.value = gone.value`,
      list,
    ),
    one(`DELETE FROM labels WHERE trace ${theirs}`, list),
    one(
      `UPDATE facets SET sessions = sessions - (SELECT count(*) FROM traces WHERE id ${theirs}) WHERE kind = '${ALL}'`,
      list,
    ),
    one(`DELETE FROM traces WHERE id ${theirs}`, list),
    one('DELETE FROM facets WHERE sessions < 1'),
    // What was deleted stays in the search's index until its parts are merged.
    one("INSERT INTO words (words, rank) VALUES ('merge', 64)"),
  ]
}

function one(sql: string, ...values: SqlValue[]): Statement {
  return { sql, values }
}

/** One statement for as many rows as one value takes. `values`: of the question marks before it. */
function each(sql: string, rows: readonly SqlValue[][], ...values: SqlValue[]): Statement[] {
  const statements: Statement[] = []
  let list = ''
  const end = (): void => {
    if (list) statements.push({ sql, values: [...values, `[${list}]`] })
    list = ''
  }
  for (const row of rows) {
    const text = JSON.stringify(row)
    if (list.length + text.length > MAX_VALUE) end()
    list += list ? `,${text}` : text
  }
  end()
  return statements
}

function newTrace(start: number, end: number): NewTrace {
  const unnamed = { sessionId: null, service: null, environment: null, route: null, state: null, reason: null }
  return { rank: 0, namedAt: start, name: '', ...unnamed, start, end, labels: new Map() }
}

/** A session is named and judged by its root: a session's, else a span without a parent or one that a request began. */
function name(trace: Naming, span: CollectedSpan, start: number): void {
  const { attributes, parentSpanId, kind, status } = span
  const isSession = attributes[key.SPAN_KIND] === 'session'
  const rank = isSession ? 4 : !parentSpanId ? 3 : kind === 2 || kind === 5 ? 2 : 1
  if (rank < trace.rank || (rank === trace.rank && start >= trace.namedAt)) return
  const service = serviceOf(span)
  const route = attributes[key.HTTP_ROUTE]
  const id = first(attributes, ...SAYS.sessionId)
  trace.rank = rank
  trace.namedAt = start
  trace.name = cut(span.name.replace(/\.session$/, '')) || '(no name)'
  if (id !== undefined) trace.sessionId = `${id}`.slice(0, 256)
  if (service !== undefined) trace.service = cut(service)
  trace.environment = cut(environmentOf(span)) ?? trace.environment
  if (route !== undefined) trace.route = cut(`${route}`)
  if (rank < 2) return
  const told = `${attributes[key.END_STATE] ?? ''}`
  const judged = status.code === 2 ? 'Fail' : isSession && status.code === 0 ? 'Indeterminate' : 'Success'
  trace.state = /^(Success|Fail|Indeterminate)$/.test(told) ? told : judged
  trace.reason = cut(`${attributes[key.END_STATE_REASON] ?? status.message ?? ''}`) || null
}

/** What stands in a list; the span as it came has all of it. */
function cut<T extends string | null | undefined>(text: T): T extends string ? string : string | null {
  return (text?.slice(0, MAX_LISTED) ?? null) as T extends string ? string : string | null
}

function labelsOf(span: CollectedSpan, { type, label }: SpanSummary): [kind: string, value: string][] {
  const { attributes } = span
  const labels: [string, unknown][] = [
    ...[attributes[key.TAGS] ?? []].flat().map((tag): [string, unknown] => ['tag', tag]),
    ['route', attributes[key.HTTP_ROUTE]],
    ['model', modelOf(attributes)],
    ['tool', type === 'tool' ? label : undefined],
    ['service', serviceOf(span)],
    ['environment', environmentOf(span)],
  ]
  return labels.flatMap(([kind, value]) => (value === undefined ? [] : [[kind, `${value}`.slice(0, MAX_LABEL)]]))
}

function wordsOf({ name: named, attributes, status, events }: CollectedSpan): string {
  let words = `${named} ${status.message ?? ''}`
  const add = (of: PlainAttributes): void => {
    for (const value of Object.values(of)) {
      if (words.length > MAX_TEXT) return
      if (value !== null && typeof value !== 'number' && typeof value !== 'boolean') {
        words += ` ${typeof value === 'string' ? value.slice(0, MAX_TEXT) : JSON.stringify(value).slice(0, MAX_TEXT)}`
      }
    }
  }
  add(attributes)
  for (const event of events) add(event.attributes)
  return words.slice(0, MAX_TEXT)
}

/** Far past and future are pulled to what SQLite and JavaScript both count; an end before its start is its start. */
function microseconds(span: CollectedSpan): { start: number; end: number } {
  const [start = 0, end = 0] = [span.start, span.end].map((nanos) =>
    Math.min(Math.max(Number(nanos / 1000n), 0), Number.MAX_SAFE_INTEGER),
  )
  return { start, end: Math.max(start, end) }
}
