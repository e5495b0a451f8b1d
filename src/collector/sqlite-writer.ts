/** Puts spans into the database, and what each means for its session. All of one call is one transaction. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import * as key from '../runtime/semconv.ts'
import { first, modelOf, summarize } from './conventions.ts'
import type { CollectedSpan, PlainAttributes, RawSpan } from './otlp.ts'
import type { Stored } from './trace-store.ts'

export interface NewSpan {
  span: CollectedSpan
  raw: RawSpan
}

interface TraceRow {
  id: number
  trace_id: string
  session_id: string
  name: string
  rank: number
  named_at: number
  service: string | null
  route: string | null
  state: string | null
  reason: string | null
  start: number
  end: number
  spans: number
  errors: number
  model_calls: number
  tool_calls: number
  input_tokens: number
  output_tokens: number
  cost: number
  updated: number
}

const COLUMNS =
  'trace_id session_id name rank named_at service route state reason start end spans errors model_calls tool_calls input_tokens output_tokens cost updated'.split(
    ' ',
  )
/** The facet that counts all sessions: counting their rows takes longer with each. */
export const ALL = 'all'
/** Of a span, in the search. */
const MAX_TEXT = 16_384
/** Of one session: a tag for each request would make the list of tags useless. */
const MAX_LABELS = 100
const MAX_LABEL = 200
/** Characters of a name in a list. */
const MAX_LISTED = 1000
/** Sessions that one step of the retention takes away: what comes in waits for it. */
const STEP = 10

