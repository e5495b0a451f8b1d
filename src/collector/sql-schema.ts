/**
 * The tables of a store that speaks SQLite's SQL, and what runs on any of its engines: a file of Node's, Cloudflare's D1.
 * A value goes in as one JSON text, however many rows it has: D1 binds 100 parameters, and counts each statement.
 */

export type SqlValue = string | number | null
export type Row = Record<string, SqlValue>

export interface Statement {
  sql: string
  values: SqlValue[]
}

/** Microseconds of one row of `sums` and `latencies`: a quarter of an hour. */
export const STEP = 900_000_000

/** What is added up for the overview. New since version 2. */
export const SUMS: readonly string[] = [
  `CREATE TABLE sums (
  at INTEGER NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL, service TEXT NOT NULL, environment TEXT NOT NULL, calls INTEGER NOT NULL,
  errors INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost REAL NOT NULL,
  PRIMARY KEY (at, type, name, service, environment)
) STRICT, WITHOUT ROWID`,
  `CREATE TABLE latencies (
  at INTEGER NOT NULL, service TEXT NOT NULL, environment TEXT NOT NULL, bin INTEGER NOT NULL, sessions INTEGER NOT NULL,
  PRIMARY KEY (at, service, environment, bin)
) STRICT, WITHOUT ROWID`,
  'CREATE TABLE marks (trace INTEGER NOT NULL, span INTEGER NOT NULL) STRICT',
  'INSERT INTO marks VALUES (0, 0)',
]

/** Whose a span is. New since version 3. */
export const SERVICE: readonly string[] = ['ALTER TABLE spans ADD COLUMN service TEXT']

// Times are whole microseconds: nanoseconds do not fit into a JavaScript number; the span as it came has them.
export const TABLES: readonly string[] = [
  `CREATE TABLE traces (
  id INTEGER PRIMARY KEY, trace_id TEXT NOT NULL UNIQUE, session_id TEXT NOT NULL, name TEXT NOT NULL, rank INTEGER NOT NULL,
  named_at INTEGER NOT NULL, service TEXT, environment TEXT, route TEXT, state TEXT, reason TEXT, start INTEGER NOT NULL, end INTEGER NOT NULL,
  spans INTEGER NOT NULL, errors INTEGER NOT NULL, model_calls INTEGER NOT NULL, tool_calls INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost REAL NOT NULL, updated INTEGER NOT NULL
) STRICT`,
  'CREATE INDEX traces_start ON traces (start)',
  'CREATE INDEX traces_state ON traces (state, start)',
  'CREATE INDEX traces_session ON traces (session_id, start)',
  'CREATE INDEX traces_updated ON traces (updated)',
  `CREATE TABLE spans (
  id INTEGER PRIMARY KEY, trace INTEGER NOT NULL, span_id TEXT NOT NULL, parent_id TEXT, type TEXT NOT NULL, name TEXT NOT NULL,
  label TEXT NOT NULL, status INTEGER NOT NULL, start INTEGER NOT NULL, duration INTEGER NOT NULL, model TEXT,
  input_tokens INTEGER, output_tokens INTEGER, cost REAL, note TEXT, call_id TEXT, incomplete INTEGER, raw TEXT NOT NULL,
  UNIQUE (trace, span_id)
) STRICT`,
  'CREATE INDEX spans_id ON spans (span_id)',
  'CREATE TABLE labels (kind TEXT NOT NULL, value TEXT NOT NULL, trace INTEGER NOT NULL, PRIMARY KEY (trace, kind, value)) STRICT, WITHOUT ROWID',
  'CREATE INDEX labels_value ON labels (kind, value, trace)',
  'CREATE TABLE facets (kind TEXT NOT NULL, value TEXT NOT NULL, sessions INTEGER NOT NULL, PRIMARY KEY (kind, value)) STRICT, WITHOUT ROWID',
  "CREATE VIRTUAL TABLE words USING fts5 (text, content='', contentless_delete=1, detail=none)",
  ...SUMS,
  ...SERVICE,
]

/** The facet that counts all sessions: counting their rows takes longer with each. */
export const ALL = 'all'

/** The rows of a JSON text, a list of lists, by the names of their columns. */
export function rowsOf(names: string): string {
  return `SELECT ${names
    .split(' ')
    .map((name, n) => `value ->> ${n} AS ${name}`)
    .join(', ')} FROM json_each(?)`
}

const ADDED = ['calls', 'errors', 'input_tokens', 'output_tokens', 'cost']
export const ADD_SUMS: string = `ON CONFLICT DO UPDATE SET ${ADDED.map((name) => `${name} = ${name} + excluded.${name}`).join(', ')}`
const AT = `start - start % ${STEP}`
const WHOSE = "coalesce(service, ''), coalesce(environment, '')"
/** Of a duration, whole microseconds: how many digits it has, and the first two: never more than a tenth apart. */
const BIN = "length(end - start) * 100 + substr((end - start) || '0', 1, 2)"

/**
 * Adds sessions to the overview's sums (`sign` 1), or takes them out as they were before they changed (-1). `which`: a
 * condition on `traces`, with `values` for its question marks.
 */
export function count(sign: 1 | -1, which: string, ...values: SqlValue[]): Statement[] {
  const sums = ['count(*)', "sum(state IS 'Fail')", ...ADDED.slice(2).map((name) => `sum(${name})`)]
  return [
    {
      sql: `INSERT INTO sums SELECT ${AT}, 'session', '', ${WHOSE}, ${sums.map((sum) => `${sign} * ${sum}`).join(', ')}
        FROM traces WHERE ${which} GROUP BY 1, 4, 5 ${ADD_SUMS}`,
      values,
    },
    {
      sql: `INSERT INTO latencies SELECT ${AT}, ${WHOSE}, ${BIN}, ${sign} * count(*)
        FROM traces WHERE state IS NOT NULL AND ${which} GROUP BY 1, 2, 3, 4
        ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions`,
      values,
    },
  ]
}

/** The middle of a bin, in microseconds. */
export function middleOf(bin: number): number {
  const digits = Math.floor(bin / 100)
  const unit = 10 ** (digits - 2)
  return digits < 2 ? Math.floor((bin % 100) / 10) : (bin % 100) * unit + (digits > 2 ? unit / 2 : 0)
}
