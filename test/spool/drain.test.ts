/** What a consumer keeps, and for how long it works: SQS in Node, on Lambda's runtime client, and the queue of a real workerd. */
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { agentopsV2 } from '../../src/formats/index.ts'
import type { AgentOpsOptions, Drop } from '../../src/index.ts'
import { drainSpool, type SqsEvent } from '../../src/spool/index.ts'
import { bundleFunction, installRuntimeClient, startFunction } from '../support/lambda.ts'
import { bomb, message, otlpBody, plan } from '../support/messages.ts'
import type { Answer } from '../support/scripted.ts'
import { script, scripted } from '../support/scripted-client.ts'
import { acceptedOf, startSpoolWorker } from '../support/spool.ts'
import { waitFor } from '../support/wait.ts'

const KEY = '22222222-2222-4222-8222-222222222222'

beforeEach(() => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined)
})
afterEach(() => vi.restoreAllMocks())

const sqs = (...messages: unknown[]): SqsEvent => ({
  Records: messages.map((body, n) => ({ messageId: `m${n}`, body: JSON.stringify(body) })),
})
const failedOf = async (event: SqsEvent, options: AgentOpsOptions): Promise<string[]> =>
  (await drainSpool(event, options)).batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)

describe('a refusal that may end with a setting or an outage keeps the message', () => {
  test.each([401, 403, 404, 405, 408, 415, 429, 500, 503, 520, 522, 530])('%i', async (status) => {
    const backend = await scripted({ status })
    const drops: Drop[] = []
    const endpoint = `${backend.url}/v1/traces`
    const options: AgentOpsOptions = { endpoint, onDrop: (drop) => drops.push(drop) }
    const event = sqs(message(endpoint, 'a'), message(endpoint, 'b'))
    expect(await failedOf(event, options)).toEqual(['m0', 'm1'])
    // A destination that has failed is not asked again for the same event.
    expect(await backend.received()).toHaveLength(1)
    await script(backend.url, [{}])
    expect(await failedOf(event, options)).toEqual([])
    expect([...(await acceptedOf(backend)).values()].flat().sort()).toEqual(['a-0', 'a-1', 'b-0', 'b-1'])
    expect(drops).toEqual([])
  })

  test.each<[string, Answer]>([
    ['one 400', { status: 400 }],
    ['one 500', { status: 500 }],
    ['one 403', { status: 403 }],
    ['an answer without a token', { body: '{}' }],
  ])('%s of the token endpoint', async (_, answer) => {
    const backend = await scripted({})
    await script(`${backend.url}-auth`, [answer, {}])
    const drops: Drop[] = []
    const endpoint = `${backend.url}/v1/traces`
    const options: AgentOpsOptions = {
      ...{ apiKey: KEY, endpoint, apiEndpoint: backend.url },
      onDrop: (drop) => drops.push(drop),
    }
    const event = sqs(message(endpoint, 'a'))
    expect(await failedOf(event, options)).toEqual(['m0'])
    await waitFor('a token', async () => (await failedOf(event, options)).length === 0)
    expect([...(await acceptedOf(backend)).values()].flat()).toEqual(['a-0', 'a-1'])
    expect(drops).toEqual([])
  })

  test('a platform that allows no request any more', async () => {
    const backend = await scripted({})
    const endpoint = `${backend.url}/v1/traces`
    const drops: Drop[] = []
    const options: AgentOpsOptions = { endpoint, onDrop: (drop) => drops.push(drop) }
    const event = sqs(message(endpoint, 'a'), message(endpoint, 'b'))
    let left = 1
    const limited = (...request: Parameters<typeof fetch>): Promise<Response> =>
      left-- > 0 ? fetch(...request) : Promise.reject(new Error('Too many subrequests.'))
    expect(await failedOf(event, { ...options, fetch: limited })).toEqual(['m1'])
    expect(drops).toEqual([])
  })

  test.each([401, 403, 500, 503, 520, 522, 530])('AgentOps v2, %i', async (status) => {
    const backend = await scripted()
    const drops: Drop[] = []
    const all = async (answers: Answer[]): Promise<void> => {
      for (const endpoint of ['create_session', 'reauthorize_jwt', 'create_agent', 'create_events', 'update_session']) {
        await script(`${backend.url}-${endpoint}`, answers)
      }
    }
    await all([{ status }])
    const options: AgentOpsOptions = {
      ...{ apiKey: KEY, apiEndpoint: backend.url, format: agentopsV2 },
      onDrop: (drop) => drops.push(drop),
    }
    const event = sqs(message(new URL(backend.url).href, '', { format: 'agentops-v2', body: plan(1) }))
    expect(await failedOf(event, options)).toEqual(['m0'])
    await all([{}])
    const before = (await backend.received()).length
    expect(await failedOf(event, options)).toEqual([])
    const paths = (await backend.received()).slice(before).map(({ path }) => path.replace('/v2/', ''))
    expect(paths).toEqual(['create_session', 'create_agent', 'create_events', 'update_session'])
    expect(drops).toEqual([])
  })

  test.each([400, 413, 422])('%i does not: the span that is to blame is dropped alone', async (status) => {
    const backend = await scripted({ when: '-3', status }, {})
    const drops: Drop[] = []
    const endpoint = `${backend.url}/v1/traces`
    const event = sqs(message(endpoint, 'a', { spans: 8, body: otlpBody('a', 8) }))
    expect(await failedOf(event, { endpoint, onDrop: (drop) => drops.push(drop) })).toEqual([])
    expect(drops).toEqual([{ spans: 1, reason: 'rejected', error: expect.stringContaining(`${status}`) }])
    expect([...(await acceptedOf(backend)).values()].flat().sort()).toEqual([0, 1, 2, 4, 5, 6, 7].map((n) => `a-${n}`))
  })
})

