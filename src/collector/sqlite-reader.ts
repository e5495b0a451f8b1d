/**
 * Reads the database in a thread of its own, over a connection that cannot write: no query, however long it takes,
 * holds up what comes in.
 */

import type { SQLInputValue } from 'node:sqlite'
import { Worker } from 'node:worker_threads'

/** As text, so that it runs from wherever the library is bundled into. */
const THREAD = `
process.emitWarning = () => {}
const { parentPort, workerData } = require('node:worker_threads')
const { DatabaseSync } = require('node:sqlite')
const database = new DatabaseSync(workerData, { readOnly: true, timeout: 5000 })
database.exec('PRAGMA cache_size = -65536')
const statements = new Map()
parentPort.on('message', ({ id, sql, values }) => {
  try {
    if (!statements.has(sql)) {
      if (statements.size > 200) statements.clear()
      statements.set(sql, database.prepare(sql))
    }
    parentPort.postMessage({ id, rows: statements.get(sql).all(...values) })
  } catch (error) {
    parentPort.postMessage({ id, error: error.message })
  }
})`

interface Waiting {
  resolve(rows: unknown[]): void
  reject(error: Error): void
}

export interface Reader {
  /** `sql` has a question mark for each of `values`. */
  query<Row>(sql: string, ...values: SQLInputValue[]): Promise<Row[]>
  close(): Promise<void>
}

export function openReader(file: string): Reader {
  const worker = new Worker(THREAD, { eval: true, workerData: file, name: 'agentops-edge reader' })
  const waiting = new Map<number, Waiting>()
  let last = 0
  let failure: Error | undefined
  worker.unref()
  worker.on('message', ({ id, rows, error }: { id: number; rows: unknown[]; error?: string }) => {
    const asked = waiting.get(id)
    waiting.delete(id)
    if (!waiting.size) worker.unref()
    if (error === undefined) asked?.resolve(rows)
    else asked?.reject(new Error(error))
  })
  const fail = (error: Error): void => {
    failure = error
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  worker.on('error', fail)
  worker.on('exit', () => fail(new Error('the database is closed')))
  return {
    query: <Row>(sql: string, ...values: SQLInputValue[]) =>
      new Promise<Row[]>((resolve, reject) => {
        if (failure) return reject(failure)
        const id = ++last
        waiting.set(id, { resolve: resolve as Waiting['resolve'], reject })
        worker.ref()
        worker.postMessage({ id, sql, values })
      }),
    close: async () => void (await worker.terminate()),
  }
}
