/** Everything in one line, and each off by its name. In Node, against a real server. */
import { trace } from '@opentelemetry/api'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createAgentOps } from '../../src/index.ts'
import { type CaptureAllOptions, captureAll, langChain, llmCalls } from '../../src/instrumentation/index.ts'
import { spansOf, toCollector } from '../support/collected.ts'
import { type RunningReplies, startReplies } from '../support/replies.ts'

let server: RunningReplies
beforeAll(async () => {
  server = await startReplies()
})
afterAll(() => server.close())

const ASKS = {
  model: 'm',
  choices: [
    {
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ id: 'call_1', function: { name: 'weather', arguments: '{}' } }] },
    },
  ],
  usage: { prompt_tokens: 12, completion_tokens: 3 },
}
const MCP = { accept: 'application/json, text/event-stream' }
const TOLD = [{ role: 'tool', tool_call_id: 'call_1', content: 'dry' }]

/** What a session shows of one of each. */
async function shown(options?: CaptureAllOptions): Promise<string[]> {
  const client = createAgentOps(toCollector({ mode: 'multi', instrumentations: captureAll(options) }))
  const post = async (path: string, body: object, answer: object, headers = {}): Promise<void> => {
    server.next({ bytes: JSON.stringify(answer) })
    await (await fetch(`${server.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).text()
  }
  const session = await client.withSession({ name: 'job' }, async (running) => {
    await post('/v1/chat/completions', { model: 'm', messages: [] }, ASKS)
    await post('/v1/chat/completions', { model: 'm', messages: TOLD }, ASKS)
    await post('/v2/chat', { model: 'command', messages: [] }, {})
    await post('/api/chat', { model: 'llama', messages: [] }, {})
    await post('/v1beta/interactions', { model: 'gemini', input: 'hi' }, {})
    await post('/v1/moderations', { model: 'omni', input: 'hi' }, {})
    await post('/model/nova/invoke', {}, {})
    await post('/model/claude/converse', {}, {})
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'search' } }
    await post('/mcp', call, { jsonrpc: '2.0', id: 1, result: {} }, MCP)
    await post('/rooms', {}, {})
    const says = { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'framework' }
    trace.getTracer('framework').startSpan('a tool', { attributes: says }).end()
    return running
  })
  const [, ...spans] = await spansOf(session)
  return spans.map(({ name, attributes }) => [name, attributes['gen_ai.request.model']].filter(Boolean).join(' '))
}

const ALL = [
  'chat.llm m',
  'weather.tool',
  'chat.llm m',
  'chat.llm command',
  'chat.llm llama',
  'chat.llm gemini',
  'moderation.llm omni',
  'chat.llm nova',
  'chat.llm claude',
  'search.tool',
  'POST 127.0.0.1',
  'framework.tool',
]
const HTTP = 'POST 127.0.0.1'
/** A call that is none of a model is a request. */
const without = (...names: string[]): string[] => ALL.map((name) => (names.includes(name) ? HTTP : name))

test('everything', async () => {
  const all = await shown()
  expect(all.toSorted()).toEqual(ALL.toSorted())
})

test.each<[string, CaptureAllOptions, string[]]>([
  ['bedrock', { bedrock: false }, without('chat.llm nova', 'chat.llm claude')],
  ['cohere', { cohere: false }, without('chat.llm command')],
  ['ollama', { ollama: false }, without('chat.llm llama')],
  ['interactions', { interactions: false }, without('chat.llm gemini')],
  ['openaiMore', { openaiMore: false }, without('moderation.llm omni')],
  ['mcp', { mcp: false }, without('search.tool')],
  ['tools', { tools: false }, ALL.filter((name) => name !== 'weather.tool')],
  ['fetch', { fetch: false }, ALL.filter((name) => name !== HTTP)],
  ['ai', { ai: false }, ALL.map((name) => (name === 'framework.tool' ? 'a tool' : name))],
  [
    'llm',
    { llm: false },
    ALL.filter((name) => name !== 'weather.tool').map((name) => (name === 'framework.tool' ? name : HTTP)),
  ],
  [
    'llm, with one of the user’s own in its place',
    { llm: llmCalls({ tools: false, except: ['aws.bedrock'] }) },
    without(
      'chat.llm nova',
      'chat.llm claude',
      'chat.llm command',
      'chat.llm llama',
      'chat.llm gemini',
      'moderation.llm omni',
    ).filter((name) => name !== 'weather.tool'),
  ],
])('without %s', async (_, options, expected) => {
  expect((await shown(options)).toSorted()).toEqual(expected.toSorted())
})

// A provider that has been registered stays for the process.
test('without global', () => {
  expect(captureAll({ global: false })).toMatchObject({ global: false, ai: { instruments: 'ai' } })
  expect(captureAll()).toMatchObject({ global: true })
})

test.each(['aiSdk', 'openaiAgents', 'cloudflareAgents'])('%s is told by its framework, or off', (name) => {
  expect(captureAll()).toMatchObject({ [name]: { instruments: name } })
  expect(captureAll({ [name]: false })).toMatchObject({ [name]: false })
})

test('langChain() only where it is passed', () => {
  expect(captureAll().langChain).toBeUndefined()
  const hooks = { registerConfigureHook: () => {}, setContextVariable: () => {} }
  expect(captureAll({ langChain: langChain(hooks) })).toMatchObject({ langChain: { instruments: 'langChain' } })
})

test('a name that nothing has is said', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  captureAll({ bedrok: false } as never)
  expect(warn.mock.calls).toEqual([[expect.stringContaining('captureAll: bedrok: nothing of this version')]])
  warn.mockRestore()
})
