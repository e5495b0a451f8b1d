/** Runs what puts spans into the file and takes them out. All statements of one call are one transaction. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Row, Statement } from './sql-schema.ts'
import { forgetting, type NewSpan, storedOf, writing } from './sql-writer.ts'
import type { Stored } from './trace-store.ts'

/** Sessions that one step of the retention takes away: what comes in waits for it. */
const STEP = 10

export class SqliteWriter {
  readonly #database: DatabaseSync
  readonly #statements: Map<string, StatementSync> = new Map()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  write(added: readonly NewSpan[]): Stored {
    return storedOf(this.#transaction(writing(added, Date.now())))
  }

  /** Takes away what nobody has added to since `updated` (ms since the epoch), a step at a time; says whether there may be more. */
  forget(updated: number): boolean {
    for (const table of ['sums', 'latencies']) this.#prepare(`DELETE FROM ${table} WHERE at < ?`).run(updated * 1000)
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
    this.#transaction(forgetting(old.map(({ id }) => id)))
    this.#database.exec('PRAGMA incremental_vacuum')
    return old.length === STEP
  }

  #transaction(statements: readonly Statement[]): Row[][] {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const answers = statements.map(({ sql, values }) => this.#prepare(sql).all(...values) as Row[])
      this.#database.exec('COMMIT')
      return answers
    } catch (error) {
      // SQLite has done so itself where the disk is full: what says so must not be lost.
      try {
        this.#database.exec('ROLLBACK')
      } catch {}
      throw error
    }
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
