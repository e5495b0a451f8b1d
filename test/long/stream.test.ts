/** Runs beside the other tests, because it takes as long as a long stream does. */
import { afterAll, expect, test } from 'vitest'
import { scripted } from '../support/scripted-client.ts'
import { waitFor } from '../support/wait.ts'
import { type RunningWorker, startWorker } from '../support/workerd.ts'

const KEY = '44444444-4444-4444-8444-444444444444'
let worker: RunningWorker | undefined
afterAll(() => worker?.stop())

test('a 60 s stream stays within maxRequests, token included, and arrives whole', async () => {
  const backend = await scripted()
  worker = await startWorker({
    entry: 'test/fixtures/stream-worker.ts',
    bindings: {
      AGENTOPS_API_KEY: KEY,
      AGENTOPS_API_ENDPOINT: backend.url,
      AGENTOPS_EXPORTER_ENDPOINT: `${backend.url}/v1/traces`,
    },
  })
  const response = await fetch(`${worker.url}/stream/60`)
  expect((await response.text()).split('\n')).toHaveLength(61)
  const spans = await waitFor('the root', async () => {
    const found = (await backend.spans()).flatMap((request) => request.spans)
    return found.some(({ name }) => name.endsWith('.session')) && found
  })
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(61)
  const requests = await backend.received()
  // The token, one at 1, 3, 7, 15, 30, 45 and 60 s, one when the response began, and the end.
  expect(requests.length).toBeLessThanOrEqual(12)
  expect(requests.length).toBeGreaterThan(5)
  expect(await backend.concurrency()).toBe(1)
}, 120_000)
