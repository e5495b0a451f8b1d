/** What each service's event names, what its answer says, and where a caller's trace stands in it; the events satisfy the services' published types. */

import type {
  ALBEvent,
  APIGatewayProxyWebsocketEventV2,
  APIGatewayRequestAuthorizerEvent,
  APIGatewayRequestAuthorizerEventV2,
  APIGatewayTokenAuthorizerEvent,
  AppSyncResolverEvent,
  LexEvent,
  LexV2Event,
  MSKEvent,
  PreSignUpTriggerEvent,
  SESEvent,
  SelfManagedKafkaEvent,
} from 'aws-lambda'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { bundleFunction, installRuntimeClient, type RunningFunction, startFunction } from '../support/lambda.ts'

const backend = useBackend()
let running: RunningFunction
let carried: RunningFunction
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const traceparent = `00-${TRACE}-b7ad6b7169203331-01`

beforeAll(async () => {
  await installRuntimeClient()
  const module = await bundleFunction('test/fixtures/unfinished.ts')
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url }
  running = await startFunction({ handler: `${module}.ours.told`, env })
  carried = await startFunction({ handler: `${module}.carried`, env })
}, 300_000)
afterAll(() => Promise.all([running?.stop(), carried?.stop()]))

async function sessionOf(
  event: object,
  headers?: Record<string, string>,
  by: RunningFunction = running,
): Promise<CollectedSession> {
  expect(await by.invoke(event, { headers })).toMatchObject({ timedOut: false, error: undefined })
  expect(backend.collector.store.list()).toHaveLength(1)
  return backend.collector.store.list()[0] as CollectedSession
}
const seen = ({ root }: CollectedSession): unknown[] => [
  root?.name,
  root?.attributes['agentops.session.end_state'],
  root?.attributes['http.response.status_code'],
]

const socket = {
  requestContext: {
    routeKey: 'sendMessage',
    messageId: 'm',
    eventType: 'MESSAGE',
    extendedRequestId: 'x',
    requestTime: '',
    messageDirection: 'IN',
    stage: 'prod',
    connectedAt: 1,
    requestTimeEpoch: 1,
    requestId: 'r',
    domainName: 'x.execute-api.eu-central-1.amazonaws.com',
    connectionId: 'c',
    apiId: 'x',
  },
  body: '{"action":"sendMessage"}',
  isBase64Encoded: false,
} satisfies APIGatewayProxyWebsocketEventV2
const resolver = {
  arguments: {},
  source: null,
  identity: null,
  request: { headers: { traceparent }, domainName: null },
  info: { parentTypeName: 'Query', fieldName: 'getPost', selectionSetList: [], selectionSetGraphQL: '', variables: {} },
  prev: null,
  stash: {},
} as unknown as AppSyncResolverEvent<object>
const signUp = {
  version: '1',
  region: 'eu-central-1',
  userPoolId: 'p',
  triggerSource: 'PreSignUp_SignUp',
  userName: 'ada',
  callerContext: { awsSdkVersion: '', clientId: '' },
  request: { userAttributes: {} },
  response: { autoConfirmUser: false, autoVerifyEmail: false, autoVerifyPhone: false },
} satisfies PreSignUpTriggerEvent
const action = {
  messageVersion: '1.0',
  agent: { name: 'desk', id: 'A', alias: 'B', version: '1' },
  sessionId: 's',
  actionGroup: 'Weather',
  function: 'forecast',
  parameters: [],
}
const lex = {
  bot: { name: 'Flowers', id: 'B', aliasId: 'A', aliasName: 'live', localeId: 'en_US', version: '1' },
  sessionState: { intent: { name: 'Order', slots: {}, state: 'ReadyForFulfillment', confirmationState: 'None' } },
  invocationSource: 'FulfillmentCodeHook',
} as unknown as LexV2Event
const lexBefore = {
  bot: { name: 'Flowers', alias: 'live', version: '1' },
  currentIntent: { name: 'Order' },
  invocationSource: 'FulfillmentCodeHook',
} as unknown as LexEvent
const bytes = (text: string): number[] => [...text].map((one) => one.charCodeAt(0))
const kafka = (headers: Record<string, number[]>[]) => ({
  'orders-0': [
    {
      topic: 'orders',
      partition: 0,
      offset: 15,
      timestamp: 1,
      timestampType: 'CREATE_TIME' as const,
      key: 'k',
      value: 'djE=',
      headers,
    },
  ],
})
const msk = {
  eventSource: 'aws:kafka',
  eventSourceArn: 'arn:aws:kafka:eu-central-1:1:cluster/c/1',
  bootstrapServers: '',
  records: kafka([]),
} satisfies MSKEvent
const ownKafka = {
  eventSource: 'SelfManagedKafka',
  bootstrapServers: '',
  records: kafka([]),
} satisfies SelfManagedKafkaEvent
const token = {
  type: 'TOKEN',
  methodArn: 'arn:aws:execute-api:eu:1:x/prod/GET/',
  authorizationToken: 'secret',
} satisfies APIGatewayTokenAuthorizerEvent
const authorizer = {
  type: 'REQUEST',
  methodArn: 'arn',
  resource: '/items',
  path: '/items',
  httpMethod: 'GET',
  headers: {},
  requestContext: { httpMethod: 'GET', path: '/items', protocol: 'HTTP/1.1' },
} as unknown as APIGatewayRequestAuthorizerEvent
const authorizerV2 = {
  type: 'REQUEST',
  version: '2.0',
  routeArn: 'arn',
  routeKey: 'GET /items',
  rawPath: '/items',
  requestContext: { http: { method: 'GET', path: '/items', protocol: 'HTTP/1.1' } },
} as unknown as APIGatewayRequestAuthorizerEventV2
const mail = { Records: [{ eventSource: 'aws:ses', eventVersion: '1.0', ses: {} }] } as unknown as SESEvent
const durable = { DurableExecutionArn: 'arn', CheckpointToken: 't', InitialExecutionState: {} }

