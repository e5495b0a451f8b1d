/** The store over SQLite: one connection that writes, here, and one that reads, in a thread of its own. */
import { describe, guard, warn } from '../runtime/diag.ts'
import { BusyError } from './busy.ts'
import type { RawSpan } from './otlp.ts'
import { reads } from './sql-reader.ts'
import type { NewSpan } from './sql-writer.ts'
import { openReader } from './sqlite-reader.ts'
import { openDatabase } from './sqlite-schema.ts'
import { SqliteWriter } from './sqlite-writer.ts'
import type { Stored, TraceStore } from './trace-store.ts'

export interface SqliteOptions {
  /** What nobody has added to for so long is taken away, in ms. Default 7 days. */
  maxAgeMs?: number
  /** The oldest sessions go while the database takes more bytes. Default 1 GiB. */
  maxBytes?: number
  /** Spans that may wait to be written; what comes then is answered 429. Default 200,000. */
  maxWaiting?: number
}

interface Batch {
  spans: NewSpan[]
  resolve(): void
  reject(error: unknown): void
}

/** Spans of one transaction: some tens of milliseconds. */
const MAX_COMMIT = 2000
const RETENTION_INTERVAL_MS = 2000
/** Opens or makes the file; its folder has to be there. Rejects, and leaves it as it is, where it is not ours, damaged or newer. */
export async function openSqlite(file: string, options: SqliteOptions = {}): Promise<TraceStore> {
  const { maxAgeMs = 7 * 24 * 3600_000, maxBytes = 2 ** 30, maxWaiting = 200_000 } = options
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

  return {
    ...reads((sql, ...values) => reader.query(sql, ...values)),
    write: ({ spans, raw }) =>
      new Promise<void>((resolve, reject) => {
        if (count > maxWaiting) return reject(new BusyError(`${count} spans wait to be written`))
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
      try {
        database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      } catch (error) {
        warn(`${file}: its log stays beside it until it is opened again (${describe(error)})`)
      }
      database.close()
    },
  }
}
