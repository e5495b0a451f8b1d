/** Writes the tables of the deployed backend, as `wrangler d1 migrations apply` takes them, from the library's own. */
import { writeFile } from 'node:fs/promises'
import { TABLES } from '../src/collector/sql-schema.ts'

export const MIGRATION = 'examples/backend-worker/migrations/0001_sessions.sql'
export const migration = (): string => `${TABLES.join(';\n')};\n`

if (import.meta.main) await writeFile(MIGRATION, migration())
