/** What a sender and a reader are told where Cloudflare's queue or D1 fails: 429 where it has too much to do, nothing lost. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { otlpOf, traceIdOf } from '../support/desk.ts'
import { onD1 } from '../support/stores.ts'
import { waitFor } from '../support/wait.ts'
import type { RunningWorker } from '../support/workerd.ts'

const OVERLOADED = 'D1_ERROR: D1 DB is overloaded. Requests queued for too long.'

let worker: RunningWorker
beforeAll(async () => {
  worker = await onD1({}, {}, 'test/fixtures/faulty-backend.ts')
})
afterAll(() => worker?.stop())

const fail = async (fault: { queue?: string; database?: string }): Promise<void> => {
  await fetch(`${worker.url}/fault`, { method: 'POST', body: JSON.stringify(fault) })
}
const told = async (path: string, init?: RequestInit): Promise<[number, string | null, string]> => {
  const response = await fetch(worker.url + path, init)
  return [response.status, response.headers.get('retry-after'), await response.text()]
}
const send = (n: number): Promise<[number, string | null, string]> =>
  told('/v1/traces', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(otlpOf({ traceId: traceIdOf(n), name: 'GET /', start: Date.now(), ms: 5 })),
  })

test('a queue that has too much to do: 429 and when to come again; one that fails: 503', async () => {
  await fail({ queue: 'Queue send failed: Too Many Requests' })
  expect(await send(1)).toEqual([429, '5', expect.stringContaining('the queue is overloaded')])
  await fail({ queue: 'Queue send failed: Internal Server Error' })
  expect(await send(1)).toEqual([503, null, expect.stringContaining('cannot be stored now')])
})

test('D1 that has too much to do: a reader is told when to come again; one that fails: that the log says why', async () => {
  await fail({ database: OVERLOADED })
  for (const path of ['/', '/api/sessions', '/overview', `/api/traces/${traceIdOf(1)}`]) {
    expect(await told(path)).toEqual([429, '5', 'D1 is overloaded'])
  }
  await fail({ database: 'D1_ERROR: no such table: traces: SQLITE_ERROR' })
  expect(await told('/')).toEqual([500, null, 'this failed; the log of the backend says why'])
  await fail({})
  expect((await told('/'))[0]).toBe(200)
})

test('what was answered 200 while D1 took nothing is there once it does', { timeout: 60_000 }, async () => {
  await fail({ database: OVERLOADED })
  expect((await send(2))[0]).toBe(200)
  await new Promise((resolve) => setTimeout(resolve, 500))
  await fail({})
  await waitFor('the session', async () => (await told(`/api/traces/${traceIdOf(2)}`))[0] === 200, 30_000)
})
