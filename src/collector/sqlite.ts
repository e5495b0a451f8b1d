/** The store over SQLite: one connection that writes, here, and one that reads, in a thread of its own. */
import type { SQLInputValue } from 'node:sqlite'
import { guard } from '../runtime/diag.ts'
import { type RawSpan, toSpan } from './otlp.ts'
import { openReader, type Reader } from './sqlite-reader.ts'
import { openDatabase } from './sqlite-schema.ts'
import { ALL, type NewSpan, SqliteWriter } from './sqlite-writer.ts'
import type { Facets, SessionFilter, SessionRow, SpanRow, Stored, TraceStore } from './trace-store.ts'

export interface SqliteOptions {
  /** What nobody has added to for so long is taken away, in ms. Default 7 days. */
  maxAgeMs?: number
  /** The oldest sessions go while the database takes more bytes. Default 1 GiB. */
  maxBytes?: number
}

interface Batch {
  spans: NewSpan[]
  resolve(): void
  reject(error: unknown): void
}

/** Spans of one transaction: some tens of milliseconds. */
const MAX_COMMIT = 2000
/** Spans that wait to be written; a client that is told so tries again. */
const MAX_WAITING = 200_000
const RETENTION_INTERVAL_MS = 2000
/** A session whose root has not come is running while spans come; the library sends them every 15 s at the latest. */
const RUNNING_MS = 60_000
/** Spans with the words that a search looks at, from the newest on: first few, and more where those are of too few sessions. */
const MAX_FOUND = [4000, 200_000]
/** Sessions of a label that is rare: all of them are looked at; of others the newest sessions are, until enough have it. */
const RARE = 3000

export class BusyError extends Error {}

/** Opens or makes the file; its folder has to be there. Rejects, and leaves it as it is, where it is not ours, damaged or newer. */
export async function openSqlite(file: string, options: SqliteOptions = {}): Promise<TraceStore> {
  const { maxAgeMs = 7 * 24 * 3600_000, maxBytes = 2 ** 30 } = options
  const database = await openDatabase(file)
  const writer = new SqliteWriter(database)
  const reader = openReader(file)
  const listeners = new Set<(stored: Stored) => void>()
  const waiting: Batch[] = []
  let count = 0
  let isScheduled = false

  /** Everything that has come since the last commit is one commit. */
  const commit = (): void => {
    isScheduled = false
    const batches: Batch[] = []
    for (let size = 0; waiting[0] && (!size || size + waiting[0].spans.length <= MAX_COMMIT); ) {
      const batch = waiting.shift() as Batch
      size += batch.spans.length
      batches.push(batch)
    }
    if (waiting.length) schedule()
    const spans = batches.flatMap((batch) => batch.spans)
    count -= spans.length
    let stored: Stored
    try {
      stored = writer.write(spans)
    } catch (error) {
      // One that cannot be written costs only itself.
      if (batches.length === 1) batches[0]?.reject(error)
      else for (const batch of batches) writeAlone(batch)
      return
    }
    for (const { resolve } of batches) resolve()
    tell(stored)
  }
  const writeAlone = ({ spans, resolve, reject }: Batch): void => {
    try {
      const stored = writer.write(spans)
      resolve()
      tell(stored)
    } catch (error) {
      reject(error)
    }
  }
  const tell = (stored: Stored): void => {
    if (stored.changed.length) for (const listener of listeners) guard('a listener', () => listener(stored))
  }
  const schedule = (): void => {
    if (!isScheduled) setImmediate(commit)
    isScheduled = true
  }

  let isForgetting = false
  let isClosed = false
  const retain = (): void => {
    if (isClosed) return
    guard('the retention', () => {
      const isMore = writer.forget(Date.now() - maxAgeMs) || (writer.size() > maxBytes && writer.forgetOldest())
      isForgetting = isMore
    })
    if (isForgetting) setImmediate(retain)
  }
  const timer = setInterval(() => isForgetting || retain(), RETENTION_INTERVAL_MS)
  timer.unref()

  const query = reads(reader)
  return {
    ...query,
    write: ({ spans, raw }) =>
      new Promise<void>((resolve, reject) => {
        if (count > MAX_WAITING) return reject(new BusyError(`${count} spans wait to be written`))
        if (!spans.length) return resolve()
        count += spans.length
        waiting.push({ spans: spans.map((span, i) => ({ span, raw: raw[i] as RawSpan })), resolve, reject })
        schedule()
      }),
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async close() {
      clearInterval(timer)
      isClosed = true
      while (waiting.length) commit()
      await reader.close()
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      database.close()
    },
  }
}

type Row = Record<string, string | number | null>

