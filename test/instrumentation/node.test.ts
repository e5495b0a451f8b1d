/** The same in Node: its `fetch`, spans of frameworks, and many sessions at once. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { TextMapPropagator } from '@opentelemetry/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSpan } from '../../src/collector/otlp.ts'
import { type AgentOpsOptions, createAgentOps, type Session } from '../../src/index.ts'
import { aiSpans, fetchCalls, llmCalls, tracedFetch } from '../../src/instrumentation/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'
import { type RunningModels, startModels } from '../support/models.ts'

let server: Server
let url = ''
let models: RunningModels
beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    if (request.url === '/gzip')
      return void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('zipped'))
    if (request.url === '/away') return void response.writeHead(302, { location: '/echo' }).end()
    if (request.url === '/broken') {
      response.writeHead(200, { 'content-length': '100' }).write('ten bytes!')
      return void setTimeout(() => response.destroy(), 20)
    }
    response.writeHead(200, { 'x-seen': `${request.method}:${request.headers['x-own'] ?? ''}` }).end(body || 'empty')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  models = await startModels('')
})
afterAll(async () => {
  server.closeAllConnections()
  await Promise.all([new Promise((resolve) => server.close(resolve)), models.close()])
})

async function run(options: AgentOpsOptions, work: (session: Session) => unknown): Promise<CollectedSpan[]> {
  const client = createAgentOps(toCollector({ ...options, mode: 'multi' }))
  const session = await client.withSession({ name: 'job' }, async (running) => {
    await work(running)
    return running
  })
  return spansOf(session)
}
const instrumentations = { fetch: fetchCalls(), llm: llmCalls(), ai: aiSpans(), global: true }

describe('fetch', () => {
  test.each<[string, () => Promise<Response>, string, string]>([
    [
      'a stream as a body',
      () =>
        fetch(`${url}/echo`, { method: 'POST', body: new Blob(['streamed']).stream(), duplex: 'half' } as RequestInit),
      'streamed',
      'POST:',
    ],
    [
      'a Request with a body',
      () => fetch(new Request(`${url}/echo`, { method: 'PUT', body: 'whole', headers: { 'x-own': 'a' } })),
      'whole',
      'PUT:a',
    ],
    [
      'a Request, and more',
      () => fetch(new Request(`${url}/echo`, { headers: { 'x-own': 'a' } }), { method: 'POST', body: 'more' }),
      'more',
      'POST:a',
    ],
    [
      'headers of a Request replaced',
      () => fetch(new Request(`${url}/echo`, { headers: { 'x-own': 'a' } }), { headers: { 'x-own': 'b' } }),
      'empty',
      'GET:b',
    ],
    ['a URL object', () => fetch(new URL(`${url}/echo`)), 'empty', 'GET:'],
    ['a redirect', () => fetch(`${url}/away`), 'empty', 'GET:'],
    ['gzip', () => fetch(`${url}/gzip`), 'zipped', 'null'],
  ])('%s', async (_, call, text, seen) => {
    let outside: unknown[] = []
    const look = async (response: Response): Promise<unknown[]> => [
      await response.clone().text(),
      `${response.headers.get('x-seen')}`,
      response.url,
      response.redirected,
      response.type,
      response.status,
    ]
    outside = await look(await call())
    let inside: unknown[] = []
    const spans = await run({ instrumentations, propagateTo: () => true }, async () => {
      inside = await look(await call())
    })
    expect(inside).toEqual(outside)
    expect(inside.slice(0, 2)).toEqual([text, seen])
    expect(spans.filter(({ attributes }) => attributes['agentops.span.kind'] === 'http')).toHaveLength(1)
  })

  test('a body that breaks off breaks off, and the span says so', async () => {
    const spans = await run({ instrumentations }, async () => {
      await expect((await fetch(`${url}/broken`)).text()).rejects.toThrow()
    })
    expect(named(spans, 'GET 127.0.0.1').status).toMatchObject({ code: 2, message: 'TypeError GET 127.0.0.1' })
  })

  test('an abort is the user’s, and no failure', async () => {
    const spans = await run({ instrumentations }, async () => {
      const own = new Error('mine')
      await expect(fetch(url, { signal: AbortSignal.abort(own) })).rejects.toBe(own)
    })
    expect(named(spans, 'GET 127.0.0.1')).toMatchObject({
      status: { code: 0 },
      attributes: { 'agentops.incomplete': true },
    })
  })

  test('a propagator that throws, or says what is no header, leaves the request whole', async () => {
    // Of a class, so that it is a Request that is sent in place of the two.
    class Init {
      headers = { 'x-own': 'a' }
    }
    const call = async (): Promise<unknown[]> => {
      const request = new Request(`${url}/echo`, { method: 'PUT', body: 'whole' })
      const response = await fetch(request, new Init())
      return [await response.text(), response.headers.get('x-seen')]
    }
    const outside = await call()
    const propagator = (inject: TextMapPropagator['inject']): TextMapPropagator => ({
      inject,
      extract: (context) => context,
      fields: () => [],
    })
    const broken = [
      propagator(() => {
        throw new Error('no context today')
      }),
      propagator((_, carrier, setter) => setter.set(carrier, 'x-bad', 'two\nlines')),
    ]
    for (const one of broken) {
      const options = { instrumentations, propagateTo: () => true, propagators: [one] }
      await run(options, async () => expect(await call()).toEqual(outside))
    }
  })

  test('tracedFetch needs no option', async () => {
    const spans = await run({}, async () => void (await (await tracedFetch(`${url}/echo`)).text()))
    expect(named(spans, 'GET 127.0.0.1').attributes['url.full']).toBe(`${url}/echo`)
  })
})

test('50 sessions at once, each with its own calls', async () => {
  const ask = async (n: number): Promise<void> => {
    const spans = await run({ instrumentations, captureContent: true }, async () => {
      const body = JSON.stringify({
        model: `model-${n}`,
        stream: n % 2 === 0,
        messages: [{ role: 'user', content: `ask ${n}` }],
      })
      for (let call = 0; call < 3; call++) {
        await (await fetch(`${models.base('json')}/v1/chat/completions`, { method: 'POST', body })).text()
      }
    })
    const calls = spans.filter(({ name }) => name === 'chat.llm')
    expect(
      calls.map(({ attributes }) => [attributes['gen_ai.request.model'], attributes['gen_ai.prompt.0.content']]),
    ).toEqual(Array(3).fill([`model-${n}`, `ask ${n}`]))
    expect(calls.map(({ attributes }) => attributes['gen_ai.usage.input_tokens'])).toEqual([20, 20, 20])
  }
  await Promise.all(Array.from({ length: 50 }, (_, n) => ask(n)))
})

test('MCP’s own client: a tool that it calls is a tool event, what it says besides are requests', async () => {
  const spans = await run({ instrumentations }, async () => {
    const client = new Client({ name: 'test', version: '1' })
    await client.connect(new StreamableHTTPClientTransport(new URL(`${models.base('stream')}/mcp`)))
    const result = await client.callTool({ name: 'search', arguments: { q: 'cats' } })
    expect(result.content).toEqual([{ type: 'text', text: 'found ' }])
    await client.close()
  })
  expect(named(spans, 'search.tool')).toMatchObject({
    status: { code: 1 },
    attributes: { 'tool.name': 'search', 'tool.status': 'succeeded', 'mcp.method.name': 'tools/call' },
  })
  expect(spans.filter(({ name }) => name.startsWith('POST ')).length).toBeGreaterThan(1)
})

describe('spans of frameworks, as their own conventions have them', () => {
  const cases: [
    name: string,
    own: Record<string, unknown>,
    span: string,
    expected: Record<string, unknown>,
    content: Record<string, unknown>,
  ][] = [
    [
      'AI SDK 5 and 6, a model',
      {
        'ai.operationId': 'ai.generateText.doGenerate',
        'ai.model.id': 'gpt-4o',
        'ai.usage.inputTokens': 7,
        'ai.usage.outputTokens': 3,
        'ai.response.finishReason': 'tool-calls',
        'ai.response.model': 'gpt-4o-2024',
        'ai.prompt.messages': '[{"role":"user","content":[{"type":"text","text":"s3cret"}]}]',
        'ai.response.toolCalls': '[{"toolCallId":"c1","toolName":"get","input":"{\\"q\\":\\"s3cret\\"}"}]',
      },
      'chat.llm',
      {
        'agentops.span.kind': 'llm',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.response.model': 'gpt-4o-2024',
        'gen_ai.usage.prompt_tokens': 7,
        'gen_ai.usage.completion_tokens': 3,
      },
      {
        'gen_ai.completion.0.finish_reason': 'tool-calls',
        'gen_ai.prompt.0.content': 's3cret',
        'gen_ai.completion.0.tool_calls.0.name': 'get',
      },
    ],
    [
      'AI SDK 5 and 6, a tool',
      {
        'ai.operationId': 'ai.toolCall',
        'ai.toolCall.name': 'get',
        'ai.toolCall.id': 'c1',
        'ai.toolCall.args': '{"q":"s3cret"}',
        'ai.toolCall.result': '"s3cret"',
      },
      'get.tool',
      { 'agentops.span.kind': 'tool', 'tool.name': 'get', 'tool.id': 'c1', 'tool.status': 'succeeded' },
      { 'tool.parameters': '{"q":"s3cret"}', 'tool.result': '"s3cret"' },
    ],
    [
      'OpenTelemetry, an agent',
      {
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.agent.name': 'planner',
        'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"s3cret"}]}]',
      },
      'planner.agent',
      { 'agentops.span.kind': 'agent', 'agent.name': 'planner' },
      { 'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"s3cret"}]}]' },
    ],
    [
      'OpenInference (LangChain), a model',
      {
        'openinference.span.kind': 'LLM',
        'llm.model_name': 'gpt-4o',
        'llm.token_count.prompt': 5,
        'llm.token_count.completion': 2,
        'input.value': 's3cret',
        'llm.input_messages.0.message.content': 's3cret',
      },
      'chat.llm',
      {
        'agentops.span.kind': 'llm',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.usage.prompt_tokens': 5,
        'gen_ai.usage.completion_tokens': 2,
      },
      { 'input.value': 's3cret' },
    ],
    [
      'OpenInference (LangChain), a tool',
      { 'openinference.span.kind': 'TOOL', 'tool.name': 'get', 'input.value': 's3cret', 'output.value': 's3cret' },
      'get.tool',
      { 'agentops.span.kind': 'tool', 'tool.name': 'get' },
      { 'tool.parameters': 's3cret' },
    ],
    [
      'OpenLLMetry, an agent',
      { 'traceloop.span.kind': 'agent', 'traceloop.entity.name': 'planner', 'traceloop.entity.input': 's3cret' },
      'planner.agent',
      { 'agentops.span.kind': 'agent', 'agent.name': 'planner' },
      { 'traceloop.entity.input': 's3cret' },
    ],
    [
      'none of them',
      { 'db.system': 'pg', 'input.value': 'theirs' },
      'work',
      { 'db.system': 'pg', 'input.value': 'theirs' },
      {},
    ],
  ]
  test.each(cases)('%s', async (_, own, name, expected, content) => {
    for (const captureContent of [false, true]) {
      const spans = await run({ instrumentations, captureContent }, ({ tracer }) => {
        const span = tracer.startSpan('work', { attributes: own as never })
        if (own['ai.operationId']) span.recordException(new Error('quotes s3cret'))
        span.end()
      })
      const span = named(spans, name)
      expect(span.attributes).toMatchObject({ ...expected, ...(captureContent && content) })
      if (captureContent) continue
      expect(JSON.stringify([span.attributes, span.events.map(({ attributes }) => attributes)])).not.toContain('s3cret')
    }
  })
})
