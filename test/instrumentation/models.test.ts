/** The real clients of models, in workerd, against a server that answers as the providers do. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import type { CollectedSpan } from '../../src/collector/otlp.ts'
import { useBackend } from '../support/backend.ts'
import { MESSAGE, type RunningModels, SAID, startModels } from '../support/models.ts'
import type { RunningWorker } from '../support/workerd.ts'

const SECRET = 'sk-never-to-be-seen-2f7c'
const backend = useBackend()
let worker: RunningWorker
let models: RunningModels

beforeAll(async () => {
  models = await startModels(SECRET)
  worker = await backend.start({ entry: 'test/fixtures/models-worker.ts', compatibilityFlags: ['nodejs_compat'] })
})
afterAll(() => models.close())

/** What a client in the Worker got; and without us. */
async function ask(path: string, mode: string, query = '', plain = false): Promise<string> {
  const target = `${worker.url}${plain ? '/plain' : ''}/${path}?base=${models.base(mode)}&secret=${SECRET}${query}`
  // Else the Worker's server compresses what has no length.
  const response = await fetch(target, { headers: { 'accept-encoding': 'identity' } })
  const headers = [...response.headers].filter(([name]) => name !== 'date')
  return JSON.stringify([response.status, headers, await response.text()])
}

/** Asks, sees that the client got the same as without us, and gives the session. */
async function session(path: string, mode: string, query = ''): Promise<CollectedSession> {
  const got = await ask(path, mode, query)
  expect(got).toBe(await ask(path, mode, query, true))
  return backend.session(({ root }) => root?.attributes['url.path'] === `/${path}`)
}
/** All that they say, as text. */
const saidBy = (spans: readonly CollectedSpan[]): string =>
  JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value))
const llms = ({ spans }: CollectedSession): CollectedSpan[] =>
  spans.filter(({ attributes }) => attributes['agentops.span.kind'] === 'llm')

const OPENAI = {
  'gen_ai.provider.name': 'openai',
  'gen_ai.request.model': 'gpt-4o-mini',
  'gen_ai.response.model': 'gpt-4o-mini-2024-07-18',
  'gen_ai.usage.prompt_tokens': 12,
  'gen_ai.usage.completion_tokens': 12,
  'gen_ai.usage.total_tokens': 32,
  'gen_ai.usage.input_tokens': 20,
  'gen_ai.usage.output_tokens': 12,
  'gen_ai.usage.cache_read_input_tokens': 8,
  'gen_ai.usage.reasoning_tokens': 5,
}
const CLAUDE = {
  'gen_ai.provider.name': 'anthropic',
  'gen_ai.request.model': 'claude-sonnet-4-5',
  'gen_ai.response.model': 'claude-sonnet-4-5-20250929',
  'gen_ai.response.id': 'msg_1',
  'gen_ai.usage.prompt_tokens': 10,
  'gen_ai.usage.completion_tokens': 12,
  'gen_ai.usage.total_tokens': 32,
  'gen_ai.usage.cache_read_input_tokens': 8,
  'gen_ai.usage.cache_creation_input_tokens': 2,
  'gen_ai.request.max_tokens': 200,
}
const GEMINI = {
  'gen_ai.operation.name': 'generate_content',
  'gen_ai.provider.name': 'gcp.gemini',
  'gen_ai.request.model': 'gemini-2.5-flash',
  'gen_ai.response.model': 'gemini-2.5-flash-001',
  'gen_ai.usage.prompt_tokens': 12,
  'gen_ai.usage.completion_tokens': 12,
  'gen_ai.usage.total_tokens': 32,
  'gen_ai.usage.cache_read_input_tokens': 8,
  'gen_ai.usage.reasoning_tokens': 5,
}
const BEDROCK = {
  'gen_ai.provider.name': 'aws.bedrock',
  'gen_ai.request.model': 'anthropic.claude-3-haiku-20240307-v1:0',
  'gen_ai.usage.prompt_tokens': 10,
  'gen_ai.usage.completion_tokens': 12,
  'gen_ai.usage.total_tokens': 32,
}
const WORKERS_AI = {
  'gen_ai.provider.name': 'cloudflare.workers_ai',
  'gen_ai.request.model': '@cf/meta/llama-3.1-8b-instruct',
}

