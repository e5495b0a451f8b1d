/** More than a store takes: what was answered 200 is there, what was not is told when to come again, and our exporter does. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { clickhouseStore } from '../../src/collector/clickhouse/index.ts'
import { createAgentOps } from '../../src/index.ts'
import { type DeskSession, otlpOf, traceIdOf } from '../support/desk.ts'
import { onClickHouse, onD1, onSqlite, type RunningStore } from '../support/stores.ts'
import { waitFor } from '../support/wait.ts'

/** Requests at once. */
const REQUESTS = 60
interface Flooded {
  name: string
  start: () => Promise<RunningStore>
  isRefusing: boolean
  /** Of a request. SQLite is as fast as requests are read: more than one that waits is a flood there. */
  spans: number
}
const STORES: Flooded[] = [
  { name: 'SQLite, above what may wait', start: () => onSqlite(1), isRefusing: true, spans: 20 },
  { name: 'D1 behind a queue, which has room for all', start: () => onD1(), isRefusing: false, spans: 50 },
]
if (process.env.DESK) {
  STORES.push({ name: 'ClickHouse, above what may wait', start: () => onClickHouse(200), isRefusing: true, spans: 50 })
}
const TYPE = { 'content-type': 'application/json' }

describe.each(STORES)('$name', ({ start, isRefusing, spans }) => {
  test('nothing that was answered 200 is lost, and the rest comes again', async () => {
    const store = await start()
    onTestFinished(() => store.stop())
    const session = (n: number): DeskSession => ({
      ...{ traceId: traceIdOf(n), name: `n${n}`, start: Date.now(), ms: 10 },
      spans: Array.from({ length: spans - 1 }, (_, i) => ({ name: `s${i}.tool`, at: i / 10, ms: 1 })),
    })
    const post = async (n: number): Promise<Response> =>
      await fetch(`${store.url}/v1/traces`, { method: 'POST', headers: TYPE, body: JSON.stringify(otlpOf(session(n))) })
    const ourAnswers: Response[] = []
    const client = createAgentOps({
      endpoint: `${store.url}/v1/traces`,
      fetch: async (...request) => {
        const response = await fetch(...request)
        ourAnswers.push(response)
        return response
      },
    })
    const ours: string[] = []
    const own = (name: string): Promise<void> =>
      client.withSession({ name }, async (session) => {
        await session.tool('search', () => 'found')
        ours.push(session.id)
      })
    // Floods, and sessions of our own in the midst of each, until one of them has been refused, too.
    const answers: Response[] = []
    for (
      let flood = 0;
      flood < (isRefusing ? 20 : 2) && !(flood && ourAnswers.some(({ status }) => status === 429));
      flood++
    ) {
      const all = Array.from({ length: REQUESTS }, (_, n) => post(flood * REQUESTS + n))
      await Promise.all(Array.from({ length: 10 }, (_, n) => own(`ours${flood}${n}`)))
      answers.push(...(await Promise.all(all)))
    }
    expect(ourAnswers.some(({ status }) => status === 429)).toBe(isRefusing)
    const refused = [...answers, ...ourAnswers].filter(({ status }) => status !== 200)
    for (const { status, headers } of refused) {
      expect(status).toBe(429)
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    }
    const kept = async (id: string): Promise<number> => {
      const { session: found } = (await (await fetch(`${store.url}/api/traces/${id}`)).json()) as {
        session?: { spans: number }
      }
      return found?.spans ?? 0
    }
    for (const [n, { status }] of answers.entries()) {
      if (status === 200) await waitFor(`session ${n}`, async () => (await kept(traceIdOf(n))) === spans, 30_000)
      else expect(await kept(traceIdOf(n))).toBe(0)
    }
    for (const id of ours)
      await waitFor(`our session ${id}`, async () => (await kept(id.replaceAll('-', ''))) >= 2, 30_000)
  })
})

test('a server of ClickHouse’s that has too much to do is told from one that fails', async () => {
  let code = '252'
  const server = createServer((_, response) => {
    response
      .writeHead(500, { 'x-clickhouse-exception-code': code })
      .end(`Code: ${code}. DB::Exception: Too much. (${code === '252' ? 'TOO_MANY_PARTS' : 'UNKNOWN_TABLE'})`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve(undefined))))
  const store = clickhouseStore({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  await expect(store.facets()).rejects.toThrow('ClickHouse is busy')
  code = '60'
  await expect(store.facets()).rejects.not.toThrow('ClickHouse is busy')
  await store.close()
})
