/** A backend that hangs for a while, with the deadline that Lambda has by default: each invocation beside the same one without us. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleFunction, installRuntimeClient, type RunningFunction, startFunction } from '../support/lambda.ts'
import { MoodyBackend } from '../support/moody.ts'

/** Of `buffered`: the root and two tools. */
const SPANS = 3
/** Other files run beside this one. */
const SLACK_MS = 1500

let module = ''
const ends: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  await installRuntimeClient()
  module = await bundleFunction('test/fixtures/functions.ts')
}, 300_000)
afterAll(() => Promise.all(ends.map((end) => end())))

async function start(env: Record<string, string>): Promise<RunningFunction> {
  const running = await startFunction({ handler: `${module}.buffered`, env, timeoutMs: 60_000 })
  ends.push(() => running.stop())
  return running
}

async function open(): Promise<MoodyBackend> {
  const backend = new MoodyBackend()
  await backend.open()
  ends.push(() => backend.close())
  return backend
}

test('nine invocations wait 3 s each, and the tenth, with the backend back, brings the spans of all', async () => {
  const backend = await open()
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.url }
  const [plain, running] = await Promise.all([start({ ...env, OTEL_SDK_DISABLED: 'true' }), start(env)])
  backend.mood = 'hang'
  for (let n = 0; n < 9; n++) {
    const without = await plain.invoke({ n })
    const { ms, error } = await running.invoke({ n })
    expect(error).toBeUndefined()
    expect(ms - without.ms).toBeLessThan(3200 + SLACK_MS)
  }
  backend.mood = 'up'
  await running.invoke({ n: 9 })
  expect(backend.arrived).toEqual({ spans: 10 * SPANS, copies: 0 })
})

test('an extension holds no answer, however the backend hangs', async () => {
  const backend = await open()
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.url }
  const [plain, running] = await Promise.all([
    start({ ...env, OTEL_SDK_DISABLED: 'true' }),
    start({ ...env, FLUSH: 'extension' }),
  ])
  backend.mood = 'hang'
  for (let n = 0; n < 3; n++) {
    const without = await plain.invoke({ n })
    const { responseMs } = await running.invoke({ n })
    expect(responseMs - without.responseMs).toBeLessThan(200 + SLACK_MS)
  }
  backend.mood = 'up'
  await running.invoke({ n: 3 })
  expect(backend.arrived).toEqual({ spans: 4 * SPANS, copies: 0 })
})
