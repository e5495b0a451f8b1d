/** Backends that hang, refuse, and come back, beside a function on the real runtime client that is frozen in between. */
import { createSocket, type Socket } from 'node:dgram'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  bundleFunction,
  type FunctionOptions,
  installRuntimeClient,
  type RunningFunction,
  startFunction,
} from '../support/lambda.ts'
import { MoodyBackend } from '../support/moody.ts'

/** Of `buffered`: the root and two tools. */
const SPANS = 3
/** A busy machine. */
const SLACK_MS = 400

let module = ''
let backend: MoodyBackend
const started: RunningFunction[] = []

beforeAll(async () => {
  await installRuntimeClient()
  module = await bundleFunction('test/fixtures/functions.ts')
}, 300_000)
beforeEach(async () => {
  backend = new MoodyBackend()
  await backend.open()
})
afterEach(async () => {
  await Promise.all(started.splice(0).map((running) => running.stop()))
  await backend.close()
})

async function start(handler: string, options: Partial<FunctionOptions> = {}): Promise<RunningFunction> {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.url, ...options.env }
  const running = await startFunction({ timeoutMs: 60_000, ...options, handler: `${module}.${handler}`, env })
  started.push(running)
  return running
}

describe('a backend that hangs', () => {
  test('holds an answer 3 s, and what is left goes with the next invocation', async () => {
    const plain = await start('buffered', { env: { OTEL_SDK_DISABLED: 'true' } })
    const running = await start('buffered')
    backend.mood = 'hang'
    for (let n = 0; n < 2; n++) {
      const without = await plain.invoke({ n })
      const { ms, error } = await running.invoke({ n })
      expect(error).toBeUndefined()
      expect(ms - without.ms).toBeLessThan(3200 + SLACK_MS)
    }
    backend.mood = 'up'
    const { ms } = await running.invoke({ n: 2 })
    expect(ms).toBeLessThan(1000 + SLACK_MS)
    expect(backend.arrived).toEqual({ spans: 3 * SPANS, copies: 0 })
  })

  test('keeps to a deadline that the user has named, ten times in a row', async () => {
    const running = await start('buffered', { env: { DEADLINE: '300' } })
    backend.mood = 'hang'
    for (let n = 0; n < 9; n++) expect((await running.invoke({ n })).ms).toBeLessThan(500 + SLACK_MS)
    backend.mood = 'up'
    await running.invoke({ n: 9 })
    await running.invoke({ n: 10 })
    expect(backend.arrived).toEqual({ spans: 11 * SPANS, copies: 0 })
  })
})

test('who flushes by hand and then ends waits once in all', async () => {
  const running = await start('unwrapped', { env: { DEADLINE: '1500' } })
  backend.mood = 'hang'
  const { ms, body } = await running.invoke({ n: 0 })
  expect(JSON.parse(body)).toMatchObject({ sent: 0, pending: 1 })
  expect(ms).toBeGreaterThan(1400)
  expect(ms).toBeLessThan(1800 + SLACK_MS)
  backend.mood = 'up'
  await running.invoke({ n: 1 })
  expect(backend.arrived).toEqual({ spans: 4, copies: 0 })
})

test('a refused connection costs its retries once, then nothing much', async () => {
  const running = await start('buffered')
  await backend.close()
  expect((await running.invoke({ n: 0 })).ms).toBeLessThan(3200 + SLACK_MS)
  for (let n = 1; n < 9; n++) expect((await running.invoke({ n })).ms).toBeLessThan(100 + SLACK_MS)
  await backend.open()
  await running.invoke({ n: 9 })
  expect(backend.arrived).toEqual({ spans: 10 * SPANS, copies: 0 })
})

test('a backend that says when it may be asked again is not asked before', async () => {
  const running = await start('buffered')
  backend.mood = 'refuse'
  backend.retryAfter = '30'
  for (let n = 0; n < 5; n++) expect((await running.invoke({ n })).ms).toBeLessThan(500 + SLACK_MS)
  expect(backend.paths).toHaveLength(1)
})

test('a connection that died in silence during the freeze costs a quarter of a second', async () => {
  const running = await start('buffered')
  for (let n = 1; n < 3; n++) {
    await running.invoke({ n })
    await sleep(1200)
    expect(backend.killSockets()).toBeGreaterThan(0)
    const { ms } = await running.invoke({ n })
    expect(ms).toBeGreaterThan(240)
    expect(ms).toBeLessThan(750 + SLACK_MS)
    expect(backend.arrived).toEqual({ spans: n * 2 * SPANS, copies: 0 })
  }
  expect(running.logs).toEqual([])
})

test('a slow backend is sent each span once, however long the freeze', async () => {
  const running = await start('buffered')
  backend.delayMs = 400
  await running.invoke({ n: 0 })
  await sleep(1200)
  await running.invoke({ n: 1 })
  expect(backend.paths).toHaveLength(2)
  expect(backend.arrived).toEqual({ spans: 2 * SPANS, copies: 0 })
})