describe('a session is named and judged by', () => {
  test.each<[string, object, unknown, unknown[]]>([
    ['a WebSocket’s route key', socket, undefined, ['sendMessage.session', 'Success', undefined]],
    ['a WebSocket’s route key, with its status', socket, { statusCode: 200 }, ['sendMessage.session', 'Success', 200]],
    ['a WebSocket’s 500', socket, { statusCode: 500 }, ['sendMessage.session', 'Fail', 500]],
    ['a WebSocket’s 502 as text', socket, { statusCode: '502' }, ['sendMessage.session', 'Fail', 502]],
    ['AppSync’s field', resolver, { title: 'x' }, ['Query.getPost.session', 'Success', undefined]],
    ['AppSync’s field, of a batch', [resolver, resolver], [1, 2], ['Query.getPost.session', 'Success', undefined]],
    ['Cognito’s trigger', signUp, signUp, ['PreSignUp_SignUp.session', 'Success', undefined]],
    [
      'a Bedrock action’s function',
      action,
      { response: { functionResponse: {} } },
      ['Weather forecast.session', 'Success', undefined],
    ],
    [
      'a Bedrock action’s failure',
      action,
      { response: { functionResponse: { responseState: 'FAILURE' } } },
      ['Weather forecast.session', 'Fail', undefined],
    ],
    [
      'a Bedrock action’s operation',
      { ...action, function: undefined, httpMethod: 'GET', apiPath: '/f' },
      { response: { httpStatusCode: 500 } },
      ['Weather GET /f.session', 'Fail', 500],
    ],
    ['Lex’ bot and intent', lex, { sessionState: {} }, ['Flowers Order.session', 'Success', undefined]],
    ['Lex’ bot and intent, version 1', lexBefore, {}, ['Flowers Order.session', 'Success', undefined]],
    ['MSK’s topic', msk, undefined, ['process orders.session', 'Success', undefined]],
    ['Kafka’s topic', ownKafka, undefined, ['process orders.session', 'Success', undefined]],
    ['a token authorizer', token, { principalId: 'u' }, ['authorizer.session', 'Success', undefined]],
    ['a request authorizer', authorizer, { principalId: 'u' }, ['authorizer.session', 'Success', undefined]],
    [
      'a request authorizer of HTTP APIs',
      authorizerV2,
      { isAuthorized: false },
      ['authorizer.session', 'Success', undefined],
    ],
    ['a service nothing more is known of', mail, undefined, ['process aws.ses.session', 'Success', undefined]],
    [
      'a durable execution that failed',
      durable,
      { Status: 'FAILED', Error: { ErrorType: 'E', ErrorMessage: 'why' } },
      ['desk.session', 'Fail', undefined],
    ],
    ['a durable execution that waits', durable, { Status: 'PENDING' }, ['desk.session', 'Success', undefined]],
    ['an answer that only looks like one', {}, { Status: 'FAILED' }, ['desk.session', 'Success', undefined]],
  ])('%s', async (_, event, answer, expected) => {
    const asked = Array.isArray(event) ? event.map((one) => ({ ...one, answer })) : { ...event, answer }
    const session = await sessionOf(asked)
    expect(seen(session)).toEqual(expected)
    expect(JSON.stringify(session.root?.attributes)).not.toContain('"secret"')
  })

  test('the reason of a durable execution', async () => {
    const { root } = await sessionOf({
      ...durable,
      answer: { Status: 'FAILED', Error: { ErrorType: 'E', ErrorMessage: 'why' } },
    })
    expect(root?.attributes['agentops.session.end_state_reason']).toBe('E why')
  })

  test.each([
    ['a text', { batchItemFailures: 'm' }, ['retry', 'retry']],
    ['JSON that was made text', '{"batchItemFailures":[]}', ['retry', 'retry']],
    ['an object', { batchItemFailures: {} }, ['retry', 'retry']],
    ['nothing', { batchItemFailures: null }, ['ack', 'ack']],
    ['no failure', { batchItemFailures: [] }, ['ack', 'ack']],
    ['any other text', 'ok', ['ack', 'ack']],
  ])('a batch that answers %s as its failures', async (_, answer, expected) => {
    const Records = ['a', 'b'].map((messageId) => ({
      messageId,
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:eu:1:jobs',
    }))
    const { spans, root } = await sessionOf({ Records, answer })
    expect(spans.flatMap(({ attributes }) => attributes['agentops.message.outcome'] ?? [])).toEqual(expected)
    expect(root?.attributes['agentops.session.end_state']).toBe(expected[0] === 'ack' ? 'Success' : 'Fail')
  })
})