test('375 KB that grow to 386 MB are refused alone', async () => {
  const backend = await scripted()
  const endpoint = `${backend.url}/v1/traces`
  const drops: Drop[] = []
  const event = sqs(message(endpoint, '', { body: bomb(386e6) }), message(endpoint, 'good'))
  expect(await failedOf(event, { endpoint, onDrop: (drop) => drops.push(drop) })).toEqual([])
  expect(drops).toMatchObject([{ error: expect.stringContaining('larger than 8388608 bytes') }])
  expect([...(await acceptedOf(backend)).values()].flat()).toEqual(['good-0', 'good-1'])
})

test('what has failed most often goes last: one message that the backend cannot take keeps no other from it', async () => {
  const backend = await scripted({ when: 'poison', status: 503 }, {})
  const endpoint = `${backend.url}/v1/traces`
  const event = sqs(message(endpoint, 'poison'), message(endpoint, 'a'), message(endpoint, 'b'))
  const counts = ['7', '1', '2']
  const Records = event.Records.map((record, n) => ({
    ...record,
    attributes: { ApproximateReceiveCount: counts[n] as string },
  }))
  expect(await failedOf({ Records }, { endpoint })).toEqual(['m0'])
  expect([...(await acceptedOf(backend)).values()].flat().sort()).toEqual(['a-0', 'a-1', 'b-0', 'b-1'])
})

test('a delay that throws is said, and the usual one is used', async () => {
  const backend = await scripted({ status: 503 })
  const endpoint = `${backend.url}/v1/traces`
  const delays: unknown[] = []
  const one = { body: message(endpoint, 'a'), attempts: 2, ack() {}, retry: (options: unknown) => delays.push(options) }
  const retryDelaySeconds = (): number => {
    throw new Error('mine')
  }
  expect(await drainSpool({ messages: [one] }, { endpoint, retryDelaySeconds })).toMatchObject({ spooled: 2 })
  expect(delays).toEqual([{ delaySeconds: 20 }])
})

describe('a drain ends inside its time', () => {
  /** Ten messages for two backends. */
  const mixed = (one: string, other: string): unknown[] =>
    Array.from({ length: 10 }, (_, n) => message(n % 2 ? other : one, `m${n}`))

  test('on Lambda’s runtime client: what it did not send fails, the function does not', async () => {
    await installRuntimeClient()
    const name = await bundleFunction('test/fixtures/drain-function.ts')
    const backend = await scripted({ hang: true })
    const endpoint = `${backend.url}/v1/traces`
    const timeoutMs = 3000
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint }
    const lambda = await startFunction({ handler: `${name}.handler`, env, timeoutMs })
    onTestFinished(() => lambda.stop())
    const event = sqs(...Array.from({ length: 10 }, (_, n) => message(endpoint, `m${n}`)))
    const hung = await lambda.invoke(event)
    expect(hung.timedOut).toBe(false)
    expect(hung.error).toBeUndefined()
    expect(JSON.parse(hung.body).batchItemFailures).toHaveLength(10)

    await script(backend.url, [{}])
    const done = await lambda.invoke(event)
    expect(JSON.parse(done.body)).toEqual({ batchItemFailures: [] })
    expect([...(await acceptedOf(backend)).values()].flat()).toHaveLength(20)
  })

  test('on Lambda’s runtime client: a backend that takes its time has what fits, the rest fails', async () => {
    await installRuntimeClient()
    const name = await bundleFunction('test/fixtures/drain-function.ts')
    const backend = await scripted({ delayMs: 700 })
    const endpoint = `${backend.url}/v1/traces`
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint }
    const lambda = await startFunction({ handler: `${name}.handler`, env, timeoutMs: 3000 })
    onTestFinished(() => lambda.stop())
    const event = sqs(...Array.from({ length: 10 }, (_, n) => message(endpoint, `m${n}`)))
    const { timedOut, body } = await lambda.invoke(event)
    expect(timedOut).toBe(false)
    const failed = JSON.parse(body).batchItemFailures.length
    expect(failed).toBeGreaterThanOrEqual(7)
    expect(failed).toBeLessThan(10)
  })

  test('in workerd: what it did not send is delivered again', async () => {
    const [hanging, slow] = [await scripted({ hang: true }), await scripted({ delayMs: 400 })]
    const [endpoint, second] = [`${hanging.url}/v1/traces`, `${slow.url}/v1/traces`]
    const worker = await startSpoolWorker({
      options: { endpoint, exporters: [{ endpoint: second }], flushDeadlineMs: 1500 },
    })
    await worker.put(mixed(second, endpoint))
    await waitFor('a drain', async () => (await worker.state()).drained.length > 0)
    const [first] = (await worker.state()).drained
    expect((first?.sent ?? 0) + (first?.spooled ?? 0)).toBe(20)
    expect(first?.sent).toBeLessThan(10)
    expect(first).toMatchObject({ dropped: 0, pending: 0, error: expect.stringContaining('time') })
    await script(hanging.url, [{}])
    await waitFor('all of them', async () => {
      const { drained } = await worker.state()
      return drained.reduce((sum, { sent }) => sum + sent, 0) >= 20
    })
    for (const backend of [hanging, slow]) {
      expect([...(await acceptedOf(backend)).values()].flat()).toHaveLength(10)
    }
    expect((await worker.state()).drainDrops).toEqual([])
  })
})
