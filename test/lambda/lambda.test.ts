import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { withAgentOps } from '../../src/lambda/index.ts'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import {
  ARN,
  bundleFunction,
  type FunctionOptions,
  installRuntimeClient,
  type RunningFunction,
  startFunction,
} from '../support/lambda.ts'
import { waitFor } from '../support/wait.ts'

const backend = useBackend()
let module = ''
const started: RunningFunction[] = []

beforeAll(async () => {
  await installRuntimeClient()
  module = await bundleFunction('test/fixtures/functions.ts')
}, 300_000)
afterEach(() => Promise.all(started.splice(0).map((running) => running.stop())))

async function start(handler: string, options: Partial<FunctionOptions> = {}): Promise<RunningFunction> {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url, ...options.env }
  const running = await startFunction({ ...options, handler: `${module}.${handler}`, env })
  started.push(running)
  return running
}

/** Without waiting: what is not here when the process is frozen is lost. */
const sessions = (): readonly CollectedSession[] => backend.collector.store.list()
const rootOf = (): Record<string, unknown> => {
  expect(sessions()).toHaveLength(1)
  return { name: sessions()[0]?.root?.name, kind: sessions()[0]?.root?.kind, ...sessions()[0]?.root?.attributes }
}

const sqsRecord = (id: string, body: string, more: object = {}): object => ({
  messageId: id,
  body,
  attributes: { ApproximateReceiveCount: '2' },
  messageAttributes: {},
  eventSource: 'aws:sqs',
  eventSourceARN: 'arn:aws:sqs:eu-central-1:123456789012:jobs',
  ...more,
})
const v2 = (rawPath: string, more: object = {}): object => ({
  version: '2.0',
  routeKey: 'GET /items/{id}',
  rawPath,
  rawQueryString: 'secret=1',
  headers: { Host: 'api.example.com', 'x-forwarded-proto': 'https', 'x-forwarded-port': '443' },
  requestContext: { domainName: 'api.example.com', http: { method: 'GET', path: rawPath, protocol: 'HTTP/1.1' } },
  ...more,
})

describe('frozen the moment the response is complete', () => {
  const COUNT = 200
  const forms: Record<string, [handler: string, event: (n: number) => unknown, spans: number]> = {
    async: ['buffered', (n) => ({ n }), 3],
    throwing: ['throwing', (n) => ({ n }), 2],
    streaming: ['streaming', (n) => ({ n }), 2],
    'streaming, wrapped inside': ['inner', (n) => ({ n }), 2],
    'SQS with partial failures': [
      'sqs',
      (n) => ({ Records: [sqsRecord(`a${n}`, 'good'), sqsRecord(`b${n}`, 'bad'), sqsRecord(`c${n}`, 'good')] }),
      7,
    ],
    'API Gateway v2': ['api', () => v2('/items/1'), 2],
    'middy, a third of them answered early': ['withMiddy', (n) => ({ n: (n % 3) * 3 + (n % 3 ? 0 : 1) }), 0],
    'by hand': ['unwrapped', (n) => ({ n }), 2],
  }
  test.each(Object.keys(forms))(`${COUNT} invocations lose no span: %s`, async (form) => {
    const [handler, event, spans] = forms[form] as (typeof forms)[string]
    const running = await start(handler)
    for (let n = 0; n < COUNT; n++) {
      const { timedOut, error } = await running.invoke(event(n))
      expect(running.frozen).toBe(true)
      expect({ timedOut, failed: !!error }).toEqual({ timedOut: false, failed: form === 'throwing' })
      const arrived = sessions().at(-1)
      expect(arrived?.root?.attributes['faas.coldstart'] ?? (form === 'by hand' ? n === 0 : undefined), `${n}`).toBe(
        n === 0,
      )
      if (spans) expect(sessions().reduce((sum, found) => sum + found.spans.length, 0)).toBe(spans * (n + 1))
    }
    expect(sessions()).toHaveLength(COUNT)
    expect(sessions().every(({ root }) => root)).toBe(true)
    const steps = sessions().filter((session) => session.spans.some(({ name }) => name === 'step.tool'))
    // The first of each three is answered by a middleware.
    if (handler === 'withMiddy') expect(steps).toHaveLength(COUNT - Math.ceil(COUNT / 3))
    expect(running.logs.filter((line) => !line.startsWith('Invoke Error'))).toEqual([])
  })

  test('200 invocations as an extension: the response goes first, and no span is lost', async () => {
    const running = await start('buffered', { env: { FLUSH: 'extension' } })
    for (let n = 0; n < COUNT; n++) {
      expect(await running.invoke({ n })).toMatchObject({ timedOut: false, error: undefined })
      expect(sessions().reduce((sum, { spans }) => sum + spans.length, 0)).toBe(3 * (n + 1))
    }
    expect(running.logs).toEqual(['extension true'])
  })

  test('what trusts a timer is lost: the freeze is one', async () => {
    const running = await start('forgetful')
    await running.invoke({ n: 1 })
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(sessions()).toEqual([])
  })
})