const client = (context: object): Record<string, string> => ({
  'lambda-runtime-client-context': JSON.stringify(context),
})
const sqs = (body: string, more: object = {}): object => ({
  Records: [{ messageId: 'a', body, eventSource: 'aws:sqs', eventSourceARN: 'arn:aws:sqs:eu:1:jobs', ...more }],
})
const sns = {
  Type: 'Notification',
  MessageAttributes: { traceparent: { Type: 'String', Value: traceparent } },
  Message: '',
}

describe('a caller’s trace is found in', () => {
  test.each<[string, object, Record<string, string>?]>([
    ['a payload', { traceparent, n: 1 }],
    ['a payload, in capitals', { Traceparent: traceparent }],
    ['a payload’s headers', { headers: { traceparent } }],
    ['the input of a state of Step Functions', { Input: { traceparent } }],
    ['the payload of a state of Step Functions', { Payload: { traceparent }, Execution: {} }],
    ['the client’s context', {}, client({ custom: { traceparent } })],
    ['the client’s context, as other SDKs write it', {}, client({ Custom: { traceparent } })],
    ['the client’s context itself', {}, client({ traceparent })],
    ['SNS in SQS', sqs(JSON.stringify(sns))],
    ['EventBridge in SQS', sqs(JSON.stringify({ 'detail-type': 'x', detail: { traceparent } }))],
    ['the body of a message', sqs(JSON.stringify({ traceparent }))],
    ['the headers of MSK', { ...msk, records: kafka([{ other: bytes('x') }, { traceparent: bytes(traceparent) }]) }],
    ['the headers of Kafka', { ...ownKafka, records: kafka([{ traceparent: bytes(traceparent) }]) }],
    ['the request of AppSync', resolver],
    ['the request that opened a WebSocket', { ...socket, headers: { Traceparent: traceparent } }],
  ])('%s', async (_, event, headers) => {
    expect((await sessionOf(event, headers)).root?.traceId).toBe(TRACE)
  })

  test('the bytes of Java, which are signed', async () => {
    const signed: Record<string, number[]>[] = [{ traceparent: bytes(traceparent) }, { name: [-61, -68] }]
    expect((await sessionOf({ ...msk, records: kafka(signed) })).root?.traceId).toBe(TRACE)
  })

  test.each<[string, object, boolean]>([
    ['what the option `carrier` gives', { deep: { context: { traceparent } } }, true],
    ['the usual places, where it gives nothing', { traceparent }, true],
    ['the usual places, where it throws', { throws: true, traceparent }, true],
    ['what it gives, before a header', { deep: { context: {} }, traceparent }, false],
  ])('%s', async (_, event, isFound) => {
    expect((await sessionOf(event, undefined, carried)).root?.traceId === TRACE).toBe(isFound)
  })

  test.each<[string, object]>([
    ['a body that is no JSON', sqs(`traceparent ${traceparent}`)],
    ['a payload that says something else', { traceparent: 7, headers: { traceparent: 'x' } }],
    ['a list of headers that is none', { ...msk, records: kafka([null, { traceparent: 7 }] as never) }],
    [
      'a load balancer’s body',
      {
        requestContext: { elb: { targetGroupArn: '' } },
        httpMethod: 'GET',
        path: '/',
        body: JSON.stringify({ traceparent }),
        isBase64Encoded: false,
      } satisfies ALBEvent,
    ],
  ])('%s: nowhere, and the session is as any other', async (_, event) => {
    const { root } = await sessionOf(event)
    expect(root?.traceId).not.toBe(TRACE)
    expect(root?.attributes['agentops.session.end_state']).toBe('Success')
  })
})
