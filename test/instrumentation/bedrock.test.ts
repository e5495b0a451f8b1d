/** The AWS SDK's client for Bedrock, over HTTP/2 and over `node:http`: `bedrockCalls` makes its calls events, and what the client gives is as without. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSpan } from '../../src/collector/otlp.ts'
import { type AgentOpsOptions, createAgentOps } from '../../src/index.ts'
import { bedrockCalls, llmCalls } from '../../src/instrumentation/index.ts'
import { installClients, type RunningBedrock, startBedrock } from '../support/clients.ts'
import { spansOf, toCollector } from '../support/collected.ts'

// biome-ignore lint/suspicious/noExplicitAny: installed on demand
let sdk: any
// biome-ignore lint/suspicious/noExplicitAny: as above
let handlers: any
let bedrock: RunningBedrock
beforeAll(async () => {
  const require = await installClients()
  sdk = require('@aws-sdk/client-bedrock-runtime')
  handlers = require('@smithy/node-http-handler')
  bedrock = await startBedrock()
}, 300_000)
afterAll(() => bedrock?.close())

type Transport = 'http' | 'http2'
// biome-ignore lint/suspicious/noExplicitAny: as above
function clientOf(transport: Transport): any {
  return new sdk.BedrockRuntimeClient({
    region: 'eu-central-1',
    endpoint: bedrock[transport],
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    ...(transport === 'http' && { requestHandler: new handlers.NodeHttpHandler() }),
    retryStrategy: undefined,
  })
}

const messages = [{ role: 'user', content: [{ text: 'what of the weather?' }] }]
const invoked = JSON.stringify({ anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, messages })

/** What a user sees: the answer but for its times, its stream's events, or its error. */
async function seen(client: ReturnType<typeof clientOf>, command: string, modelId: string): Promise<unknown> {
  const input = command.startsWith('Converse') ? { modelId, messages } : { modelId, body: invoked }
  const parts: unknown[] = []
  try {
    const { $metadata, stream, body, ...rest } = await client.send(new sdk[`${command}Command`](input))
    parts.push($metadata.httpStatusCode, rest)
    const events = stream ?? (command.endsWith('Stream') ? body : undefined)
    if (events) {
      parts.push(events.constructor.name, Object.keys(events))
      for await (const event of events) parts.push(event)
    } else if (body) parts.push(new TextDecoder().decode(body))
  } catch (error) {
    const { name, message, $metadata, $fault } = error as Error & {
      $metadata?: { httpStatusCode: number }
      $fault: string
    }
    parts.push(name, message, $metadata?.httpStatusCode, $fault)
  }
  return parts
}

async function run(options: AgentOpsOptions, work: () => Promise<unknown>): Promise<CollectedSpan[]> {
  const client = createAgentOps(toCollector({ instrumentations: { llm: llmCalls() }, ...options, mode: 'multi' }))
  const session = await client.withSession({ name: 'job' }, async (running) => {
    await work()
    return running
  })
  return (await spansOf(session)).filter(({ name }) => name !== 'job.session')
}

describe.each<Transport>(['http', 'http2'])('over %s', (transport) => {
  test.each(['Converse', 'ConverseStream'])(
    '%s is one event with its tokens, and gives what it gives without',
    async (command) => {
      const plain = await seen(clientOf(transport), command, 'nova')
      let got: unknown
      const client = clientOf(transport)
      expect(bedrockCalls(client)).toBe(client)
      const spans = await run({}, async () => {
        got = await seen(client, command, 'nova')
      })
      expect(got).toEqual(plain)
      expect(spans).toHaveLength(1)
      const [{ name, status, attributes } = {} as CollectedSpan] = spans
      expect([name, status.code]).toEqual(['chat.llm', 1])
      expect(attributes).toMatchObject({
        'gen_ai.request.model': 'nova',
        'gen_ai.provider.name': 'aws.bedrock',
        'gen_ai.usage.input_tokens': 8,
        'gen_ai.usage.output_tokens': 12,
        'gen_ai.response.finish_reasons': ['end_turn'],
        'http.response.status_code': 200,
      })
      expect(JSON.stringify(attributes)).not.toMatch(/weather|sunny/)
    },
  )

  test('with contents, they are its prompts and completions', async () => {
    const client = bedrockCalls(clientOf(transport))
    const [span] = await run({ captureContent: true }, () => seen(client, 'ConverseStream', 'nova'))
    expect(span?.attributes).toMatchObject({
      'gen_ai.prompt.0.content': 'what of the weather?',
      'gen_ai.completion.0.content': 'it is sunny',
    })
  })

  test.each([
    ['Converse', 'refuses', 'ValidationException', 400],
    ['ConverseStream', 'refuses', 'ValidationException', 400],
    ['ConverseStream', 'breaks', 'throttlingException', 200],
  ])('%s that %s fails its event by the type, and quotes nothing', async (command, model, type, status) => {
    const plain = await seen(clientOf(transport), command, model)
    const client = bedrockCalls(clientOf(transport))
    let got: unknown
    const spans = await run({}, async () => {
      got = await seen(client, command, model)
    })
    expect(got).toEqual(plain)
    const [{ status: said, attributes } = {} as CollectedSpan] = spans
    expect(said.code).toBe(2)
    expect(`${attributes['error.type']}`.toLowerCase()).toBe(type.toLowerCase())
    expect(attributes['http.response.status_code']).toBe(status)
    expect(JSON.stringify([said, attributes])).not.toContain('my prompt')
  })
})

