/** Invocations whose handler does not come to its end: what is known of them arrives before the process ends, and it ends as without us. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import {
  bundleFunction,
  type FunctionOptions,
  type Invoked,
  installOldRuntimeClient,
  type RunningFunction,
  startFunction,
} from '../support/lambda.ts'
import { installRuntimes } from '../support/runtimes.ts'
import { waitFor } from '../support/wait.ts'

const backend = useBackend()
const started: RunningFunction[] = []
let module = ''

beforeAll(async () => {
  await Promise.all([installRuntimes(), installOldRuntimeClient()])
  module = await bundleFunction('test/fixtures/unfinished.ts')
}, 300_000)
afterEach(() => Promise.all(started.splice(0).map((running) => running.stop())))

async function start(handler: string, options: Partial<FunctionOptions> = {}): Promise<RunningFunction> {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url, ...options.env }
  const running = await startFunction({ timeoutMs: 20_000, ...options, handler: `${module}.${handler}`, env })
  started.push(running)
  return running
}

const sessions = (): readonly CollectedSession[] => backend.collector.store.list()
const endOf = (session: CollectedSession | undefined): unknown[] => [
  session?.root?.attributes['agentops.session.end_state'],
  session?.root?.attributes['agentops.session.end_state_reason'],
  session?.root?.attributes['error.type'],
  session?.root?.status.code,
]
/** Where it stands, and the exit's own words, are the runtime's. */
const said = ({ body, error, exited, timedOut }: Invoked): unknown => ({
  body: error ? [error.errorType, error.errorMessage] : body,
  exited,
  timedOut,
})

describe.each(['await', 'extension'])('with %s', (flush) => {
  const env = { FLUSH: flush }

  test('a function that times out has sent its root, and what ran is incomplete', async () => {
    const running = await start('ours.runs', { timeoutMs: 2000, env })
    expect((await running.invoke({ ms: 60_000 })).timedOut).toBe(true)
    const [session] = sessions()
    const reason = expect.stringMatching(
      /^timed out: the handler still ran 250 ms before the end of its (19|20)\d\d ms$/,
    )
    expect(endOf(session)).toEqual(['Fail', reason, 'timeout', 2])
    expect(session?.spans.map(({ name }) => name).sort()).toEqual(['desk.session', 'slow.tool', 'step.tool'])
    expect(named(session?.spans ?? [], 'slow.tool').attributes['agentops.incomplete']).toBe(true)
    expect(named(session?.spans ?? [], 'step.tool').attributes).not.toHaveProperty('agentops.incomplete')
  })

  test('one that ends before that is as ever, again and again', async () => {
    const running = await start('ours.runs', { timeoutMs: 2000, env })
    for (let n = 1; n < 4; n++) {
      expect(said(await running.invoke({ ms: 10 }))).toEqual({ body: '"in time"', timedOut: false })
      expect(endOf(sessions()[n - 1])).toEqual(['Success', undefined, undefined, 1])
    }
  })

  test('one that ends between that and its time answers', async () => {
    const running = await start('ours.runs', { timeoutMs: 2000, env })
    expect(said(await running.invoke({ ms: 1830 }))).toEqual({ body: '"in time"', timedOut: false })
    expect(endOf(sessions()[0])[0]).toBe('Fail')
    expect(said(await running.invoke({ ms: 10 }))).toEqual({ body: '"in time"', timedOut: false })
    expect(endOf(sessions()[1])).toEqual(['Success', undefined, undefined, 1])
  })

  test.each([
    ['unsettled', 'the handler never settled, and nothing was left to wait for', 'unsettled', 'never.tool'],
    ['rejects', 'nobody handles it', 'RangeError', 'floating.tool'],
    ['throws', 'nobody catches it', 'RangeError', undefined],
  ])('one that %s ends its process as without us, when its session has been sent', async (name, reason, type, open) => {
    const [without, running] = await Promise.all([start(`plain.${name}`), start(`ours.${name}`, { env })])
    const [expected, got] = await Promise.all([without.invoke({}), running.invoke({})])
    expect(got.exited).toBeDefined()
    expect(said(got)).toEqual(said(expected))
    const lines = (logs: string[]): string[] => logs.filter((line) => /^\w*Error:|Invoke Error/.test(line))
    expect(lines(running.logs)).toEqual(lines(without.logs))
    const [session] = sessions()
    expect(endOf(session)).toEqual(['Fail', reason, type, 2])
    expect(session?.spans.map(({ name }) => name)).toContain('step.tool')
    if (open) expect(session?.spans.map(({ name }) => name)).toContain(open)
  })
})