describe('a backend that', () => {
  let server: Server
  let held: unknown[] = []
  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url?.startsWith('/hang')) held.push(response)
      else setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'), 400)
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  const at = (path: string): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`

  test.each(['await', 'extension'])(
    'hangs never makes a function time out, and what is left is said: %s',
    async (flush) => {
      held = []
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: at('/hang'), ...(flush === 'extension' && { FLUSH: flush }) }
      const running = await start('buffered', { env, timeoutMs: 1500 })
      for (let n = 0; n < 3; n++)
        expect(await running.invoke({ n })).toMatchObject({ timedOut: false, error: undefined })
      expect(held.length).toBeGreaterThan(0)
      expect(running.logs.filter((line) => line === 'pending 3')).toHaveLength(3)
    },
  )

  test('hangs, with next to no time left', async () => {
    const running = await start('buffered', { env: { OTEL_EXPORTER_OTLP_ENDPOINT: at('/hang') }, timeoutMs: 1500 })
    for (const delay of [1200, 1300, 1350]) {
      expect(await running.invoke({ n: 1, delay })).toMatchObject({ timedOut: false, error: undefined })
    }
    // What an invocation had no time to say is said when the process goes on.
    await running.invoke({ n: 1 })
    await waitFor('four sessions', () => running.logs.filter((line) => line === 'pending 3').length >= 4)
  })

  test('is dead costs an invocation its deadline at most, and what is left is said', async () => {
    const running = await start('buffered', {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
      timeoutMs: 1500,
    })
    for (let n = 0; n < 3; n++) expect(await running.invoke({ n })).toMatchObject({ timedOut: false, error: undefined })
    expect(running.logs.filter((line) => line === 'pending 3')).toHaveLength(3)
  })

  test('hangs costs a session of one’s own its time at most', async () => {
    const running = await start('unwrapped', { env: { OTEL_EXPORTER_OTLP_ENDPOINT: at('/hang') }, timeoutMs: 1500 })
    const { timedOut, body } = await running.invoke({ n: 1 })
    expect({ timedOut, ...JSON.parse(body) }).toMatchObject({ timedOut: false, sent: 0, pending: 2 })
  })

  test('is slow keeps the response back in "await", not as an extension', async () => {
    const slow = { OTEL_EXPORTER_OTLP_ENDPOINT: at('/slow') }
    const running = await start('buffered', { env: slow })
    const extended = await start('buffered', { env: { ...slow, FLUSH: 'extension' } })
    for (const each of [running, extended]) await each.invoke({ n: 0 })
    const waited = (await running.invoke({ n: 1 })).chunks[0]
    const first = (await extended.invoke({ n: 1 })).chunks[0]
    expect(waited).toBeGreaterThanOrEqual(390)
    expect(first).toBeLessThan(390)
    expect(extended.logs).toEqual(['extension true'])
  })
})

test('an extension does not hold an invocation that asks for "await"', async () => {
  const running = await start('buffered', { env: { FLUSH: 'extension', MIXED: '1' }, timeoutMs: 20_000 })
  const { responseMs, ms } = await running.invoke({ n: 1 })
  expect([running.logs, sessions().length]).toEqual([['extension true'], 1])
  expect(ms).toBeLessThan(10_000)
  expect(responseMs).toBeLessThanOrEqual(ms)
})

test('an extension that comes too late says so, and the response waits', async () => {
  const late = await start('buffered', { env: { FLUSH: 'extension', LATE: '1' } })
  for (let n = 0; n < 3; n++) expect(await late.invoke({ n })).toMatchObject({ error: undefined })
  expect(sessions()).toHaveLength(3)
  expect(late.logs).toHaveLength(1)
  expect(late.logs[0]).toMatch(/flush: 'extension' is not possible here.*await extensionReady.*403/)
  const env = { FLUSH: 'extension', AWS_LAMBDA_MAX_CONCURRENCY: '2', AWS_LAMBDA_NODEJS_WORKER_COUNT: '1' }
  const managed = await start('buffered', { env, freeze: false })
  expect(await managed.invoke({ n: 1 })).toMatchObject({ error: undefined })
  expect(managed.logs.join()).toContain("flush: 'extension' is not possible on managed instances")
  expect(sessions()).toHaveLength(4)
})

test('two invocations at once in one process stay apart', async () => {
  const env = { AWS_LAMBDA_MAX_CONCURRENCY: '2', AWS_LAMBDA_NODEJS_WORKER_COUNT: '1' }
  const running = await start('buffered', { env, freeze: false })
  const asked = [1, 2].map((n) => running.invoke({ n, delay: 200 }))
  const answers = (await Promise.all(asked)).map(({ body }) => JSON.parse(body) as { session: string; next: number })
  expect(answers.map(({ next }) => next)).toEqual([2, 3])
  expect(new Set(answers.map(({ session }) => session)).size).toBe(2)
  expect(sessions()).toHaveLength(2)
  for (const { session, next } of answers) {
    const found = sessions().find(({ id }) => id === session)
    expect(found?.spans.map(({ name }) => name).sort()).toEqual(['desk.session', 'second.tool', 'step.tool'])
    expect(named(found?.spans ?? [], 'step.tool').attributes['tool.parameters']).toBe(`{"n":${next - 1}}`)
  }
})

test('what was returned, thrown and streamed is as the handler made it', async () => {
  const [throwing, streaming, plain] = [await start('throwing'), await start('streaming'), await start('api')]
  expect((await throwing.invoke({ n: 4 })).error).toMatchObject({ errorType: 'RangeError', errorMessage: 'no 4' })
  expect((await streaming.invoke({ n: 4 })).body.split('\0'.repeat(8))).toEqual([
    '{"statusCode":201,"headers":{}}',
    'one two',
  ])
  expect((await plain.invoke(v2('/plain'))).body).toBe('{"ok":true}')
})

describe('a session says what started it', () => {
  const W3C = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

  test('an invocation, with the function as its resource', async () => {
    const running = await start('buffered')
    await running.invoke({ n: 1 }, { arn: `${ARN}:live` })
    expect(rootOf()).toMatchObject({
      name: 'desk.session',
      'faas.trigger': 'other',
      'faas.invocation_id': '00000000-0000-4000-8000-000000000001',
      'faas.coldstart': true,
      'cloud.resource_id': `${ARN}:7`,
      'aws.lambda.invoked_arn': `${ARN}:live`,
      'cloud.account.id': '123456789012',
      'agentops.session.end_state': 'Success',
    })
    expect(sessions()[0]?.root?.resource).toMatchObject({
      'service.name': 'desk',
      'cloud.provider': 'aws',
      'cloud.platform': 'aws_lambda',
      'cloud.region': 'eu-central-1',
      'faas.name': 'desk',
      'faas.version': '7',
      'faas.max_memory': 536_870_912,
    })
  })

  test('API Gateway v2, continued from a header in mixed case', async () => {
    const running = await start('api')
    await running.invoke(v2('/items/1', { headers: { TraceParent: W3C, host: 'api.example.com' } }))
    expect(rootOf()).toMatchObject({
      name: 'GET /items/{id}.session',
      'faas.trigger': 'http',
      'http.request.method': 'GET',
      'http.route': '/items/{id}',
      'http.response.status_code': 200,
      'url.path': '/items/1',
      'server.address': 'api.example.com',
      'network.protocol.version': '1.1',
    })
    expect(sessions()[0]?.root).toMatchObject({ traceId: W3C.slice(3, 35), parentSpanId: W3C.slice(36, 52) })
    expect(JSON.stringify(sessions()[0]?.root?.attributes)).not.toContain('secret')
  })

  test('a function URL that answers 502 fails; API Gateway v1 and a load balancer', async () => {
    const running = await start('api')
    await running.invoke(v2('/fails', { routeKey: '$default' }))
    expect(rootOf()).toMatchObject({
      name: 'GET.session',
      'http.response.status_code': 502,
      'agentops.session.end_state': 'Fail',
    })
    backend.collector.store.clear()
    const v1 = {
      httpMethod: 'POST',
      path: '/a/b',
      resource: '/a/{x}',
      headers: null,
      multiValueHeaders: { Host: ['h.example.com'] },
    }
    await running.invoke({ ...v1, requestContext: { protocol: 'HTTP/1.1' } })
    expect(rootOf()).toMatchObject({
      name: 'POST /a/{x}.session',
      'server.address': 'h.example.com',
      'url.path': '/a/b',
    })
    backend.collector.store.clear()
    await running.invoke({
      httpMethod: 'GET',
      path: '/alb',
      headers: { host: 'lb.example.com', 'x-forwarded-proto': 'http', 'x-forwarded-port': '80' },
      requestContext: { elb: {} },
    })
    expect(rootOf()).toMatchObject({ name: 'GET.session', 'url.scheme': 'http', 'server.port': 80, 'url.path': '/alb' })
  })

  test.each(['context', 'nothing'])('X-Ray’s trace is taken where the option says so: %s', async (asked) => {
    const running = await start('buffered', { env: asked === 'context' ? { XRAY: '1' } : {} })
    const header = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'
    await running.invoke({ n: 1 }, { headers: { 'lambda-runtime-trace-id': header } })
    const { traceId, parentSpanId } = sessions()[0]?.root ?? {}
    const taken = { traceId: '5759e988bd862e3fe1be46a994272793', parentSpanId: '53995c3f42cd8ad8' }
    if (asked === 'context') expect({ traceId, parentSpanId }).toEqual(taken)
    else expect(traceId).not.toBe(taken.traceId)
  })

  test('a stream’s status is that of its prelude', async () => {
    const running = await start('streaming')
    await running.invoke({ ...v2('/s'), n: 13 })
    expect(rootOf()).toMatchObject({ 'http.response.status_code': 503, 'agentops.session.end_state': 'Fail' })
  })

  test('SQS: a span a message, linked to its sender, with its outcome', async () => {
    const running = await start('sqs')
    const messageAttributes = { traceparent: { stringValue: W3C, dataType: 'String' } }
    const { body } = await running.invoke({
      Records: [sqsRecord('a', 'good', { messageAttributes }), sqsRecord('b', 'bad')],
    })
    expect(JSON.parse(body)).toEqual({ batchItemFailures: [{ itemIdentifier: 'b' }] })
    expect(rootOf()).toMatchObject({
      name: 'process jobs.session',
      'faas.trigger': 'pubsub',
      'messaging.system': 'aws_sqs',
      'messaging.destination.name': 'jobs',
      'messaging.batch.message_count': 2,
      'agentops.session.end_state': 'Fail',
      'agentops.session.end_state_reason': '1 of 2 messages are delivered again',
    })
    const [a, b] = ['a', 'b'].map((id) =>
      sessions()[0]?.spans.find(({ attributes }) => attributes['messaging.message.id'] === id),
    )
    expect(a?.attributes).toMatchObject({ 'agentops.message.outcome': 'ack', 'agentops.message.attempts': 2 })
    expect(a?.links).toMatchObject([{ traceId: W3C.slice(3, 35), spanId: W3C.slice(36, 52) }])
    expect(b?.attributes).toMatchObject({ 'agentops.message.outcome': 'retry' })
    expect(b?.status).toMatchObject({ code: 2 })
    backend.collector.store.clear()
    await running.invoke({ Records: [sqsRecord('c', 'good', { messageAttributes })] })
    expect(sessions()[0]?.root).toMatchObject({ traceId: W3C.slice(3, 35), parentSpanId: W3C.slice(36, 52) })
  })

  test.each([
    [
      'SNS',
      {
        Records: [
          {
            EventSource: 'aws:sns',
            Sns: {
              MessageId: 'm',
              TopicArn: 'arn:aws:sns:eu:1:news',
              MessageAttributes: { traceparent: { Value: W3C } },
            },
          },
        ],
      },
      'process news',
      'pubsub',
      true,
    ],
    [
      'S3',
      {
        Records: [
          {
            eventSource: 'aws:s3',
            eventName: 'ObjectCreated:Put',
            s3: { bucket: { name: 'pics' }, object: { key: 'ada.png' } },
          },
        ],
      },
      'process pics',
      'datasource',
      false,
    ],
    [
      'Kinesis',
      {
        Records: [
          {
            eventSource: 'aws:kinesis',
            eventSourceARN: 'arn:aws:kinesis:eu:1:stream/clicks',
            kinesis: { sequenceNumber: '1' },
          },
        ],
      },
      'process clicks',
      'datasource',
      false,
    ],
    [
      'DynamoDB',
      {
        Records: [
          {
            eventSource: 'aws:dynamodb',
            eventName: 'INSERT',
            eventSourceARN: 'arn:aws:dynamodb:eu:1:table/orders/stream/2026',
            dynamodb: { SequenceNumber: '1' },
          },
        ],
      },
      'process orders',
      'datasource',
      false,
    ],
    [
      'EventBridge',
      { 'detail-type': 'Order Placed', source: 'shop', id: 'e', detail: { traceparent: W3C } },
      'shop Order Placed',
      'pubsub',
      true,
    ],
    [
      'a schedule',
      { 'detail-type': 'Scheduled Event', source: 'aws.events', time: '2026-11-24T00:00:00Z' },
      'scheduled',
      'timer',
      false,
    ],
  ])('%s', async (_, event, name, trigger, continued) => {
    const running = await start('buffered')
    await running.invoke(event)
    expect(rootOf()).toMatchObject({ name: `${name}.session`, 'faas.trigger': trigger })
    expect(sessions()[0]?.root?.traceId === W3C.slice(3, 35)).toBe(continued)
    expect(JSON.stringify(sessions()[0]?.root?.attributes)).not.toContain('ada.png')
  })
})

describe('Hono', () => {
  const get = (path: string): object =>
    v2(path, {
      routeKey: '$default',
      requestContext: { domainName: 'x.example.com', http: { method: 'GET', path, protocol: 'HTTP/1.1' } },
    })

  test.each(['hono', 'wrappedHono'])('50 invocations of %s lose no span', async (handler) => {
    const running = await start(handler)
    for (let n = 0; n < 50; n++) {
      const { body, timedOut } = await running.invoke(get(`/items/${n}`))
      expect({ timedOut, ...JSON.parse(body) }).toMatchObject({ timedOut: false, statusCode: 200, body: `"${n}"` })
      expect(sessions()).toHaveLength(n + 1)
      expect(
        sessions()
          [n]?.spans.map(({ name }) => name)
          .sort(),
      ).toEqual(['GET /items/:id.session', 'search.tool'])
    }
    expect(running.logs).toEqual([])
  })

  test.each(['honoStream', 'wrappedHonoStream'])('%s: a streamed response loses no span', async (handler) => {
    const running = await start(handler)
    for (let n = 0; n < 20; n++) {
      expect((await running.invoke(get('/stream'))).body).toMatch(/one two$/)
      expect(sessions()).toHaveLength(n + 1)
      expect(
        sessions()
          [n]?.spans.map(({ name }) => name)
          .sort(),
      ).toEqual(['GET /stream.session', 'in the stream.tool'])
    }
  })
})

async function example(entry: string, format: 'esm' | 'cjs' = 'esm'): Promise<RunningFunction> {
  const running = await startFunction({
    handler: `${await bundleFunction(entry, format)}.handler`,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url },
  })
  started.push(running)
  return running
}

describe('examples', () => {
  test('lambda: the function URL and the queue', async () => {
    const asked = await (await example('examples/lambda/src/ask.ts')).invoke(
      v2('/', { queryStringParameters: { q: 'dogs' } }),
    )
    expect(JSON.parse(asked.body)).toMatchObject({ statusCode: 200, body: 'What is known of dogs: a page about dogs' })
    expect(named(sessions()[0]?.spans ?? [], 'chat.llm').attributes['gen_ai.usage.prompt_tokens']).toBe(12)
    backend.collector.store.clear()
    const worked = await (await example('examples/lambda/src/jobs.ts')).invoke({
      Records: [sqsRecord('a', '{}'), sqsRecord('b', 'bad')],
    })
    expect(JSON.parse(worked.body)).toEqual({ batchItemFailures: [{ itemIdentifier: 'b' }] })
    expect(rootOf()).toMatchObject({ name: 'process jobs.session', 'agentops.session.end_state': 'Fail' })
  })

  test('lambda-hono', async () => {
    const running = await example('examples/lambda-hono/src/index.ts')
    const { body } = await running.invoke(v2('/items/7'))
    expect(JSON.parse(JSON.parse(body).body)).toEqual({ id: '7', price: 4.5 })
    expect(rootOf()).toMatchObject({ name: 'GET /items/{id}.session', 'http.route': '/items/{id}' })
    expect(sessions()[0]?.root?.resource['service.name']).toBe('lambda-hono-desk')
  })
})

test('a CommonJS bundle runs', async () => {
  const running = await example('examples/lambda/src/jobs.ts', 'cjs')
  await running.invoke({ Records: [sqsRecord('a', '{}')] })
  expect(rootOf()).toMatchObject({ name: 'process jobs.session', 'agentops.session.end_state': 'Success' })
})

describe('partial batch responses', () => {
  const kinesis = (id: string): object => ({
    eventSource: 'aws:kinesis',
    eventSourceARN: 'arn:aws:kinesis:eu:1:stream/clicks',
    kinesis: { sequenceNumber: id },
  })
  const context = {
    awsRequestId: 'r',
    functionName: 'batch',
    functionVersion: '1',
    invokedFunctionArn: ARN,
    getRemainingTimeInMillis: () => 3000,
  }

  test.each([
    [
      'of a stream: what is behind the failed one, too',
      [kinesis('1'), kinesis('2'), kinesis('3')],
      '2',
      ['ack', 'retry', 'retry'],
    ],
    [
      'of a queue: the failed one',
      [sqsRecord('1', ''), sqsRecord('2', ''), sqsRecord('3', '')],
      '2',
      ['ack', 'retry', 'ack'],
    ],
    ['that name no message of the batch: all', [sqsRecord('1', ''), sqsRecord('2', '')], '9', ['retry', 'retry']],
  ])('%s', async (_, Records, itemIdentifier, outcomes) => {
    const result = { batchItemFailures: [{ itemIdentifier }] }
    const handler = withAgentOps(async (_: object, __: object) => result, {
      endpoint: `${backend.collector.url}/v1/traces`,
    })
    expect(await handler({ Records }, context)).toBe(result)
    const found = sessions()[0]?.spans.flatMap(({ attributes }) => attributes['agentops.message.outcome'] ?? [])
    expect(found).toEqual(outcomes)
  })
})

test('a context that breaks and an unknown flush change nothing for the handler', async () => {
  let asked = 0
  const context = {
    awsRequestId: 'r',
    functionName: 'odd',
    functionVersion: '1',
    invokedFunctionArn: ARN,
    getRemainingTimeInMillis() {
      if (asked++) throw new Error('no clock')
      return 3000
    },
  }
  const options = { endpoint: `${backend.collector.url}/v1/traces`, flush: 'never' as 'await' }
  const handler = withAgentOps(async (event: { n: number }, _: unknown) => event.n, options)
  expect(await handler({ n: 7 }, context)).toBe(7)
  expect((await backend.session()).root?.name).toBe('odd.session')
})

test.each([undefined, null, {}, { functionName: 'desk' }, { awsRequestId: 'r', getRemainingTimeInMillis: undefined }])(
  'a handler that is called with the context %j, as a script or a test does, has its session',
  async (context) => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const options = { endpoint: `${backend.collector.url}/v1/traces` }
    const handler = withAgentOps(
      async (event: { rawPath?: string; Records?: object[] }, _: unknown) => event.rawPath,
      options,
    )
    expect(await handler({ rawPath: '/ask' }, context)).toBe('/ask')
    const name = context?.functionName ?? 'agent'
    expect(sessions().map(({ root }) => root?.name)).toEqual([`${name}.session`])
    expect(await handler(v2('/items/7'), context)).toBe('/items/7')
    await handler({ Records: [sqsRecord('1', '')] }, context)
    expect(sessions()).toHaveLength(3)
    expect(warn.mock.calls).toEqual([])
    warn.mockRestore()
  },
)

test.each([Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER, 2 ** 31, 0, -1, Number.NaN])(
  'a context made for a test, with %d ms left: the handler has not timed out',
  async (left) => {
    const context = {
      awsRequestId: 'r',
      functionName: 'mocked',
      functionVersion: '1',
      invokedFunctionArn: ARN,
      getRemainingTimeInMillis: () => left,
    }
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const handler = withAgentOps(() => new Promise((resolve) => setTimeout(resolve, 50, 'done')), {
      endpoint: `${backend.collector.url}/v1/traces`,
    })
    expect(await (handler as (event: object, context: object) => unknown)({}, context)).toBe('done')
    if (left > 0) expect(sessions()).toHaveLength(1)
    expect((await backend.session()).root?.attributes['agentops.session.end_state']).toBe('Success')
    if (left > 0) expect(warn.mock.calls).toEqual([])
    warn.mockRestore()
  },
)

describe('a handler with a callback, as runtimes up to Node.js 22 have them', () => {
  const context = {
    awsRequestId: 'r',
    functionName: 'old',
    functionVersion: '1',
    invokedFunctionArn: ARN,
    getRemainingTimeInMillis: () => 3000,
  }
  const invoke = (
    handler: (event: object, context: object, callback: Callback) => unknown,
  ): Promise<[unknown, unknown, number]> =>
    new Promise((resolve) => {
      const wrapped = withAgentOps(handler, { endpoint: `${backend.collector.url}/v1/traces` })
      expect(wrapped.length).toBe(3)
      wrapped({}, context, (error, result) => resolve([error, result, sessions().length]))
    })
  type Callback = (error?: unknown, result?: unknown) => void

  test('answers when its session is delivered', async () => {
    expect(await invoke((_, __, callback) => void setTimeout(callback, 20, null, 'late'))).toEqual([null, 'late', 1])
    expect(rootOf()).toMatchObject({ name: 'old.session', 'agentops.session.end_state': 'Success' })
  })

  test('fails with its error, and one that throws throws', async () => {
    const error = new RangeError('no')
    expect(await invoke((_, __, callback) => callback(error))).toEqual([error, undefined, 1])
    expect(rootOf()).toMatchObject({ 'agentops.session.end_state': 'Fail' })
    expect(() =>
      withAgentOps((_: object, __: object, ___: Callback) => {
        throw error
      })({}, context, () => {}),
    ).toThrow(error)
  })
})
