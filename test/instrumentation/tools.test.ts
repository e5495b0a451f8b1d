/** Tools that only the models' own requests tell of. In Node, against a real server. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Attributes, trace } from '@opentelemetry/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSpan } from '../../src/collector/otlp.ts'
import { type AgentOpsOptions, createAgentOps, type Session, ToolEvent } from '../../src/index.ts'
import {
  aiSpans,
  cohere,
  interactions,
  llmCalls,
  ollama,
  tracedAi,
  tracedFetch,
} from '../../src/instrumentation/index.ts'
import { spansOf, toCollector } from '../support/collected.ts'
import { type RunningReplies, startReplies } from '../support/replies.ts'

let server: RunningReplies
beforeAll(async () => {
  server = await startReplies()
})
afterAll(() => server.close())

const llm = llmCalls({ wires: [cohere, interactions, ollama] })

async function run(options: AgentOpsOptions, work: (session: Session) => unknown): Promise<CollectedSpan[]> {
  const client = createAgentOps(
    toCollector({ captureContent: true, instrumentations: { llm, global: true }, ...options, mode: 'multi' }),
  )
  const session = await client.withSession({ name: 'job' }, async (running) => {
    await work(running)
    return running
  })
  return spansOf(session)
}

const post = async (path: string, body: object): Promise<string> =>
  (await fetch(`${server.url}${path}`, { method: 'POST', body: JSON.stringify(body) })).text()
/** Answers, each of which is asked for by the request beside it. */
async function exchange(path: string, ...turns: [request: object, answer: object][]): Promise<void> {
  for (const [request, answer] of turns) {
    server.next({ bytes: JSON.stringify(answer) })
    await post(path, request)
  }
}
const tools = (spans: readonly CollectedSpan[]): CollectedSpan[] =>
  spans.filter(({ attributes }) => attributes['agentops.span.kind'] === 'tool')
/** Name, call, parameters, result, and whether it failed. */
const toolsOf = (spans: readonly CollectedSpan[]): unknown[] =>
  tools(spans).map(({ attributes: of, status }) => [
    of['tool.name'],
    of['tool.id'],
    of['tool.parameters'],
    of['tool.result'],
    ...(status.code === 2 ? [of['error.type']] : []),
  ])
const linksOf = (spans: readonly CollectedSpan[]): unknown[] =>
  tools(spans).map(({ links }) => links.map(({ spanId }) => spans.findIndex((span) => span.spanId === spanId)))

const CHAT = '/v1/chat/completions'
type Call = [id: string | undefined, name: string, args: object]
const asks = (...calls: Call[]): object => ({
  choices: [
    {
      index: 0,
      finish_reason: 'tool_calls',
      message: {
        role: 'assistant',
        content: null,
        tool_calls: calls.map(([id, name, args]) => ({
          id,
          type: 'function',
          function: { name, arguments: JSON.stringify(args) },
        })),
      },
    },
  ],
})
const SAYS = { choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'done' } }] }
const ASK = { model: 'm', messages: [{ role: 'user', content: 'go' }] }
const told = (...results: [id: string | undefined, content: unknown, more?: object][]): object => ({
  model: 'm',
  messages: [
    { role: 'user', content: 'go' },
    { role: 'assistant', content: null, tool_calls: [] },
    ...results.map(([tool_call_id, content, more]) => ({ role: 'tool', tool_call_id, content, ...more })),
  ],
})
const OSLO: Call = ['call_1', 'weather', { city: 'Oslo' }]