type Case = [path: string, mode: string, finish: string | undefined, expected: object, tool?: string]
const CASES: Case[] = [
  [
    'openai/chat',
    'json',
    'stop',
    {
      ...OPENAI,
      'gen_ai.request.temperature': 0.5,
      'gen_ai.request.max_tokens': 99,
      'gen_ai.response.id': 'chatcmpl-1',
    },
  ],
  ['openai/chat', 'tools', 'tool_calls', OPENAI, 'call_1'],
  ['openai/stream', 'json', 'stop', { ...OPENAI, 'gen_ai.request.stream': true }],
  ['openai/stream', 'tools', 'tool_calls', { 'gen_ai.request.model': 'gpt-4o-mini' }, 'call_1'],
  ['openai/responses', 'json', 'completed', { ...OPENAI, 'gen_ai.response.id': 'resp_1' }],
  ['openai/responses-stream', 'json', 'completed', OPENAI],
  ['anthropic/message', 'json', 'end_turn', CLAUDE],
  ['anthropic/message', 'tools', 'tool_use', CLAUDE, 'toolu_1'],
  ['anthropic/stream', 'json', 'end_turn', { ...CLAUDE, 'gen_ai.request.stream': true }],
  ['anthropic/stream', 'tools', 'tool_use', CLAUDE, 'toolu_1'],
  ['google/content', 'json', 'STOP', { ...GEMINI, 'gen_ai.request.temperature': 0.1 }],
  ['google/content', 'tools', 'STOP', GEMINI, 'fc_1'],
  ['google/stream', 'json', 'STOP', { ...GEMINI, 'gen_ai.request.stream': true }],
  ['google/stream', 'tools', 'STOP', GEMINI, 'fc_1'],
  ['bedrock/chat', 'json', 'end_turn', BEDROCK],
  ['bedrock/chat', 'tools', 'tool_use', BEDROCK, 'tooluse_1'],
  ['bedrock/stream', 'json', 'end_turn', { ...BEDROCK, 'gen_ai.request.stream': true }],
  ['bedrock/stream', 'tools', 'tool_use', BEDROCK, 'tooluse_1'],
  [
    'workers/rest',
    'json',
    undefined,
    { ...WORKERS_AI, 'gen_ai.usage.prompt_tokens': 20, 'gen_ai.usage.completion_tokens': 12 },
  ],
  [
    'workers/binding',
    'json',
    undefined,
    { ...WORKERS_AI, 'gen_ai.usage.prompt_tokens': 4, 'gen_ai.usage.completion_tokens': 2 },
  ],
  [
    'workers/binding-stream',
    'json',
    undefined,
    { ...WORKERS_AI, 'gen_ai.usage.prompt_tokens': 4, 'gen_ai.usage.completion_tokens': 2 },
  ],
  ['request', 'json', 'stop', OPENAI],
]

describe('a call of a model', () => {
  test.each(CASES)(
    '%s (%s): the client gets the same, the session has the call',
    async (path, mode, finish, expected, tool) => {
      const found = await session(path, mode)
      const [span, ...more] = llms(found)
      expect(more).toEqual([])
      expect(span).toMatchObject({ kind: 3, status: { code: 1 }, attributes: expected })
      const { attributes } = span as CollectedSpan
      expect(span?.name).toBe('gen_ai.operation.name' in expected ? 'generate_content.llm' : 'chat.llm')
      // What has no content and no call is not there: AgentOps' page would show its role.
      expect(attributes['gen_ai.completion.0.finish_reason']).toBe(tool && finish)
      expect(attributes['gen_ai.response.finish_reasons']).toEqual(finish && [finish])
      expect(attributes['gen_ai.completion.0.tool_calls.0.id']).toBe(tool)
      expect(attributes['gen_ai.completion.0.tool_calls.0.name']).toBe(tool && 'get_weather')
      if (path.includes('stream')) expect(attributes['gen_ai.response.time_to_first_chunk']).toBeGreaterThanOrEqual(0)
      else expect(attributes['gen_ai.response.time_to_first_chunk']).toBeUndefined()
      // No contents, and no second span for the request.
      expect(JSON.stringify(attributes)).not.toMatch(/gen_ai.prompt\.|gr\u00fc|sk-never|Oslo/)
      // Anthropic's client has made a span for the call itself.
      expect(found.spans.filter(({ name }) => name.startsWith('POST '))).toHaveLength(
        path.startsWith('anthropic') ? 1 : 0,
      )
    },
  )

  test.each(CASES.filter(([path]) => path !== 'request'))(
    '%s (%s) with captureContent',
    async (path, mode, _, __, tool) => {
      const [span] = llms(await session(path, mode, '&content'))
      const { attributes } = span as CollectedSpan
      const prompts = Object.entries(attributes).filter(([name]) => /^gen_ai\.prompt\.\d+\.content$/.test(name))
      expect(
        prompts.some(
          ([, value]) => `${value}`.includes(path.startsWith('workers') ? '' : 'ask') || value === '[hidden]',
        ),
      ).toBe(true)
      // A call of a tool has no text in two of the APIs.
      const said = attributes['gen_ai.completion.0.content']
      if (path.startsWith('workers/binding')) expect(said).toMatch(/^sai?d/)
      else if (tool && path.startsWith('openai')) expect(said).toBeUndefined()
      else expect(SAID.startsWith(`${said}`)).toBe(true)
      if (tool)
        expect(JSON.parse(`${attributes['gen_ai.completion.0.tool_calls.0.arguments']}`)).toEqual({ city: 'Oslo' })
    },
  )

  test('embeddings', async () => {
    const [span] = llms(await session('openai/embeddings', 'json'))
    expect(span).toMatchObject({
      name: 'embeddings.llm',
      attributes: {
        'gen_ai.operation.name': 'embeddings',
        'gen_ai.request.type': 'embedding',
        'gen_ai.request.model': 'text-embedding-3-small',
        'gen_ai.usage.prompt_tokens': 5,
      },
    })
  })

  test('the tools that it asked for are linked to the events that answer, by their arguments', async () => {
    const found = await session('openai/chat', 'tools')
    const [span] = llms(found)
    const tools = found.spans.filter(({ name }) => name === 'get_weather.tool')
    expect(tools.map(({ attributes }) => attributes['tool.id'])).toEqual(['call_2', 'call_1'])
    for (const { links, attributes } of tools) {
      expect(links).toMatchObject([
        { spanId: span?.spanId, attributes: { 'gen_ai.tool.call.id': attributes['tool.id'] } },
      ])
    }
  })

  test('inside an llm event of the user’s it is that event, not a second one', async () => {
    const found = await session('inside', 'json')
    expect(llms(found)).toHaveLength(1)
    expect(llms(found)[0]?.attributes).toMatchObject({
      'gen_ai.usage.prompt_tokens': 12,
      'gen_ai.usage.input_tokens': 20,
      'gen_ai.response.model': 'gpt-4o-mini-2024-07-18',
    })
  })
})

