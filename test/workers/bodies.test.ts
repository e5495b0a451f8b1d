/** Bodies that come from elsewhere, read and handed on in workerd: as without us, byte by byte. */
import { request } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { type RunningBodies, startBodies, ZIPPED } from '../support/bodies.ts'
import type { RunningWorker } from '../support/workerd.ts'

const backend = useBackend()
let server: RunningBodies
let worker: RunningWorker
beforeAll(async () => {
  server = await startBodies()
  worker = await backend.start({ entry: 'test/fixtures/bodies-worker.ts' })
})
afterAll(() => server.close())

/** Below `fetch`, which decodes. */
function ask(mode: string, path: string): Promise<{ status?: number; headers: object; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const url = `${worker.url}/${mode}/${path}?base=${server.url}`
    const sent = request(url, { headers: { 'accept-encoding': 'gzip' } }, async (response) => {
      const body = Buffer.concat(await response.toArray())
      const { date, ...headers } = response.headers
      resolve({ status: response.statusCode, headers, body })
    })
    sent.on('error', reject)
    sent.end()
  })
}

const sessionOf = (mode: string, path: string): Promise<CollectedSession> =>
  backend.session(({ root }) => root?.attributes['url.path'] === `/${mode}/${path}`)

test('statuses, bodies, clones, locks, chunks and errors are as without us; what is cancelled is closed', async () => {
  const [plain, traced] = [await ask('plain', 'outcomes'), await ask('traced', 'outcomes')]
  const [expected, found] = [plain, traced].map(({ body }) => JSON.parse(`${gunzipSync(body)}`))
  expect(found).toEqual(expected)
  await server.allClosed()
  const { spans } = await sessionOf('traced', 'outcomes')
  const read = spans.filter(({ attributes }) => attributes['gen_ai.response.id'] === 'chatcmpl-1')
  expect(read.length).toBeGreaterThanOrEqual(10)
})

describe.each(['traced', 'hono'])('%s: handed on', (mode) => {
  test.each([
    'pass/gzip',
    'pass/gzip-known',
    'pass/page',
    'pass/parts',
    'copy/gzip',
    'copy/gzip-known',
    'copy/parts',
    'answer/gzip',
    'answer/page',
    'answer-copy/gzip',
    'answer-copy/parts',
    'words',
    'zipped',
  ])('%s is as without us', async (path) => {
    const [plain, seen] = [await ask('plain', path), await ask(mode, path)]
    expect(seen).toEqual(plain)
    if (path.includes('gzip')) expect(seen.body).toEqual(ZIPPED)
    const { root } = await sessionOf(mode, path)
    expect(root?.attributes['agentops.session.end_state']).toBe('Success')
  })
})

test('a model’s answer that is handed on is read along', async () => {
  await ask('traced', 'answer/page')
  const { spans } = await sessionOf('traced', 'answer/page')
  expect(spans.map(({ attributes }) => attributes['gen_ai.response.id'])).toContain('chatcmpl-1')
})
