/** The database file: its tables, and who may open it. */
import type { DatabaseSync } from 'node:sqlite'
import { describe } from '../runtime/diag.ts'
import { count, SERVICE, STEP, SUMS, TABLES } from './sql-schema.ts'

/** "AgOE": this file is one of ours. */
const APPLICATION_ID = 0x41674f45
/** One higher with each change of the tables. */
export const VERSION = 3

/** Sessions of before the overview get their sums. */
const OVERVIEW = [
  'ALTER TABLE traces ADD COLUMN environment TEXT',
  ...SUMS,
  ...count(1, 'true').map(({ sql }) => sql),
  `INSERT INTO sums SELECT spans.start - spans.start % ${STEP}, spans.type, CASE spans.type WHEN 'model' THEN coalesce(model, label)
    ELSE label END, coalesce(service, ''), '', count(*), sum(status = 2), sum(coalesce(spans.input_tokens, 0)),
    sum(coalesce(spans.output_tokens, 0)), sum(coalesce(spans.cost, 0)) FROM spans JOIN traces ON traces.id = spans.trace
    WHERE spans.type IN ('model', 'tool') GROUP BY 1, 2, 3, 4`,
  "INSERT INTO labels SELECT 'service', service, id FROM traces WHERE service IS NOT NULL",
  "INSERT OR IGNORE INTO labels SELECT 'tool', substr(label, 1, 200), trace FROM spans WHERE type = 'tool'",
  "INSERT INTO facets SELECT kind, value, count(*) FROM labels WHERE kind IN ('service', 'tool') GROUP BY 1, 2",
]

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
    throw refuse(`${faultOf(error)} (${describe(error)})`)
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
        : refuse(`${faultOf(error)} (${describe(error)})`)
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
    const made = isNew ? TABLES : [...(version < 2 ? OVERVIEW : []), ...(version < 3 ? SERVICE : [])]
    const marks = [`PRAGMA application_id = ${APPLICATION_ID}`, `PRAGMA user_version = ${VERSION}`]
    if (made.length) database.exec(['BEGIN', ...made, ...marks, 'COMMIT'].join(';\n'))
    return database
  } catch (error) {
    database.close()
    throw error instanceof Error && error.message.startsWith(file)
      ? error
      : refuse(`${faultOf(error)} (${describe(error)})`)
  }
}

/** By SQLite's result codes: busy, locked; read-only, cannot be opened, and a full disk. */
function faultOf(error: unknown): string {
  const code = Number((error as { errcode?: number }).errcode) & 0xff
  if (code === 5 || code === 6) return 'is locked by another program: end that one'
  return code === 8 || code === 14 || code === 13 ? 'cannot be opened or written' : 'is no database, or damaged'
}
