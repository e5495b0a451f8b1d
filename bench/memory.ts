/**
 * What a request leaves behind: 20,000 requests through one isolate of workerd, the heap read through the inspector after
 * a garbage collection. Each case runs in an isolate of its own; `plain` is the same Worker without us. Fails where a
 * request retains 64 bytes or more. `--requests 2000` for a shorter run, `--case plain`
 * for one case alone.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { startWorker } from '../test/support/workerd.ts'

const { values } = parseArgs({ options: { requests: { type: 'string', default: '20000' }, case: { type: 'string' } } })
const REQUESTS = Number(values.requests)
const WARM_UP = Math.min(REQUESTS, 5000)
const AT_ONCE = 20
const LIMIT_BYTES = 64

const CASES: [name: string, entry: string, path: string, requestsPerCall?: number][] = [
  ['plain', 'plain', '/status?code=200'],
  ['a response of known length', 'worker', '/status?code=200'],
  ['a stream with an event', 'worker', '/events'],
  ['work in waitUntil', 'worker', '/short-wait'],
  ['one context for 1,000 calls', 'worker', '/reuse?calls=1000&path=/status?code=200', 1000],
]

/** Takes every export and keeps nothing. */
let lastExport = 0
const sink = createServer((request, response) => {
  lastExport = Date.now()
  request.resume().on('end', () => response.end('{}'))
}).listen(0, '127.0.0.1')
await new Promise((resolve) => sink.once('listening', resolve))
const endpoint = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`

let failed = false
console.log(`${'case'.padEnd(32)}${'heap before'.padStart(14)}${'heap after'.padStart(14)}${'a request'.padStart(12)}`)
for (const [name, entry, path, requestsPerCall = 1] of CASES) {
  if (values.case && values.case !== name) continue
  const worker = await startWorker({
    entry: `test/fixtures/lifetime-${entry}.ts`,
    bindings: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
    inspect: true,
  })
  const call = async (times: number): Promise<void> => {
    let left = times / requestsPerCall
    const one = async (): Promise<void> => {
      while (left-- > 0) await (await fetch(worker.url + path)).arrayBuffer()
    }
    await Promise.all(Array.from({ length: requestsPerCall > 1 ? 1 : AT_ONCE }, one))
    // What is under way after the last response.
    do await new Promise((resolve) => setTimeout(resolve, 1000))
    while (Date.now() - lastExport < 1000)
  }
  await call(WARM_UP)
  const before = await worker.heapUsed()
  await call(REQUESTS)
  const after = await worker.heapUsed()
  const each = (after - before) / REQUESTS
  failed ||= each >= LIMIT_BYTES
  const cells = [`${before}`.padStart(14), `${after}`.padStart(14), `${each.toFixed(1)} B`.padStart(12)]
  console.log(name.padEnd(32) + cells.join('') + (each >= LIMIT_BYTES ? '  OVER' : ''))
  await worker.stop()
}
sink.close()
if (failed) {
  console.log(`A request retains ${LIMIT_BYTES} bytes or more.`)
  process.exitCode = 1
}
