/**
 * What a client waits longer for: the same Worker plain and instrumented, each with a healthy backend and one that takes
 * 5 s to answer, asked in turns by one client. Prints when the response began (p50, p90, p99) and ended, side by side, and the ratio of the
 * first p50 to plain.
 */
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { startWorker } from '../test/support/workerd.ts'

const { values } = parseArgs({ options: { requests: { type: 'string', default: '2000' } } })
const REQUESTS = Number(values.requests)
const WARM_UP = 200
const PATHS = ['/status?code=200', '/events', '/short-wait']

/** In a thread of its own: what it does must not keep the client from reading its answer. */
const SINK = `
  const { parentPort, workerData } = require('node:worker_threads')
  const server = require('node:http').createServer((request, response) => {
    request.resume().on('end', () => setTimeout(() => response.end('{}'), workerData))
  })
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))`

async function sink(delayMs: number): Promise<{ endpoint: string; thread: Worker }> {
  const thread = new Worker(SINK, { eval: true, workerData: delayMs })
  const [port] = await once(thread, 'message')
  return { endpoint: `http://127.0.0.1:${port}`, thread }
}

const [healthy, slow] = [await sink(0), await sink(5000)]
const start = (entry: string, { endpoint }: { endpoint: string }): ReturnType<typeof startWorker> =>
  startWorker({
    entry: `test/fixtures/lifetime-${entry}.ts`,
    bindings: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
  })
const workers = {
  plain: await start('plain', healthy),
  instrumented: await start('worker', healthy),
  'instrumented, slow backend': await start('worker', slow),
}

const at = (times: readonly number[], share: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? 0
const cell = (value: number): string => value.toFixed(2).padStart(9)
const titles = ['p50 ms', 'p90', 'p99', 'end p50'].map((title) => title.padStart(9)).join('')
console.log(`${'path'.padEnd(20)}${'worker'.padEnd(30)}${titles}${'p50/plain'.padStart(11)}`)
for (const path of PATHS) {
  const rows = Object.entries(workers).map(([name, { url }]) => ({
    name,
    url,
    first: [] as number[],
    last: [] as number[],
  }))
  for (let n = -WARM_UP; n < REQUESTS; n++) {
    for (const { url, first, last } of rows) {
      // One that came at once would wait for the export of the one before it, in the isolate's only thread.
      await new Promise((resolve) => setTimeout(resolve, 10))
      const started = performance.now()
      const response = await fetch(url + path)
      const headers = performance.now()
      await response.arrayBuffer()
      if (n < 0) continue
      first.push(headers - started)
      last.push(performance.now() - started)
    }
  }
  const plain = rows[0]
  for (const row of rows) {
    const ratio = (at(row.first, 0.5) / at(plain?.first ?? [], 0.5)).toFixed(2)
    const cells = [at(row.first, 0.5), at(row.first, 0.9), at(row.first, 0.99), at(row.last, 0.5)].map(cell).join('')
    console.log(path.padEnd(20) + row.name.padEnd(30) + cells + ratio.padStart(11))
  }
}
await Promise.all(Object.values(workers).map((worker) => worker.stop()))
await Promise.all([healthy, slow].map(({ thread }) => thread.terminate()))