function reads({ query }: Reader): Omit<TraceStore, 'write' | 'subscribe' | 'close'> {
  const labelled = async (rows: Row[]): Promise<SessionRow[]> => {
    const marks = rows.map(() => '?').join(', ')
    const ids = rows.map(({ id }) => id) as number[]
    const sql = `SELECT trace, kind, value FROM labels WHERE trace IN (${marks}) ORDER BY trace, kind, value`
    const labels = rows.length ? await query<Row>(sql, ...ids) : []
    const of = (trace: unknown, kind: string): string[] =>
      labels.flatMap((label) => (label.trace === trace && label.kind === kind ? [`${label.value}`] : []))
    return rows.map((row) => toSession(row, of(row.id, 'tag'), of(row.id, 'model')))
  }
  async function conditions(filter: SessionFilter, depth: number): Promise<{ where: string; values: SQLInputValue[] }> {
    const { state, text = '', sessionId, before } = filter
    const terms: string[] = []
    const values: SQLInputValue[] = []
    const add = (term: string, ...of: SQLInputValue[]): void => {
      terms.push(term)
      values.push(...of)
    }
    const fresh = Date.now() - RUNNING_MS
    if (state === 'Running') add('state IS NULL AND updated >= ?', fresh)
    else if (state === 'Unfinished') add('state IS NULL AND updated < ?', fresh)
    else if (state) add('state = ?', state)
    for (const kind of ['tag', 'route', 'model'] as const) {
      const value = filter[kind]
      if (value === undefined) continue
      const [facet] = await query<Row>('SELECT sessions FROM facets WHERE kind = ? AND value = ?', kind, value)
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
    }
    if (sessionId !== undefined) add('session_id = ?', sessionId)
    if (before !== undefined) add('start < ?', before)
    return { where: terms.length ? `WHERE ${terms.join(' AND ')}` : '', values }
  }
  return {
    async sessions(filter) {
      const { limit = 50, ascending, text } = filter
      const order = `ORDER BY start ${ascending ? 'ASC' : 'DESC'} LIMIT ?`
      let rows: Row[] = []
      for (const depth of text ? MAX_FOUND : [0]) {
        const { where, values } = await conditions(filter, depth)
        rows = await query<Row>(`SELECT * FROM traces ${where} ${order}`, ...values, limit)
        if (rows.length >= limit) break
      }
      return await labelled(rows)
    },
    async session(traceId) {
      return (await labelled(await query<Row>('SELECT * FROM traces WHERE trace_id = ?', traceId)))[0]
    },
    async spans(traceId, limit) {
      const columns =
        'span_id, parent_id, type, name, label, status, start, duration, model, input_tokens, output_tokens, cost, note, call_id, incomplete'
      const sql = `SELECT ${columns} FROM spans WHERE trace = (SELECT id FROM traces WHERE trace_id = ?) ORDER BY start, id LIMIT ?`
      return (await query<Row>(sql, traceId, limit)).map(toSpanRow)
    },
    async raw(traceId, { spanId, types, limit = 100_000 } = {}) {
      const more = `${spanId ? 'AND span_id = ?' : ''} ${types ? `AND type IN (${types.map(() => '?').join(', ')})` : ''}`
      const sql = `SELECT raw FROM spans WHERE trace = (SELECT id FROM traces WHERE trace_id = ?) ${more} ORDER BY start, id LIMIT ?`
      const rows = await query<Row>(sql, traceId, ...(spanId ? [spanId] : []), ...(types ?? []), limit)
      return rows.map(({ raw }) => JSON.parse(`${raw}`) as RawSpan)
    },
    async find(spanId) {
      const [row] = await query<Row>('SELECT raw FROM spans WHERE span_id = ? LIMIT 1', spanId)
      return row && toSpan(JSON.parse(`${row.raw}`) as RawSpan)
    },
    async facets() {
      const rows = await query<Row>('SELECT kind, value, sessions FROM facets ORDER BY sessions DESC LIMIT 300')
      const facets: Facets = { tag: [], route: [], model: [], sessions: 0 }
      for (const { kind, value, sessions } of rows) {
        if (kind === ALL) facets.sessions = Number(sessions)
        else facets[kind as 'tag'].push({ value: `${value}`, sessions: Number(sessions) })
      }
      return facets
    },
  }
}

function toSession(row: Row, tags: string[], models: string[]): SessionRow {
  const number = (name: string): number => Number(row[name])
  const isFresh = number('updated') >= Date.now() - RUNNING_MS
  return {
    traceId: `${row.trace_id}`,
    sessionId: `${row.session_id}`,
    name: `${row.name}`,
    service: text(row.service),
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
    incomplete: !!row.incomplete,
  }
}

function text(value: string | number | null | undefined): string | undefined {
  return value === null || value === undefined ? undefined : `${value}`
}