test.each(['binding-raw', 'binding-json'])('the binding’s other answers: %s', async (task) => {
  const [span, ...more] = llms(await session(`workers/${task}`, 'json', '&content'))
  expect(more).toEqual([])
  expect(span?.attributes).toMatchObject({
    'gen_ai.request.model': '@cf/meta/llama-3.1-8b-instruct',
    'gen_ai.completion.0.content': task === 'binding-raw' ? 'raw' : '{"said":"yes"}',
    'gen_ai.usage.prompt_tokens': 4,
    'gen_ai.usage.completion_tokens': 2,
  })
})

test('a stream that llm() returned, read after it', async () => {
  const [span, ...more] = llms(await session('later', 'json'))
  expect(more).toEqual([])
  expect(span).toMatchObject({
    status: { code: 1 },
    attributes: {
      'gen_ai.usage.prompt_tokens': 12,
      'gen_ai.usage.input_tokens': 20,
      'gen_ai.usage.completion_tokens': 12,
      'gen_ai.usage.total_tokens': 32,
    },
  })
})

describe('what goes wrong', () => {
  test.each([
    ['openai/chat', 'error', 'bad', '400 bad'],
    ['openai/chat', 'gateway', '502', '502 POST 127.0.0.1'],
    ['anthropic/message', 'error', 'overloaded_error', 'overloaded_error'],
    ['google/content', 'error', 'RESOURCE_EXHAUSTED', '429 RESOURCE_EXHAUSTED'],
    ['bedrock/chat', 'error', 'ValidationException', '400 ValidationException'],
    ['openai/stream', 'midstream', 'overloaded', '200 overloaded'],
    ['anthropic/stream', 'midstream', 'overloaded_error', 'overloaded_error'],
    ['workers/binding-throws', 'json', 'TypeError', 'TypeError'],
  ])('%s (%s) is %s', async (path, mode, type, message) => {
    const found = await session(path, mode)
    const [span] = llms(found)
    expect(span).toMatchObject({ status: { code: 2, message }, attributes: { 'error.type': type } })
    expect(saidBy(found.spans)).not.toContain(SECRET)
  })

  test('a client that leaves in mid-stream is no failure: what it had is there, as incomplete', async () => {
    const [span] = llms(await session('openai/stream', 'hang', '&leave'))
    expect(span).toMatchObject({ status: { code: 0 }, attributes: { 'agentops.incomplete': true } })
    expect(span?.attributes['error.type']).toBeUndefined()
    // Anthropic's client has a span of its own.
    const { spans } = await session('anthropic/stream', 'hang', '&leave')
    expect(spans.find(({ name }) => name.startsWith('POST '))?.status).toMatchObject({ code: 0 })
    // Google's leaves the body as it is, neither read nor cancelled: the session's end is its end.
    const [left] = llms(await session('google/stream', 'hang', '&leave'))
    expect(left?.attributes).toMatchObject({
      'agentops.incomplete': true,
      'gen_ai.response.model': 'gemini-2.5-flash-001',
    })
  })

  test('nobody listens', async () => {
    const path = `${worker.url}/request?base=http://127.0.0.1:1&secret=${SECRET}`
    expect(await (await fetch(path)).json()).toMatchObject({ message: expect.any(String) })
    const [span] = llms(await backend.session())
    expect(span?.status.code).toBe(2)
  })

  test('an error that the handler does not catch shows nothing of what the provider quoted', async () => {
    await ask('openai/chat', 'error', '&throw')
    const { root, spans } = await backend.session()
    expect(root).toMatchObject({ status: { code: 2 }, attributes: { 'agentops.session.end_state': 'Fail' } })
    expect(saidBy(spans)).not.toContain(SECRET)
    expect(saidBy(spans)).not.toContain(MESSAGE)
  })
})