export class SqliteWriter {
  readonly #database: DatabaseSync
  readonly #statements: Map<string, StatementSync> = new Map()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  write(added: readonly NewSpan[]): Stored {
    const traces = new Map<string, { row: TraceRow; hadRoot: boolean; labels: Map<string, [string, string]> }>()
    const now = Date.now()
    this.#transaction(() => {
      for (const { span, raw } of added) {
        let trace = traces.get(span.traceId)
        if (!trace) {
          const row = this.#traceOf(span)
          trace = { row, hadRoot: row.state !== null, labels: new Map() }
          traces.set(span.traceId, trace)
        }
        const { row, labels } = trace
        if (this.#insert(row, span, raw)) {
          row.updated = now
          for (const label of labelsOf(span)) if (labels.size < MAX_LABELS) labels.set(label.join('\0'), label)
        }
      }
      for (const { row, labels } of traces.values()) {
        const set = COLUMNS.map((name) => `${name} = ?`).join(', ')
        this.#run(`UPDATE traces SET ${set} WHERE id = ?`, ...COLUMNS.map((name) => row[name as 'id']), row.id)
        for (const [kind, value] of labels.values()) this.#label(row.id, kind, value)
      }
    })
    const changed = [...traces.values()].filter(({ row }) => row.updated === now)
    return {
      changed: changed.map(({ row }) => row.trace_id),
      ended: changed.filter(({ row, hadRoot }) => row.state !== null && !hadRoot).map(({ row }) => row.trace_id),
    }
  }

  /** Takes away what nobody has added to since `updated` (ms since the epoch), a step at a time; says whether there may be more. */
  forget(updated: number): boolean {
    const old = this.#prepare('SELECT id FROM traces WHERE updated < ? ORDER BY updated LIMIT ?')
    return this.#forget(old.all(updated, STEP) as { id: number }[])
  }

  /** The same for the oldest. */
  forgetOldest(): boolean {
    return this.#forget(this.#prepare('SELECT id FROM traces ORDER BY updated LIMIT ?').all(STEP) as { id: number }[])
  }

  /** Bytes that the database takes, without those that are free for what comes next. */
  size(): number {
    const number = (pragma: string): number => Number(Object.values(this.#prepare(`PRAGMA ${pragma}`).get() ?? {})[0])
    return (number('page_count') - number('freelist_count')) * number('page_size')
  }

  #forget(old: { id: number }[]): boolean {
    if (old.length === 0) return false
    this.#transaction(() => {
      for (const { id } of old) {
        this.#run('DELETE FROM words WHERE rowid IN (SELECT id FROM spans WHERE trace = ?)', id)
        this.#run('DELETE FROM spans WHERE trace = ?', id)
        const count = 'UPDATE facets SET sessions = sessions - 1 WHERE'
        this.#run(`${count} (kind, value) IN (SELECT kind, value FROM labels WHERE trace = ?)`, id)
        this.#run('DELETE FROM labels WHERE trace = ?', id)
        this.#run('DELETE FROM traces WHERE id = ?', id)
        this.#run(`${count} kind = ?`, ALL)
      }
      this.#run('DELETE FROM facets WHERE sessions < 1')
      // What was deleted stays in the search's index until its parts are merged.
      this.#run("INSERT INTO words (words, rank) VALUES ('merge', 64)")
    })
    this.#database.exec('PRAGMA incremental_vacuum')
    return old.length === STEP
  }

  #traceOf(span: CollectedSpan): TraceRow {
    const find = this.#prepare('SELECT * FROM traces WHERE trace_id = ?')
    const found = find.get(span.traceId)
    if (found) return found as unknown as TraceRow
    const { start, end } = microseconds(span)
    const columns = COLUMNS.join(', ')
    this.#run(
      `INSERT INTO traces (${columns}) VALUES (?, ?, '', 0, ?, NULL, NULL, NULL, NULL, ?, ?, 0, 0, 0, 0, 0, 0, 0, 0)`,
      ...[span.traceId, span.traceId, start, start, end],
    )
    this.#count(ALL, '')
    return find.get(span.traceId) as unknown as TraceRow
  }

  #insert(row: TraceRow, span: CollectedSpan, raw: RawSpan): boolean {
    const { start, end } = microseconds(span)
    const summary = summarize(span)
    const { type, label, model = null, inputTokens = null, outputTokens = null, cost = null } = summary
    const { changes, lastInsertRowid } = this.#run(
      `INSERT OR IGNORE INTO spans (trace, span_id, parent_id, type, name, label, status, start, duration, model,
        input_tokens, output_tokens, cost, note, call_id, incomplete, raw)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[row.id, span.spanId, span.parentSpanId ?? null, type, cut(span.name), cut(label), span.status.code],
      ...[start, end - start, cut(model), inputTokens, outputTokens, cost, summary.note ?? null, cut(summary.callId)],
      ...[span.attributes[key.INCOMPLETE] ? 1 : null, JSON.stringify(raw)],
    )
    if (!changes) return false
    this.#run('INSERT INTO words (rowid, text) VALUES (?, ?)', lastInsertRowid, wordsOf(span))
    row.spans++
    if (span.status.code === 2) row.errors++
    if (type === 'model') row.model_calls++
    if (type === 'tool') row.tool_calls++
    row.input_tokens += inputTokens ?? 0
    row.output_tokens += outputTokens ?? 0
    row.cost += cost ?? 0
    row.start = Math.min(row.start, start)
    row.end = Math.max(row.end, end)
    name(row, span, start)
    return true
  }

  #label(trace: number, kind: string, value: string): void {
    const { changes } = this.#run(
      'INSERT OR IGNORE INTO labels (kind, value, trace) VALUES (?, ?, ?)',
      kind,
      value,
      trace,
    )
    if (changes) this.#count(kind, value)
  }

  #count(kind: string, value: string): void {
    const counted = 'INSERT INTO facets (kind, value, sessions) VALUES (?, ?, 1)'
    this.#run(`${counted} ON CONFLICT (kind, value) DO UPDATE SET sessions = sessions + 1`, kind, value)
  }

  #transaction(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.#database.exec('COMMIT')
    } catch (error) {
      this.#database.exec('ROLLBACK')
      throw error
    }
  }

  #run(sql: string, ...values: (string | number | bigint | null)[]): { changes: number; lastInsertRowid: number } {
    return this.#prepare(sql).run(...values) as { changes: number; lastInsertRowid: number }
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.#database.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}

/** A session is named and judged by its root: a session's, else a span without a parent or one that a request began. */
function name(row: TraceRow, span: CollectedSpan, start: number): void {
  const { attributes, parentSpanId, kind, resource, status } = span
  const isSession = attributes[key.SPAN_KIND] === 'session'
  const rank = isSession ? 4 : !parentSpanId ? 3 : kind === 2 || kind === 5 ? 2 : 1
  if (rank < row.rank || (rank === row.rank && start >= row.named_at)) return
  const service = resource[key.SERVICE_NAME]
  const route = attributes[key.HTTP_ROUTE]
  row.rank = rank
  row.named_at = start
  row.name = cut(span.name.replace(/\.session$/, '')) || '(no name)'
  row.session_id = `${first(attributes, key.CONVERSATION_ID, key.SESSION_ID) ?? row.session_id}`.slice(0, 256)
  row.service = service === undefined ? row.service : cut(`${service}`)
  row.route = route === undefined ? row.route : cut(`${route}`)
  if (rank < 2) return
  const told = `${attributes[key.END_STATE] ?? ''}`
  const judged = status.code === 2 ? 'Fail' : isSession && status.code === 0 ? 'Indeterminate' : 'Success'
  row.state = /^(Success|Fail|Indeterminate)$/.test(told) ? told : judged
  row.reason = cut(`${attributes[key.END_STATE_REASON] ?? status.message ?? ''}`) || null
}

/** What stands in a list; the span as it came has all of it. */
function cut<T extends string | null | undefined>(text: T): T extends string ? string : string | null {
  return (text?.slice(0, MAX_LISTED) ?? null) as T extends string ? string : string | null
}

function labelsOf({ attributes }: CollectedSpan): [kind: string, value: string][] {
  const route = attributes[key.HTTP_ROUTE]
  const model = modelOf(attributes)
  return [
    ...[attributes[key.TAGS] ?? []].flat().map((tag): [string, string] => ['tag', `${tag}`]),
    ...(route === undefined ? [] : [['route', `${route}`] as [string, string]]),
    ...(model === undefined ? [] : [['model', model] as [string, string]]),
  ].map(([kind, value]) => [kind, value.slice(0, MAX_LABEL)])
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
