/** What a function answers, and how its runtime takes it, is as without us: on the client of today's runtimes and on that of runtimes up to Node.js 22, which have callbacks. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import {
  bundleFunction,
  type FunctionOptions,
  type Invoked,
  installOldRuntimeClient,
  type RunningFunction,
  startFunction,
} from '../support/lambda.ts'
import { installRuntimes } from '../support/runtimes.ts'

const backend = useBackend()
const started: RunningFunction[] = []
let module = ''

beforeAll(async () => {
  await Promise.all([installRuntimes(), installOldRuntimeClient()])
  module = await bundleFunction('test/fixtures/answers.ts')
}, 300_000)
afterEach(() => Promise.all(started.splice(0).map((running) => running.stop())))

async function start(handler: string, options: Partial<FunctionOptions> = {}): Promise<RunningFunction> {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url, ...options.env }
  const running = await startFunction({ timeoutMs: 20_000, ...options, handler: `${module}.${handler}`, env })
  started.push(running)
  return running
}

const sessions = (): readonly CollectedSession[] => backend.collector.store.list()
const said = ({ body, error, exited, timedOut }: Invoked): unknown => ({
  // The trace names files.
  body: error ? [error.errorType, error.errorMessage] : body,
  exited,
  timedOut,
})

describe.each(['up to Node.js 22', 'of today'])('a runtime %s', (runtime) => {
  const old = runtime === 'up to Node.js 22'

  test('sees of each wrapped handler what it sees of the handler', async () => {
    const { body } = await (await start('looks', { old })).invoke({})
    for (const [plain, ours] of JSON.parse(body)) expect(ours).toEqual(plain)
  })

  const names = [
    'settles',
    'throws',
    'calls back, too',
    'gives a promise',
    'gives a value',
    'gives nothing',
    'gives nothing, and works on',
    'throws at once',
    'calls back, by default',
    'calls back, by rest',
    'calls back at once',
    'calls back with an error',
    'calls back twice',
    'calls back, and does not wait',
    'succeeds',
    'fails',
    'is done',
    'is done with an error',
  ]
  test.each(names)('a handler that %s answers as it does without us', async (name) => {
    const [plain, ours] = await Promise.all(
      ['plain', 'ours'].map((group) => start(`${group}.${name.replace(/\W+/g, '_')}`, { old })),
    )
    for (let n = 1; n < 4; n++) {
      const event = { n }
      expect(said((await ours?.invoke(event)) as Invoked)).toEqual(said((await plain?.invoke(event)) as Invoked))
      // A thrown error goes at once: its session follows.
      if (name !== 'throws at once' || !old) expect(sessions()).toHaveLength(n)
    }
    expect(sessions().every(({ root }) => root)).toBe(true)
    expect(ours?.logs.filter((line) => line.includes('agentops'))).toEqual([])
  })

  test.each(['await', 'extension'])(
    'an async handler that never settles is reported as without us, and soon (%s)',
    async (flush) => {
      const env = { FLUSH: flush }
      const [plain, ours] = await Promise.all([
        start('plain.never_settles', { old }),
        start('ours.never_settles', { old, env }),
      ])
      const [expected, got] = await Promise.all([plain.invoke({ n: 1 }), ours.invoke({ n: 1 })])
      expect(said(got)).toEqual(said(expected))
      if (old) expect(got.error?.errorType).toBe('Runtime.NodeJsExit')
      else expect(got.exited).toBeDefined()
      expect(got.ms).toBeLessThan(15_000)
      // The environment goes on where it does without us.
      if (old) expect(said(await ours.invoke({ n: 2 }))).toEqual(said(await plain.invoke({ n: 2 })))
    },
  )

  test('a middleware that enters its session leaves nothing of it to the next invocation', async () => {
    const running = await start('chained', { old })
    for (let n = 1; n < 4; n++) expect((await running.invoke({ n })).body).toBe(`${n}`)
    expect(sessions()).toHaveLength(3)
    for (const { spans } of sessions()) {
      expect(spans.map(({ name }) => name).sort()).toEqual(['desk.session', 'step.tool'])
    }
  })
})

test('as an extension, an invocation that never comes to the wrapper leaves the environment free', async () => {
  const running = await start('warm', { env: { FLUSH: 'extension' } })
  for (let n = 0; n < 3; n++) {
    const { body, ms } = await running.invoke({ kind: 'ping' })
    expect(body).toBe('"pong"')
    expect(ms).toBeLessThan(10_000)
  }
  expect(sessions()).toEqual([])
  expect((await running.invoke({ n: 5 })).body).toBe('{"n":5}')
  expect(sessions()).toHaveLength(1)
})

test('as an extension, one that comes to it late waits for its delivery itself', async () => {
  const running = await start('slow', { env: { FLUSH: 'extension' } })
  for (let n = 1; n < 4; n++) {
    expect((await running.invoke({ n })).body).toBe(`{"n":${n}}`)
    expect(sessions()).toHaveLength(n)
  }
})