describe('tools over MCP', () => {
  test.each([
    ['json', 1, 'succeeded'],
    ['stream', 1, 'succeeded'],
    ['error', 2, 'failed'],
    ['refused', 2, 'failed'],
  ])('%s', async (mode, code, status) => {
    const { spans } = await session('mcp/tools', mode)
    const [tool] = spans.filter(({ name }) => name === 'search.tool')
    expect(tool).toMatchObject({
      status: { code },
      attributes: { 'tool.name': 'search', 'tool.status': status, 'mcp.method.name': 'tools/call' },
    })
    expect(JSON.stringify(tool?.attributes)).not.toContain(SECRET)
  })

  test('with captureContent', async () => {
    const { spans } = await session('mcp/tools', 'stream', '&content')
    const [tool] = spans.filter(({ name }) => name === 'search.tool')
    expect(JSON.parse(`${tool?.attributes['tool.parameters']}`)).toEqual({ q: SECRET, task: 'tools' })
    expect(tool?.attributes['tool.result']).toContain('found')
  })
})

describe('the AI SDK', () => {
  test('its spans are the session’s, as AgentOps reads them; the request is no second call', async () => {
    const found = await session('ai/generate', 'tools')
    expect(llms(found)).toHaveLength(2)
    for (const { name, attributes } of llms(found)) {
      expect(name).toBe('chat.llm')
      expect(attributes).toMatchObject({
        'gen_ai.request.model': 'gpt-4o-mini',
        'gen_ai.usage.prompt_tokens': 12,
        'gen_ai.usage.completion_tokens': 12,
      })
    }
    const tools = found.spans.filter(({ name }) => name === 'get_weather.tool')
    expect(tools.map(({ attributes }) => [attributes['tool.id'], attributes['tool.status']])).toEqual([
      ['call_1', 'succeeded'],
      ['call_2', 'succeeded'],
    ])
    expect(found.spans.filter(({ name }) => name.startsWith('POST '))).toHaveLength(2)
    expect(found.spans.filter(({ name }) => name.endsWith('.agent'))).toHaveLength(1)
    expect(saidBy(found.spans)).not.toContain(SECRET)
  })

  test('streamed, with captureContent', async () => {
    const [span] = llms(await session('ai/stream', 'json', '&content'))
    expect(span?.attributes).toMatchObject({
      'gen_ai.prompt.0.role': 'user',
      'gen_ai.completion.0.content': SAID,
      'gen_ai.completion.0.finish_reason': 'stop',
      'gen_ai.usage.prompt_tokens': 12,
    })
  })

  test('an embedding is one call, by whichever of its two spans', async () => {
    const found = await session('ai/embed', 'json')
    expect(llms(found)).toHaveLength(1)
    expect(llms(found)[0]).toMatchObject({
      name: 'embeddings.llm',
      attributes: { 'gen_ai.request.model': 'text-embedding-3-small', 'gen_ai.usage.prompt_tokens': 5 },
    })
    const counted = found.spans.filter(({ attributes }) => 'gen_ai.usage.input_tokens' in attributes)
    expect(counted).toHaveLength(1)
  })

  test('an error', async () => {
    const found = await session('ai/generate', 'error')
    expect(llms(found)[0]?.status.code).toBe(2)
    expect(saidBy(found.spans)).not.toContain(SECRET)
  })
})

describe('any other request', () => {
  test.each(['length', 'stream', 'refused', 'empty'])('%s: the response goes on as it came', async (task) => {
    if (task === 'length') expect(await ask('fetch/length', 'json')).toContain('["content-length","11"]')
    const { spans } = await session(`fetch/${task}`, 'json')
    const [span] = spans.filter(({ name }) => name === 'GET 127.0.0.1')
    expect(span).toMatchObject({
      kind: 3,
      status: { code: task === 'refused' ? 2 : 1 },
      attributes: {
        'agentops.span.kind': 'http',
        'url.full': `${models.base('json')}/${task}`,
        'server.address': '127.0.0.1',
      },
    })
  })
})
