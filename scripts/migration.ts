/** Writes the tables of the deployed backend, as `wrangler d1 migrations apply` takes them, from the library's own. */
import { writeFile } from 'node:fs/promises'
import { SERVICE, TABLES } from '../src/collector/sql-schema.ts'

/** A file that somebody has applied does not change: what is new since is the next one. */
const STEPS: [file: string, statements: readonly string[]][] = [
  ['0001_sessions.sql', TABLES.filter((statement) => !SERVICE.includes(statement))],
  ['0002_service.sql', SERVICE],
]
export const MIGRATIONS: [path: string, text: string][] = STEPS.map(([file, statements]) => [
  `examples/backend-worker/migrations/${file}`,
  `${statements.join(';\n')};\n`,
])

if (import.meta.main) for (const [path, text] of MIGRATIONS) await writeFile(path, text)