test.each(['Converse', 'ConverseStream'])('a tool that %s asks for is an event until its result', async (command) => {
  const client = bedrockCalls(clientOf('http2'))
  const spans = await run({ captureContent: true }, async () => {
    await seen(client, command, 'asks')
    const toolResult = { toolUseId: 'use_1', content: [{ text: 'locked' }], status: 'error' }
    const told = { modelId: 'nova', messages: [...messages, { role: 'user', content: [{ toolResult }] }] }
    const { stream = [] } = await client.send(new sdk[`${command}Command`](told))
    for await (const _ of stream);
  })
  expect(spans.map(({ name }) => name)).toEqual(['chat.llm', 'weather.tool', 'chat.llm'])
  expect(spans[1]?.status.code).toBe(2)
  expect(spans[1]?.attributes).toMatchObject({
    'tool.id': 'use_1',
    'tool.parameters': '{"city":"Oslo"}',
    'tool.result': 'locked',
    'error.type': 'tool_error',
  })
})

test('a call that the SDK repeats is one event, that says so', async () => {
  const client = bedrockCalls(clientOf('http'))
  const spans = await run({}, () => seen(client, 'Converse', 'flaky'))
  expect(spans).toHaveLength(1)
  expect([spans[0]?.status.code, spans[0]?.attributes['http.request.resend_count']]).toEqual([1, 1])
})

test('what goes over the wire is as without, and no header is added', async () => {
  bedrock.asked.length = 0
  await seen(clientOf('http'), 'Converse', 'nova')
  await run({}, () => seen(bedrockCalls(clientOf('http')), 'Converse', 'nova'))
  expect(bedrock.asked[1]).toBe(bedrock.asked[0])
})

test.each(['InvokeModel', 'InvokeModelWithResponseStream'])('%s gives what it gives without', async (command) => {
  const plain = await seen(clientOf('http'), command, 'anthropic.claude')
  let got: unknown
  await run({}, async () => {
    got = await seen(bedrockCalls(clientOf('http')), command, 'anthropic.claude')
  })
  expect(got).toEqual(plain)
})

test('a stream that its reader leaves ends its event, without an error', async () => {
  const client = bedrockCalls(clientOf('http'))
  const spans = await run({}, async () => {
    const { stream } = await client.send(new sdk.ConverseStreamCommand({ modelId: 'nova', messages }))
    for await (const _ of stream) break
  })
  expect(spans.map(({ name, status }) => [name, status.code])).toEqual([['chat.llm', 1]])
})

test('a stream that nobody reads, and a call that is given up', async () => {
  const client = bedrockCalls(clientOf('http'))
  const spans = await run({}, async () => {
    await client.send(new sdk.ConverseStreamCommand({ modelId: 'nova', messages }))
    const abort = new AbortController()
    abort.abort()
    const given = client.send(new sdk.ConverseCommand({ modelId: 'nova', messages }), { abortSignal: abort.signal })
    await expect(given).rejects.toMatchObject({ name: 'AbortError' })
  })
  expect(spans.map(({ status, attributes }) => [status.code, attributes['agentops.incomplete']])).toEqual([
    [1, undefined],
    [1, undefined],
  ])
})

test('outside a session, and twice wrapped, it is the client’s own', async () => {
  const client = bedrockCalls(bedrockCalls(clientOf('http')))
  expect(await seen(client, 'Converse', 'nova')).toEqual(await seen(clientOf('http'), 'Converse', 'nova'))
  expect(await run({}, () => seen(client, 'Converse', 'nova'))).toHaveLength(1)
})
