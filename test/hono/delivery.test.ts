/** A client of a real Worker does not notice what becomes of its sessions. */
import { afterAll, describe, expect, test } from 'vitest'
import type { Answer } from '../support/scripted.ts'
import { scripted } from '../support/scripted-client.ts'
import { waitFor } from '../support/wait.ts'
import { type RunningWorker, startWorker } from '../support/workerd.ts'

const workers: RunningWorker[] = []
afterAll(() => Promise.all(workers.map((worker) => worker.stop())))

async function start(bindings: Record<string, string>): Promise<RunningWorker> {
  const worker = await startWorker({ entry: 'test/fixtures/stream-worker.ts', bindings })
  workers.push(worker)
  return worker
}

/** The median of some requests, one after the other, ms. */
async function latency(worker: RunningWorker): Promise<number> {
  const times: number[] = []
  for (let n = 0; n < 15; n++) {
    const started = performance.now()
    const response = await fetch(worker.url)
    expect(await response.text()).toBe('ok')
    expect(response.status).toBe(200)
    times.push(performance.now() - started)
  }
  return times.sort((a, b) => a - b)[7] as number
}

describe('the client’s latency is that of a healthy backend', () => {
  const faults: [string, Answer][] = [
    ['503', { status: 503 }],
    ['429 with a long Retry-After', { status: 429, headers: { 'retry-after': '20' } }],
    ['a hang', { hang: true }],
    ['5 s slow', { delayMs: 5000 }],
    ['a reset before the body was read', { reset: 'before' }],
    ['a reset after the body was read', { reset: 'after' }],
    ['401', { status: 401 }],
    ['403', { status: 403 }],
    ['404', { status: 404 }],
    ['413', { status: 413 }],
    ['400', { status: 400 }],
    ['200 with a partial success', { body: '{"partialSuccess":{"rejectedSpans":"1"}}' }],
    ['200 with garbage', { body: '<html>' }],
    ['200, 3 bytes of a body, then close', { truncate: true }],
  ]
  test.each<[string, Answer | undefined]>([...faults, ['a name that does not resolve', undefined]])(
    '%s',
    async (_, answer) => {
      const [good, bad] = [await scripted(), await scripted(...(answer ? [answer] : []))]
      const healthy = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: good.url })
      const faulty = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: answer ? bad.url : 'http://nobody.invalid' })
      // The first request starts the isolate.
      for (const worker of [healthy, faulty]) await (await fetch(worker.url)).text()
      const [usual, faulted] = [await latency(healthy), await latency(faulty)]
      // A response that waited for the backend would take its 5 s, or the first backoff at least.
      expect(faulted).toBeLessThan(usual * 5 + 50)
      if (answer) await waitFor('a request to the backend', async () => (await bad.received()).length > 0)
    },
  )
})