interface Form {
  path: string
  asks: object
  told: object
  is: unknown[]
}
const forms: Record<string, Form> = {
  'chat completions': { path: CHAT, asks: asks(OSLO), told: told(['call_1', 'dry']), is: ['call_1', 'dry'] },
  'chat completions, in parts': {
    path: CHAT,
    asks: asks(OSLO),
    told: told(['call_1', [{ type: 'text', text: 'dry' }]]),
    is: ['call_1', 'dry'],
  },
  'the older functions': {
    path: CHAT,
    asks: {
      choices: [
        {
          finish_reason: 'function_call',
          message: { function_call: { name: 'weather', arguments: '{"city":"Oslo"}' } },
        },
      ],
    },
    told: { model: 'm', messages: [{ role: 'function', name: 'weather', content: 'dry' }] },
    is: [undefined, 'dry'],
  },
  Responses: {
    path: '/v1/responses',
    asks: {
      status: 'completed',
      output: [{ type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{"city":"Oslo"}' }],
    },
    told: { model: 'm', input: [{ type: 'function_call_output', call_id: 'call_1', output: 'dry' }] },
    is: ['call_1', 'dry'],
  },
  'a custom tool of Responses': {
    path: '/v1/responses',
    asks: {
      status: 'completed',
      output: [{ type: 'custom_tool_call', call_id: 'call_1', name: 'weather', input: '{"city":"Oslo"}' }],
    },
    told: { model: 'm', input: [{ type: 'custom_tool_call_output', call_id: 'call_1', output: 'dry' }] },
    is: ['call_1', 'dry'],
  },
  Anthropic: {
    path: '/v1/messages',
    asks: {
      type: 'message',
      stop_reason: 'tool_use',
      content: [{ type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Oslo' } }],
    },
    told: {
      model: 'm',
      messages: [
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'toolu_1',
              content: [{ type: 'text', text: 'locked' }],
              is_error: true,
            },
          ],
        },
      ],
    },
    is: ['toolu_1', 'locked', 'tool_error'],
  },
  'Gemini, with ids': {
    path: '/v1beta/models/gemini-2.5-flash:generateContent',
    asks: {
      candidates: [
        {
          finishReason: 'STOP',
          content: { parts: [{ functionCall: { id: 'fc_1', name: 'weather', args: { city: 'Oslo' } } }] },
        },
      ],
    },
    told: {
      contents: [
        { role: 'user', parts: [{ functionResponse: { id: 'fc_1', name: 'weather', response: { is: 'dry' } } }] },
      ],
    },
    is: ['fc_1', '{"is":"dry"}'],
  },
  'Gemini, an id that the result leaves out': {
    path: '/v1beta/models/gemini-2.5-flash:generateContent',
    asks: {
      candidates: [
        {
          finishReason: 'STOP',
          content: { parts: [{ functionCall: { id: 'fc_1', name: 'weather', args: { city: 'Oslo' } } }] },
        },
      ],
    },
    told: { contents: [{ parts: [{ functionResponse: { name: 'weather', response: { is: 'dry' } } }] }] },
    is: ['fc_1', '{"is":"dry"}'],
  },
  'Gemini, without': {
    path: '/v1beta/models/gemini-2.5-flash:generateContent',
    asks: {
      candidates: [
        { finishReason: 'STOP', content: { parts: [{ functionCall: { name: 'weather', args: { city: 'Oslo' } } }] } },
      ],
    },
    told: { contents: [{ parts: [{ functionResponse: { name: 'weather', response: { error: 'locked' } } }] }] },
    is: [undefined, '{"error":"locked"}', 'tool_error'],
  },
  'Gemini’s Interactions': {
    path: '/v1beta/interactions',
    asks: {
      status: 'requires_action',
      steps: [{ type: 'function_call', id: 'fc_1', name: 'weather', arguments: { city: 'Oslo' } }],
    },
    told: { model: 'm', input: [{ type: 'function_result', call_id: 'fc_1', name: 'weather', result: 'dry' }] },
    is: ['fc_1', 'dry'],
  },
  'Bedrock’s Converse': {
    path: '/model/nova/converse',
    asks: {
      stopReason: 'tool_use',
      output: {
        message: { content: [{ toolUse: { toolUseId: 'use_1', name: 'weather', input: { city: 'Oslo' } } }] },
      },
    },
    told: {
      messages: [
        {
          role: 'user',
          content: [{ toolResult: { toolUseId: 'use_1', content: [{ json: { is: 'locked' } }], status: 'error' } }],
        },
      ],
    },
    is: ['use_1', '[{"json":{"is":"locked"}}]', 'tool_error'],
  },
  Cohere: {
    path: '/v2/chat',
    asks: {
      finish_reason: 'TOOL_CALL',
      message: { tool_calls: [{ id: 'weather_1', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }] },
    },
    told: told(['weather_1', [{ type: 'document', document: { data: 'dry' } }]]),
    is: ['weather_1', '[{"type":"document","document":{"data":"dry"}}]'],
  },
  Ollama: {
    path: '/api/chat',
    asks: {
      done: true,
      done_reason: 'stop',
      message: { tool_calls: [{ function: { name: 'weather', arguments: { city: 'Oslo' } } }] },
    },
    told: told([undefined, 'dry', { tool_name: 'weather' }]),
    is: [undefined, 'dry'],
  },
}

describe('a tool that nobody shows: from the answer that asks for it to the request that brings its result', () => {
  test.each(Object.entries(forms))('%s', async (_, { path, asks, told, is: [id, result, ...failed] }) => {
    const spans = await run({}, () => exchange(path, [{ ...ASK, contents: [] }, asks], [told, SAYS], [told, SAYS]))
    expect(toolsOf(spans)).toEqual([['weather', id, '{"city":"Oslo"}', result, ...failed]])
    expect(linksOf(spans)).toEqual([[1]])
  })

  test('the binding of Workers AI', async () => {
    const answers = [{ tool_calls: [{ name: 'weather', arguments: { city: 'Oslo' } }] }, { response: 'dry' }]
    const ai = tracedAi({ run: async (..._: unknown[]) => answers.shift() })
    const spans = await run({}, async () => {
      await ai.run('@cf/m', { messages: [{ role: 'user', content: 'go' }] })
      await ai.run('@cf/m', { messages: [{ role: 'tool', name: 'weather', content: 'dry' }] })
    })
    expect(toolsOf(spans)).toEqual([['weather', undefined, '{"city":"Oslo"}', 'dry']])
  })

  test('its times, and its place beside the calls that it is between', async () => {
    const spans = await run({}, async (session) => {
      await session.agent('planner', async () => {
        await exchange(CHAT, [ASK, asks(OSLO)])
        await sleep(400)
        await session.action('next step', () => exchange(CHAT, [told(['call_1', 'dry']), SAYS]))
      })
      await session.llm('m', () => exchange(CHAT, [ASK, asks(OSLO)]))
      await exchange(CHAT, [told(['call_1', 'wet']), SAYS])
    })
    const [one, two] = tools(spans) as [CollectedSpan, CollectedSpan]
    const [asked, answered] = spans.filter(({ name }) => name === 'chat.llm') as [CollectedSpan, CollectedSpan]
    const planner = spans.find(({ name }) => name === 'planner.agent')
    expect(one.parentSpanId).toBe(planner?.spanId)
    expect(one.attributes['agent.name']).toBe('planner')
    expect(two.parentSpanId).toBe(spans[0]?.spanId)
    expect(Math.abs(Number(one.start - asked.end))).toBeLessThan(200e6)
    expect(Math.abs(Number(one.end - answered.start))).toBeLessThan(200e6)
    expect(Number(one.end - one.start)).toBeGreaterThan(300e6)
  })

  test('several of one answer, in its order', async () => {
    const calls: Call[] = [OSLO, ['call_2', 'weather', { city: 'Rome' }], ['call_3', 'weather', { city: 'Lima' }]]
    const results = told(['call_2', 'hot'], ['call_1', 'dry'])
    const late = told(['call_3', 'wet'])
    const spans = await run({}, () => exchange(CHAT, [ASK, asks(...calls)], [results, SAYS], [late, SAYS]))
    expect(toolsOf(spans).sort()).toEqual([
      ['weather', 'call_1', '{"city":"Oslo"}', 'dry'],
      ['weather', 'call_2', '{"city":"Rome"}', 'hot'],
      ['weather', 'call_3', '{"city":"Lima"}', 'wet'],
    ])
    expect(linksOf(spans)).toEqual([[1], [1], [1]])
  })

  test('ids that begin anew with each answer, and none: the newest result is the call’s', async () => {
    const history = [
      { role: 'assistant', content: '' },
      { role: 'tool', tool_call_id: 'call_1', content: 'old' },
      { role: 'tool', name: 'train', content: 'old' },
      { role: 'assistant', content: '' },
    ]
    const train: Call = [undefined, 'train', {}]
    const spans = await run({}, () =>
      exchange(
        CHAT,
        [ASK, asks(OSLO, train)],
        [{ model: 'm', messages: history }, SAYS],
        [{ model: 'm', messages: history }, asks(OSLO)],
        [{ model: 'm', messages: [...history, { role: 'tool', tool_call_id: 'call_1', content: 'new' }] }, SAYS],
      ),
    )
    expect(toolsOf(spans)).toEqual([
      ['weather', 'call_1', '{"city":"Oslo"}', 'old'],
      ['weather', 'call_1', '{"city":"Oslo"}', 'new'],
    ])
  })

  test('none of another session’s, none without a result, none where tools are off', async () => {
    const other = await run({}, () => exchange(CHAT, [ASK, asks(OSLO)], [ASK, SAYS]))
    const here = await run({}, () => exchange(CHAT, [told(['call_1', 'dry']), SAYS]))
    const off = { instrumentations: { llm: llmCalls({ tools: false }) } }
    const none = await run(off, () => exchange(CHAT, [ASK, asks(OSLO)], [told(['call_1', 'dry']), SAYS]))
    expect([other, here, none].map(toolsOf)).toEqual([[], [], []])
  })

  test('without contents: neither what it was given nor what it gave, of one that failed neither', async () => {
    const { path, asks: asked, told: failed } = forms.Anthropic as Form
    const spans = await run({ captureContent: false }, async () => {
      await exchange(CHAT, [ASK, asks(OSLO)], [told(['call_1', 'dry']), SAYS])
      await exchange(path, [ASK, asked], [failed, SAYS])
    })
    expect(toolsOf(spans)).toEqual([
      ['weather', 'call_1', undefined, undefined],
      ['weather', 'toolu_1', undefined, undefined, 'tool_error'],
    ])
    expect(JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toMatch(
      /Oslo|dry|locked/,
    )
  })

  test('contents that instrumentations see are no values of the user’s own events', async () => {
    const spans = await run({ recordValues: false }, () =>
      exchange(CHAT, [ASK, asks(OSLO)], [told(['call_1', 'dry']), SAYS]),
    )
    expect(toolsOf(spans)).toEqual([['weather', 'call_1', '{"city":"Oslo"}', 'dry']])
  })

  test('requests and answers of any form do no harm', async () => {
    const odd = [
      null,
      7,
      { role: 'tool' },
      { role: 'tool', tool_call_id: {}, content: { toString: 1 } },
      { content: [null] },
    ]
    const spans = await run({}, () =>
      exchange(CHAT, [ASK, asks(OSLO)], [{ model: 'm', messages: odd, input: 'x', contents: {} }, SAYS]),
    )
    expect(spans.filter(({ name }) => name === 'chat.llm')).toHaveLength(2)
    expect(toolsOf(spans)).toEqual([])
  })
})

describe('a tool that a span of the session shows is told once', () => {
  const both = (between: (session: Session) => unknown, call = OSLO) =>
    run({ instrumentations: { llm, ai: aiSpans(), global: true } }, async (session) => {
      await exchange(CHAT, [ASK, asks(call)])
      await between(session)
      await exchange(CHAT, [told([call[0], 'dry']), SAYS])
    })
  const span = (attributes: Attributes): void => trace.getTracer('framework').startSpan('a tool', { attributes }).end()

  test.each<[string, (session: Session) => unknown, Call?]>([
    ['by its name: the user’s', (session) => session.tool('weather', {}, () => 'dry')],
    ['by its name: recorded', (session) => session.record(new ToolEvent({ name: 'weather' }))],
    ['one that still runs', (session) => void session.tool('weather', {}, () => sleep(50))],
    [
      'by its id: a framework’s',
      () => span({ 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.call.id': 'call_1' }),
    ],
    ['by its id: the AI SDK’s', () => span({ 'ai.operationId': 'ai.toolCall', 'ai.toolCall.id': 'call_1' })],
    ['by its name: OpenInference’s', () => span({ 'openinference.span.kind': 'TOOL', 'tool.name': 'weather' })],
    [
      'of an MCP server, whose name the model is told before it',
      async (session) => {
        const headers = { accept: 'application/json, text/event-stream' }
        const params = { name: 'weather', arguments: { city: 'Oslo' } }
        const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
        server.next({ bytes: JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [] } }) })
        await session.action('client', async () =>
          (await fetch(`${server.url}/mcp`, { method: 'POST', headers, body })).text(),
        )
      },
      ['call_1', 'meteo__weather', { city: 'Oslo' }],
    ],
  ])('%s', async (_, between, call) => {
    const spans = await both(between, call)
    expect(tools(spans)).toHaveLength(1)
    expect(linksOf(spans)).toEqual([[1]])
    expect(tools(spans)[0]?.attributes['tool.id']).toBe('call_1')
  })

  test('without aiSpans() a framework’s counts, too', async () => {
    const spans = await run({}, async () => {
      await exchange(CHAT, [ASK, asks(OSLO)])
      span({ 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.call.id': 'call_1' })
      await exchange(CHAT, [told(['call_1', 'dry']), SAYS])
    })
    expect(toolsOf(spans)).toEqual([])
    expect(spans.find(({ name }) => name === 'a tool')?.attributes).toMatchObject({
      'gen_ai.tool.call.arguments': '{"city":"Oslo"}',
    })
  })

  test('one that began before the answer was over', async () => {
    const events = [
      {
        delta: {
          tool_calls: [{ index: 0, id: 'call_1', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }],
        },
      },
      { delta: {}, finish_reason: 'tool_calls' },
    ].map((choice) => new TextEncoder().encode(`data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`))
    const spans = await run({}, async (session) => {
      const parts = new TransformStream()
      const writer = parts.writable.getWriter()
      const { body } = await tracedFetch.via({ fetch: async () => new Response(parts.readable) })(
        `${server.url}${CHAT}`,
        { method: 'POST', body: JSON.stringify(ASK) },
      )
      const reader = (body as ReadableStream).getReader()
      void writer.write(events[0])
      await reader.read()
      session.tool('weather', { city: 'Oslo' }, () => 'dry')
      void writer.write(events[1])
      void writer.close()
      while (!(await reader.read()).done);
      await exchange(CHAT, [told(['call_1', 'dry']), SAYS])
    })
    // It is over, and takes no link any more.
    expect(toolsOf(spans)).toEqual([['weather', undefined, '{"city":"Oslo"}', 'dry']])
  })

  test('another tool of the session is not the one', async () => {
    const spans = await both((session) => session.tool('train', {}, () => 'late'))
    expect(toolsOf(spans).sort()).toEqual([
      ['train', undefined, '{}', 'late'],
      ['weather', 'call_1', '{"city":"Oslo"}', 'dry'],
    ])
  })
})