test('a backend that hangs holds a process that ends by an error for its time at most', async () => {
  const { createServer } = await import('node:http')
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` }
  try {
    const { exited, ms } = await (await start('ours.throws', { env })).invoke({})
    expect(exited).toBe(1)
    expect(ms).toBeLessThan(10_000)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

describe('a runtime up to Node.js 22', () => {
  test('goes on behind a handler that never settled, and its session has arrived by then', async () => {
    const [without, running] = await Promise.all([
      start('plain.unsettled', { old: true }),
      start('ours.unsettled', { old: true }),
    ])
    expect(said(await running.invoke({}))).toEqual(said(await without.invoke({})))
    await running.invoke({})
    await waitFor('the first', () => sessions()[0]?.root)
    expect(endOf(sessions()[0])[0]).toBe('Fail')
  })
})

describe('a runtime up to Node.js 22 that reports', () => {
  test.each(['rejects', 'throws'])('what a handler %s does so when its session has arrived', async (name) => {
    const [without, running] = await Promise.all([
      start(`plain.${name}`, { old: true }),
      start(`ours.${name}`, { old: true }),
    ])
    const [expected, got] = await Promise.all([without.invoke({}), running.invoke({})])
    expect(said(got)).toEqual(said(expected))
    expect(endOf(sessions()[0]).slice(0, 3)).toEqual(['Fail', expect.stringContaining('nobody'), 'RangeError'])
  })
})

describe('middy, whose other middleware answers an error', () => {
  test.each([
    [{ statusCode: 404, body: 'no' }, ['Success', 404], undefined],
    [{ statusCode: 503, body: 'no' }, ['Fail', 503], 'RangeError'],
  ])('with %j, is judged by that', async (answer, expected, error) => {
    const requestContext = { http: { method: 'GET', path: '/', protocol: 'HTTP/1.1' } }
    await (await start('handled')).invoke({ rawPath: '/', requestContext, answer })
    const { attributes } = sessions()[0]?.root ?? {}
    expect([attributes?.['agentops.session.end_state'], attributes?.['http.response.status_code']]).toEqual(expected)
    expect(attributes?.['error.type']).toBe(error)
  })

  test('with the failures of a batch, is judged by them', async () => {
    const Records = ['a', 'b'].map((messageId) => ({
      messageId,
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:eu-central-1:123456789012:jobs',
    }))
    const answer = { batchItemFailures: [{ itemIdentifier: 'b' }] }
    expect(JSON.parse((await (await start('handled')).invoke({ Records, answer })).body)).toEqual(answer)
    const outcomes = sessions()[0]?.spans.flatMap(({ attributes }) => attributes['agentops.message.outcome'] ?? [])
    expect(outcomes?.sort()).toEqual(['ack', 'retry'])
    expect(endOf(sessions()[0]).slice(0, 2)).toEqual(['Fail', '1 of 2 messages are delivered again'])
  })
})

test('by hand, a session is one request', async () => {
  const running = await start('byHand')
  for (let n = 1; n < 4; n++) {
    expect(JSON.parse((await running.invoke({})).body)).toMatchObject({ sent: 2, pending: 0 })
    expect(backend.requests).toHaveLength(n)
    expect(endOf(sessions()[n - 1])[0]).toBe('Success')
  }
})

test('Node’s fetch is not loaded before something is sent, and never when disabled', async () => {
  expect((await (await start('ours.loaded')).invoke({})).body).toBe('[]')
  const disabled = await start('ours.loaded', { env: { DISABLED: '1' } })
  for (let n = 0; n < 3; n++) expect((await disabled.invoke({})).body).toBe('[]')
  expect((await (await start('plain.loaded')).invoke({})).body).toBe('[]')
})
