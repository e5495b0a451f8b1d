/** The store over Cloudflare's D1. It has the tables of `sql-schema.ts`, from a migration. */
import { BusyError, busyOr } from './busy.ts'
import type { RawSpan } from './otlp.ts'
import { polling } from './polling.ts'
import { reads } from './sql-reader.ts'
import type { Row, SqlValue, Statement } from './sql-schema.ts'
import { forgetting, storedOf, writing } from './sql-writer.ts'
import type { TraceStore } from './trace-store.ts'

/** What is used of a D1 binding. */
export interface D1Binding {
  prepare(sql: string): D1Prepared
  batch(statements: D1Prepared[]): Promise<{ results: unknown[]; meta: object }[]>
}
/** What is used of a prepared statement of D1. */
export interface D1Prepared {
  bind(...values: unknown[]): D1Prepared
}

/** What `prune()` leaves. */
export interface PruneOptions {
  /** What nobody has added to for so long is taken away, in ms. Default 7 days. */
  maxAgeMs?: number
  /** The oldest sessions go while the database takes more bytes. Default 8 GB; D1 has room for 10. */
  maxBytes?: number
}

/** A store on D1, which keeps until it is pruned. */
export interface D1Store extends TraceStore {
  /** For a cron trigger: takes away what is too old or too much, at most 5,000 sessions a call. Gives how many. */
  prune(options?: PruneOptions): Promise<number>
}

/** Bytes of a span that D1 keeps: a value has 2 MB at most, and quotes in it count twice. */
export const D1_MAX_SPAN: number = 900_000

/** Spans of one transaction; D1 gives up one that takes 30 s. */
const MAX_COMMIT = 500
/** Sessions of a step of `prune`, and steps: some 900 statements, of which an invocation has 1,000. */
const STEP = 50
const STEPS = 100
/** Sessions that have changed, for who listens. */
const MAX_CHANGES = 500

/** `maxWaiting`: spans that one isolate has handed to D1 and has no answer for; what comes then is answered 429. */
export function d1Store(database: D1Binding, { maxWaiting = 20_000 }: { maxWaiting?: number } = {}): D1Store {
  const run = async (statements: readonly Statement[]): Promise<{ rows: Row[][]; bytes: number }> => {
    try {
      const answers = await database.batch(statements.map(({ sql, values }) => database.prepare(sql).bind(...values)))
      const { size_after } = (answers.at(-1)?.meta ?? {}) as { size_after?: number }
      return { rows: answers.map(({ results }) => results as Row[]), bytes: Number(size_after ?? 0) }
    } catch (error) {
      throw busyOr(error, 'D1')
    }
  }
  const query = async (sql: string, ...values: SqlValue[]): Promise<Row[]> =>
    (await run([{ sql, values }])).rows[0] ?? []
  let waiting = 0
  return {
    ...reads(query),
    async write({ spans, raw }) {
      if (waiting > maxWaiting) throw new BusyError(`${waiting} spans wait to be written`)
      waiting += spans.length
      try {
        for (let from = 0; from < spans.length; from += MAX_COMMIT) {
          const added = spans.slice(from, from + MAX_COMMIT).map((span, n) => ({ span, raw: raw[from + n] as RawSpan }))
          storedOf((await run(writing(added, Date.now()))).rows)
        }
      } finally {
        waiting -= spans.length
      }
    },
    subscribe: polling(async (since) => {
      const rows = await query(
        'SELECT trace_id, state, updated FROM traces WHERE updated > ? ORDER BY updated DESC LIMIT ?',
        since,
        MAX_CHANGES,
      )
      return rows.map(({ trace_id, state, updated }) => ({
        traceId: `${trace_id}`,
        hasEnded: state !== null,
        updated: Number(updated),
      }))
    }),
    async prune({ maxAgeMs = 7 * 24 * 3600_000, maxBytes = 8e9 } = {}) {
      const oldest = Date.now() - maxAgeMs
      let { bytes } = await run(
        ['sums', 'latencies'].map((table) => ({ sql: `DELETE FROM ${table} WHERE at < ?`, values: [oldest * 1000] })),
      )
      let pruned = 0
      for (let n = 0; n < STEPS; n++) {
        const isFull = bytes > maxBytes
        const which = isFull ? '' : 'WHERE updated < ?'
        const rows = await query(
          `SELECT id FROM traces ${which} ORDER BY updated LIMIT ${STEP}`,
          ...(isFull ? [] : [oldest]),
        )
        if (!rows.length) break
        bytes = (await run(forgetting(rows.map(({ id }) => Number(id))))).bytes
        pruned += rows.length
      }
      return pruned
    },
    close: async () => {},
  }
}