test('an answer that came while the function held the thread is one, however late it is seen', async () => {
  const running = await start('buffered', { env: { DEADLINE: '300' } })
  backend.delayMs = 100
  // What has finished goes out after a second.
  await running.invoke({ n: 0, delay: 1050, cpuMs: 600 })
  expect(backend.paths).toHaveLength(2)
  expect(backend.arrived).toEqual({ spans: SPANS, copies: 0 })
})

test('at the shutdown of the environment there is one last try', async () => {
  const running = await start('buffered', { env: { FLUSH: 'extension', DEADLINE: '300' } })
  backend.mood = 'hang'
  for (let n = 0; n < 3; n++) await running.invoke({ n })
  backend.mood = 'up'
  expect(await running.shutdown()).toEqual({ code: null, signal: 'SIGTERM' })
  expect(backend.arrived).toEqual({ spans: 3 * SPANS, copies: 0 })
})

test('a shutdown while the backend hangs is soon over', async () => {
  const running = await start('buffered', { env: { DEADLINE: '300' } })
  backend.mood = 'hang'
  await running.invoke({ n: 0 })
  const asked = backend.paths.length
  expect(await running.shutdown()).toEqual({ code: null, signal: 'SIGTERM' })
  expect(backend.paths.length - asked).toBe(1)
})

describe('a batch of 10,000 records', () => {
  const Records = Array.from({ length: 10_000 }, (_, n) => ({
    messageId: `m${n}`,
    body: 'good',
    attributes: {},
    messageAttributes: {},
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:eu-central-1:123456789012:jobs',
  }))

  // However slow the backend is: who has no time for another round trip leaves the rest, and sends nothing twice.
  test.each([0, 100, 250, 400])(
    'is sent as a whole, each span once, by a backend that takes %i ms',
    async (delayMs) => {
      const running = await start('buffered')
      backend.delayMs = delayMs
      await running.invoke({ Records })
      // What the first had no time for.
      for (let n = 1; n < 9 && backend.arrived.spans < 10_000 + n * SPANS; n++) await running.invoke({ n })
      expect(backend.names.filter((name) => name === 'process jobs')).toHaveLength(10_000)
      expect(backend.arrived.copies).toBe(0)
      expect(running.logs.filter((line) => !/^pending|go with the next request/.test(line))).toEqual([])
    },
  )
})

describe('managed instances, with the number of workers that the runtime client has by default', () => {
  const managed = { AWS_LAMBDA_MAX_CONCURRENCY: '8' }
  let names: Socket
  const asked: string[] = []
  /** Answers each question with this machine's address, IPv4 only. */
  beforeAll(async () => {
    names = createSocket('udp4')
    names.on('message', (question, { port, address }) => {
      const end = question.indexOf(0, 12)
      asked.push(
        question
          .subarray(13, end)
          .toString('latin1')
          .replace(/[^a-z]/g, '.'),
      )
      const isIpv4 = question.readUInt16BE(end + 1) === 1
      const answer = Buffer.from('c00c000100010000003c00047f000001', 'hex')
      const head = Buffer.from(question.subarray(0, end + 5))
      head.writeUInt16BE(0x8180, 2)
      head.writeUInt16BE(isIpv4 ? 1 : 0, 6)
      head.writeUInt32BE(0, 8)
      names.send(isIpv4 ? Buffer.concat([head, answer]) : head, port, address)
    })
    await new Promise<void>((resolve) => names.bind(0, '127.0.0.1', resolve))
  })
  afterAll(() => new Promise<void>((resolve) => names.close(() => resolve())))

  test.each(['localhost', 'traces.example.com'])('8 at once are delivered, to %s', async (host) => {
    asked.length = 0
    const OTEL_EXPORTER_OTLP_ENDPOINT = backend.url.replace('127.0.0.1', host)
    const env = { ...managed, OTEL_EXPORTER_OTLP_ENDPOINT, DNS: `127.0.0.1:${names.address().port}` }
    const running = await start('buffered', { env, freeze: false })
    for (let round = 1; round < 4; round++) {
      const all = await Promise.all(Array.from({ length: 8 }, (_, n) => running.invoke({ n, delay: 50 })))
      expect(all.map(({ error, timedOut }) => ({ error, timedOut }))).toEqual(Array(8).fill({ timedOut: false }))
      expect(backend.arrived).toEqual({ spans: round * 8 * SPANS, copies: 0 })
      for (const { ms } of all) expect(ms).toBeLessThan(2000 + SLACK_MS)
    }
    expect(backend.encodings).toContain('gzip')
    expect(running.logs).toEqual([])
    if (host !== 'localhost') expect(asked).toContain('traces.example.com')
  })

  test('what an outage left goes with the next invocation', async () => {
    const env = { ...managed, AWS_LAMBDA_NODEJS_WORKER_COUNT: '1', DEADLINE: '300' }
    const running = await start('buffered', { env, freeze: false })
    backend.mood = 'hang'
    await running.invoke({ n: 0 })
    backend.mood = 'up'
    await running.invoke({ n: 1 })
    expect(backend.arrived).toEqual({ spans: 2 * SPANS, copies: 0 })
  })
})
