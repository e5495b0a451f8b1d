/** The database file: its tables, and who may open it. */
import type { DatabaseSync } from 'node:sqlite'
import { describe } from '../runtime/diag.ts'

/** "AgOE": this file is one of ours. */
const APPLICATION_ID = 0x41674f45
/** One higher with each change of the tables. */
export const VERSION = 1

// Times are whole microseconds: nanoseconds do not fit into a JavaScript number; the span as it came has them.
const TABLES = `
CREATE TABLE traces (
  id INTEGER PRIMARY KEY, trace_id TEXT NOT NULL UNIQUE, session_id TEXT NOT NULL, name TEXT NOT NULL, rank INTEGER NOT NULL,
  named_at INTEGER NOT NULL, service TEXT, route TEXT, state TEXT, reason TEXT, start INTEGER NOT NULL, end INTEGER NOT NULL,
  spans INTEGER NOT NULL, errors INTEGER NOT NULL, model_calls INTEGER NOT NULL, tool_calls INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost REAL NOT NULL, updated INTEGER NOT NULL
) STRICT;
CREATE INDEX traces_start ON traces (start);
CREATE INDEX traces_state ON traces (state, start);
CREATE INDEX traces_session ON traces (session_id, start);
CREATE INDEX traces_updated ON traces (updated);
CREATE TABLE spans (
  id INTEGER PRIMARY KEY, trace INTEGER NOT NULL, span_id TEXT NOT NULL, parent_id TEXT, type TEXT NOT NULL, name TEXT NOT NULL,
  label TEXT NOT NULL, status INTEGER NOT NULL, start INTEGER NOT NULL, duration INTEGER NOT NULL, model TEXT,
  input_tokens INTEGER, output_tokens INTEGER, cost REAL, note TEXT, call_id TEXT, incomplete INTEGER, raw TEXT NOT NULL,
  UNIQUE (trace, span_id)
) STRICT;
CREATE INDEX spans_id ON spans (span_id);
CREATE TABLE labels (kind TEXT NOT NULL, value TEXT NOT NULL, trace INTEGER NOT NULL, PRIMARY KEY (trace, kind, value)) STRICT, WITHOUT ROWID;
CREATE INDEX labels_value ON labels (kind, value, trace);
CREATE TABLE facets (kind TEXT NOT NULL, value TEXT NOT NULL, sessions INTEGER NOT NULL, PRIMARY KEY (kind, value)) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (text, content='', contentless_delete=1, detail=none);
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${VERSION};
`

/** Node says of each new process that SQLite is experimental: nobody who reads it here can do anything about it. */
export async function loadSqlite(): Promise<typeof import('node:sqlite')> {
  const { emitWarning } = process
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (!/SQLite is an experimental feature/.test(`${warning}`)) Reflect.apply(emitWarning, process, [warning, ...rest])
  }
  try {
    return await import('node:sqlite')
  } catch {
    throw new Error(`node:sqlite: expected Node.js 22.15 or newer, this is ${process.version}`)
  } finally {
    process.emitWarning = emitWarning
  }
}

/** Opens or makes the file. Throws, and leaves it as it is, where it is somebody else's, damaged, or of a newer version. */
export async function openDatabase(file: string): Promise<DatabaseSync> {
  const { DatabaseSync } = await loadSqlite()
  const refuse = (what: string): Error =>
    new Error(`${file}: ${what}; it is left as it is. Name another file, or move this one away`)
  let database: DatabaseSync
  try {
    database = new DatabaseSync(file, { timeout: 5000 })
  } catch (error) {
    throw refuse(`cannot be opened (${describe(error)})`)
  }
  try {
    const number = (pragma: string): number =>
      Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0])
    let isNew: boolean
    try {
      isNew = !database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get()
      if (!isNew && number('application_id') !== APPLICATION_ID) throw refuse('is a database of another program')
    } catch (error) {
      throw error instanceof Error && error.message.startsWith(file)
        ? error
        : refuse(`is no database, or damaged (${describe(error)})`)
    }
    const version = number('user_version')
    if (!isNew && version > VERSION) {
      throw refuse(`was written by a newer agentops-edge (version ${version} of its tables; this one knows ${VERSION})`)
    }
    // What SQLite has answered is in the log, which outlives the process; a write then waits for no reader.
    if (isNew) database.exec('PRAGMA auto_vacuum = INCREMENTAL')
    database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8000',
    )
    if (isNew) database.exec(`BEGIN; ${TABLES} COMMIT`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}
