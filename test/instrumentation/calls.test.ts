/** What a session says of a model's calls: each once, with what it took, and how it ended. In Node, against a real server. */
import { context, type Span, trace } from '@opentelemetry/api'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { CollectedSpan } from '../../src/collector/otlp.ts'
import { type AgentOpsOptions, createAgentOps, LLMEvent, type Session } from '../../src/index.ts'
import {
  aiSpans,
  bedrockInvoke,
  cohere,
  fetchCalls,
  interactions,
  llmCalls,
  ollama,
  openaiMore,
} from '../../src/instrumentation/index.ts'
import { ANSWERS, type Answered, bodyOf, MORE_ANSWERS } from '../support/answers.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'
import { type RunningReplies, startReplies } from '../support/replies.ts'

let server: RunningReplies
beforeAll(async () => {
  server = await startReplies()
})
afterAll(() => server.close())

const llm = llmCalls()
const instrumentations = { llm, ai: aiSpans(), global: true }

async function run(options: AgentOpsOptions, work: (session: Session) => unknown): Promise<CollectedSpan[]> {
  const client = createAgentOps(toCollector({ instrumentations, ...options, mode: 'multi' }))
  const session = await client.withSession({ name: 'job' }, async (running) => {
    await work(running)
    return running
  })
  return spansOf(session)
}
const llms = (spans: readonly CollectedSpan[]): CollectedSpan[] =>
  spans.filter(({ attributes }) => attributes['agentops.span.kind'] === 'llm')
const tokens = ({ attributes }: CollectedSpan): unknown[] => [
  attributes['gen_ai.usage.prompt_tokens'],
  attributes['gen_ai.usage.completion_tokens'],
  attributes['gen_ai.usage.total_tokens'],
]

const CHAT = '/v1/chat/completions'
const ASK = { model: 'm', messages: [{ role: 'user', content: 'ask' }] }
const usage = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 }
const answer = (id = 'chatcmpl-7'): string =>
  JSON.stringify({
    id,
    model: 'm-2026',
    choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
    usage,
  })
const chunks = [
  { id: 'chatcmpl-7', model: 'm-2026', choices: [{ index: 0, delta: { content: 'hi' } }] },
  { id: 'chatcmpl-7', model: 'm-2026', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
  { id: 'chatcmpl-7', model: 'm-2026', choices: [], usage },
]
const stream = (events: readonly object[] = chunks): string =>
  `${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')}data: [DONE]\n\n`
const post = (path = CHAT, body: object = ASK, init: RequestInit = {}): Promise<Response> =>
  fetch(`${server.url}${path}`, { method: 'POST', body: JSON.stringify(body), ...init })
const ask = async (path?: string, body?: object): Promise<string> => (await post(path, body)).text()

describe('what is said of an answer', () => {
  const all = Object.entries({ ...ANSWERS, ...MORE_ANSWERS }).flatMap(([api, cases]) =>
    cases.map((one) => [api, one.name, one] as const),
  )
  test.each(all)('%s: %s', async (api, _, answered: Answered) => {
    const { bytes, type } = bodyOf(answered)
    const { status, headers, said } = answered
    server.next({ status, bytes, piece: 50, headers: { ...(type && { 'content-type': type }), ...headers } })
    const wires = api in MORE_ANSWERS ? [cohere, ollama, interactions, openaiMore, bedrockInvoke] : []
    let got = new Uint8Array()
    const spans = await run({ captureContent: true, instrumentations: { llm: llmCalls({ wires }) } }, async () => {
      got = new Uint8Array(await (await post(answered.path, answered.request ?? ASK)).arrayBuffer())
    })
    expect(got).toEqual(bytes)
    const [span, ...more] = llms(spans)
    expect(more).toEqual([])
    const { attributes, status: state } = span as CollectedSpan
    const tools = said.tools?.flatMap(([name, id, args], n) => [
      [`gen_ai.completion.0.tool_calls.${n}.name`, name],
      [`gen_ai.completion.0.tool_calls.${n}.id`, id],
      [`gen_ai.completion.0.tool_calls.${n}.arguments`, args],
    ])
    const expected = {
      'gen_ai.response.id': said.id,
      'gen_ai.completion.0.content': said.text,
      // Without an answer there is no message that says why it ended.
      [said.text || tools ? 'gen_ai.completion.0.finish_reason' : 'none']: said.text || tools ? said.finish : undefined,
      'gen_ai.usage.input_tokens': said.in,
      // As AgentOps adds the cached ones to it.
      'gen_ai.usage.prompt_tokens': said.in && said.in - (said.cacheRead ?? 0) - (said.cacheWrite ?? 0),
      'gen_ai.usage.completion_tokens': said.out,
      'gen_ai.usage.total_tokens': said.total,
      'gen_ai.usage.cache_read_input_tokens': said.cacheRead,
      'gen_ai.usage.cache_creation_input_tokens': said.cacheWrite,
      'gen_ai.usage.reasoning_tokens': said.reasoning,
      'gen_ai.usage.total_cost': said.cost?.toString(),
      'error.type': said.error,
      ...Object.fromEntries(tools ?? []),
    }
    if (said.finish) expect(attributes['gen_ai.response.finish_reasons']).toEqual([said.finish])
    for (const [name, value] of Object.entries(expected)) expect([name, attributes[name]]).toEqual([name, value])
    expect(state.code).toBe(said.error ? 2 : 1)
    // A failed call has no model that answered, unless one did.
    if (said.error || said.model) expect(attributes['gen_ai.response.model']).toBe(said.model)
  })
})

describe('an event stream that does not say so', () => {
  test.each([
    ['no content type', {}],
    ['another one', { 'content-type': 'application/json' }],
    ['plain text', { 'content-type': 'text/plain' }],
    ['in other case', { 'content-type': 'Text/Event-Stream' }],
  ])('%s', async (_, headers) => {
    server.next({ bytes: stream(), headers: headers as Record<string, string>, piece: 7 })
    const spans = await run({}, () => ask(CHAT, { ...ASK, stream: true }))
    expect(tokens(named(spans, 'chat.llm'))).toEqual([12, 5, 17])
    expect(named(spans, 'chat.llm').attributes['gen_ai.response.time_to_first_chunk']).toBeGreaterThanOrEqual(0)
  })

  test('JSON that says it is one', async () => {
    server.next({ bytes: answer(), headers: { 'content-type': 'text/event-stream' } })
    expect(tokens(named(await run({}, () => ask()), 'chat.llm'))).toEqual([12, 5, 17])
  })

  test('an event that is too large is left out, what comes after it is read', async () => {
    const large = { ...chunks[0], choices: [{ index: 0, delta: { content: 'x'.repeat(5 << 20) } }] }
    server.next({ bytes: stream([large, ...chunks]), headers: { 'content-type': 'text/event-stream' } })
    expect(tokens(named(await run({}, () => ask()), 'chat.llm'))).toEqual([12, 5, 17])
  })
})

test('a request that holds what it should not is sent, and its answer is read', async () => {
  for (const messages of [
    [null, 'text', 5, [], { content: null }, { role: 5, content: [null, { text: 5 }] }],
    'text',
    {},
  ]) {
    server.next({ bytes: answer() })
    const spans = await run({ captureContent: true }, () =>
      ask(CHAT, { ...ASK, messages, temperature: '1', top_p: null }),
    )
    expect(tokens(named(spans, 'chat.llm'))).toEqual([12, 5, 17])
  }
})

test('the older completions are text_completion; what answered before is named', async () => {
  server.next({ bytes: answer() })
  const spans = await run({}, () => ask('/v1/completions', { model: 'm', prompt: 'ask' }))
  expect(named(spans, 'text_completion.llm').attributes['gen_ai.operation.name']).toBe('text_completion')
  server.next({ bytes: '{}' })
  const body = {
    model: 'm',
    input: 'ask',
    previous_response_id: 'resp_0',
    max_output_tokens: 9,
    temperature: 0.5,
    seed: 3,
  }
  expect(named(await run({}, () => ask('/v1/responses', body)), 'chat.llm').attributes).toMatchObject({
    'gen_ai.request.previous_response.id': 'resp_0',
    'gen_ai.request.max_tokens': 9,
    'gen_ai.request.temperature': 0.5,
    'gen_ai.request.seed': 3,
  })
})

test('tokens by modality', async () => {
  const details = { audio_tokens: 4, text_tokens: 8, cached_tokens: 0 }
  const json = { usage: { ...usage, prompt_tokens_details: details, completion_tokens_details: { audio_tokens: 3 } } }
  server.next({ bytes: JSON.stringify(json) })
  expect(named(await run({}, () => ask()), 'chat.llm').attributes).toMatchObject({
    'gen_ai.usage.audio.input_tokens': 4,
    'gen_ai.usage.text.input_tokens': 8,
    'gen_ai.usage.audio.output_tokens': 3,
  })
  const modality = (kind: string, tokenCount: number): object => ({ modality: kind, tokenCount })
  const usageMetadata = { promptTokenCount: 12, promptTokensDetails: [modality('TEXT', 2), modality('IMAGE', 10)] }
  server.next({ bytes: JSON.stringify({ usageMetadata }) })
  const spans = await run({}, () => ask('/v1beta/models/g:generateContent', { contents: [] }))
  expect(named(spans, 'generate_content.llm').attributes).toMatchObject({
    'gen_ai.usage.text.input_tokens': 2,
    'gen_ai.usage.image.input_tokens': 10,
  })
})

describe('cost', () => {
  const prices = {
    'm-2026': { input: 2, output: 8, cacheRead: 0.5 },
    claude: { input: 3, output: 15, cacheWrite: 3.75 },
  }
  const options = { instrumentations: { llm: llmCalls({ prices }) } }
  const costOf = async (body: object, path?: string, request?: object): Promise<unknown> => {
    server.next({ bytes: JSON.stringify(body) })
    const spans = await run(options, () => ask(path, request))
    return llms(spans)[0]?.attributes['gen_ai.usage.total_cost']
  }
  test('of the prices that are passed, cached tokens by theirs', async () => {
    const spent = { prompt_tokens: 1000, completion_tokens: 100, prompt_tokens_details: { cached_tokens: 600 } }
    // (400 × 2 + 600 × 0.5 + 100 × 8) / 1e6
    expect(await costOf({ model: 'm-2026', usage: spent })).toBe('0.0019')
    const claude = {
      type: 'message',
      usage: { input_tokens: 10, output_tokens: 1, cache_read_input_tokens: 20, cache_creation_input_tokens: 4 },
    }
    // By the model that was asked for; (10 × 3 + 20 × 3 + 4 × 3.75 + 15) / 1e6
    expect(await costOf(claude, '/v1/messages', { ...ASK, model: 'claude' })).toBe('0.00012')
  })
  test('what the provider says stays; of an unknown model there is none', async () => {
    expect(await costOf({ model: 'm-2026', usage: { ...usage, cost: 0.5 } })).toBe('0.5')
    for (const model of ['other', 'constructor', '__proto__']) expect(await costOf({ model, usage })).toBeUndefined()
  })
  test('of a session it is the sum', async () => {
    server.next({ bytes: JSON.stringify({ model: 'm-2026', usage }) })
    let stats = {}
    await run(options, async (session) => {
      await ask()
      await ask()
      stats = session.stats
    })
    expect(stats).toMatchObject({ llms: 2, cost: expect.closeTo(2 * ((12 * 2 + 5 * 8) / 1e6), 9) })
  })
})

test.each<[string, string, object]>([
  ['chat completions', CHAT, { n: 3, reasoning_effort: 'high', response_format: { type: 'json_schema' } }],
  [
    'Responses',
    '/v1/responses',
    { input: 'hi', reasoning: { effort: 'high' }, text: { format: { type: 'json_object' } } },
  ],
  [
    'Gemini',
    '/v1beta/models/gemini-2.5-flash:generateContent',
    {
      contents: [],
      generationConfig: {
        candidateCount: 3,
        responseMimeType: 'application/json',
        thinkingConfig: { thinkingLevel: 'high' },
      },
    },
  ],
])('%s: how many answers, how much thought, and which form a request asks for', async (_, path, asked) => {
  server.next({ bytes: '{}' })
  const [span] = llms(await run({}, () => ask(path, { model: 'm', ...asked })))
  expect(span?.attributes).toMatchObject({
    ...(path.includes('responses') ? {} : { 'gen_ai.request.choice.count': 3 }),
    'gen_ai.request.reasoning.level': 'high',
    'gen_ai.output.type': 'json',
  })
  const [plain] = llms(
    await run({}, () => ask(path, { model: 'm', input: 'x', n: 1, reasoning: 'the prompt', text: 'said' })),
  )
  expect(Object.keys(plain?.attributes ?? {}).filter((name) => /choice|reasoning|output\.type/.test(name))).toEqual([])
})

test('AI Gateway’s log id is kept', async () => {
  server.next({ bytes: answer(), headers: { 'cf-aig-log-id': '01JADMCQQQBWH3NXZ5GCRN98DP' } })
  expect(named(await run({}, () => ask()), 'chat.llm').attributes['cloudflare.ai_gateway.log.id']).toBe(
    '01JADMCQQQBWH3NXZ5GCRN98DP',
  )
})

describe('one call, one event', () => {
  const json = { bytes: answer() }
  const sse = { bytes: stream(), headers: { 'content-type': 'text/event-stream' }, piece: 40 }

  test('a streamed call inside llm(): its tokens, also where it is read when llm() is over', async () => {
    const client = new OpenAI({ apiKey: 'none-of-it', baseURL: `${server.url}/v1`, maxRetries: 0 })
    const asked = { model: 'm', messages: [{ role: 'user' as const, content: 'ask' }], stream: true as const }
    const ways: Record<string, (session: Session) => Promise<unknown>> = {
      inside: (session) =>
        session.llm('m', async () => {
          for await (const _ of await client.chat.completions.create(asked));
        }),
      'by its iterator': async (session) => {
        const parts = await session.llm(
          'm',
          () => client.chat.completions.create(asked) as never as Promise<AsyncIterable<unknown>>,
        )
        for await (const _ of parts);
      },
      'out of an object': async (session) => {
        const { parts } = await session.llm('m', async () => ({ parts: await client.chat.completions.create(asked) }))
        for await (const _ of parts);
      },
      'as a text': async (session) => {
        const { response } = await session.llm('m', async () => ({ response: await post(CHAT, asked) }))
        await response.text()
      },
    }
    for (const [way, work] of Object.entries(ways)) {
      server.next(sse)
      const [span, ...more] = llms(await run({}, work))
      expect(more).toEqual([])
      expect([way, ...tokens(span as CollectedSpan)]).toEqual([way, 12, 5, 17])
      expect(span?.attributes['gen_ai.response.model']).toBe('m-2026')
    }
  })

  test('two calls inside one llm(): both counted', async () => {
    server.next(json)
    const spans = await run({}, (session) =>
      session.llm('m', async () => {
        await ask()
        await Promise.all([ask(), ask()])
      }),
    )
    expect(llms(spans).map(tokens)).toEqual([[36, 15, 51]])
  })

  test('what the user says of his event goes before, and his prompt is the only one', async () => {
    server.next(json)
    const many = { ...ASK, messages: [1, 2, 3].map((n) => ({ role: 'user', content: `wire ${n}` })) }
    const spans = await run({ captureContent: true }, (session) =>
      session.llm('mine', { prompt: [{ role: 'user', content: 'mine' }], promptTokens: 1 }, async (event) => {
        await ask(CHAT, many)
        event.completionTokens = 2
      }),
    )
    const { attributes } = named(spans, 'chat.llm')
    expect(Object.entries(attributes).filter(([name]) => name.startsWith('gen_ai.prompt.'))).toEqual([
      ['gen_ai.prompt.0.content', 'mine'],
      ['gen_ai.prompt.0.role', 'user'],
    ])
    expect(attributes).toMatchObject({
      'gen_ai.request.model': 'mine',
      'gen_ai.usage.prompt_tokens': 1,
      'gen_ai.usage.completion_tokens': 2,
      'gen_ai.usage.total_tokens': 3,
      'gen_ai.completion.0.content': 'hi',
    })
  })

  /** A span of a framework's, with what it says at its end. */
  const framework = async (
    attributes: Record<string, string | number>,
    work: (span: Span) => unknown,
    { active = true, atEnd = {} }: { active?: boolean; atEnd?: Record<string, string | number> } = {},
  ): Promise<void> => {
    const span = trace.getTracer('framework').startSpan('theirs', { attributes })
    await (active ? context.with(trace.setSpan(context.active(), span), () => work(span)) : work(span))
    span.setAttributes(atEnd)
    span.end()
  }
  const MODEL = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm' }
  const SPENT = { 'gen_ai.usage.input_tokens': 12, 'gen_ai.usage.output_tokens': 5 }
  /** Of all spans together, whatever they are called: a backend adds them up. */
  const counted = (spans: CollectedSpan[]): unknown[] => [
    llms(spans).length,
    spans.reduce((sum, { attributes }) => sum + Number(attributes['gen_ai.usage.prompt_tokens'] ?? 0), 0),
    spans.filter(
      ({ attributes }) => 'gen_ai.usage.input_tokens' in attributes || 'llm.token_count.prompt' in attributes,
    ).length,
  ]

  test('a plain span between (Next’s fetch)', async () => {
    server.next(json)
    const spans = await run({}, () =>
      framework(MODEL, () => framework({ 'http.method': 'POST' }, () => ask()), { atEnd: SPENT }),
    )
    expect(counted(spans)).toEqual([1, 12, 1])
    expect(named(spans, 'chat.llm').attributes['gen_ai.response.id']).toBe('chatcmpl-7')
  })

  test('another piece of work between is another call', async () => {
    server.next(json)
    const spans = await run({}, (session) => session.llm('m', () => session.tool('search', () => ask())))
    expect(llms(spans)).toHaveLength(2)
  })

  test('a span that is not the active one (OpenInference’s of LangChain), found by the response’s id', async () => {
    const own = {
      'openinference.span.kind': 'LLM',
      'llm.model_name': 'm',
      'llm.token_count.prompt': 12,
      'llm.token_count.completion': 5,
      'output.value': JSON.stringify({ generations: [[{ message: { kwargs: { id: 'chatcmpl-7' } } }]] }),
    }
    for (const captureContent of [false, true]) {
      server.next(json)
      const spans = await run({ captureContent }, () =>
        framework({ 'openinference.span.kind': 'LLM' }, () => ask(), { active: false, atEnd: own }),
      )
      expect(counted(spans)).toEqual([1, 12, 1])
      expect(spans.filter(({ attributes }) => attributes['gen_ai.prompt.0.content'])).toHaveLength(
        captureContent ? 1 : 0,
      )
    }
  })

  test('calls at once, each found by its id', async () => {
    server.next({ bytes: answer('chatcmpl-1') }, { bytes: answer('chatcmpl-2') }, { bytes: answer('chatcmpl-3') })
    const spans = await run({}, () =>
      Promise.all(
        [1, 2, 3].map(() => {
          const own: Record<string, string | number> = { ...SPENT }
          return framework(
            MODEL,
            async () => Object.assign(own, { 'gen_ai.response.id': JSON.parse(await ask()).id }),
            {
              active: false,
              atEnd: own,
            },
          )
        }),
      ),
    )
    expect(counted(spans)).toEqual([3, 36, 3])
  })

  test('a span that repeats those inside of it (Mastra’s)', async () => {
    const generation = { ...MODEL, 'mastra.span.type': 'model_generation' }
    const spans = await run({}, async () => {
      server.next(json)
      await framework(generation, () => framework(MODEL, () => ask(), { atEnd: SPENT }), { atEnd: SPENT })
    })
    expect(counted(spans)).toEqual([1, 12, 1])
  })

  test('a framework’s span inside llm() is part of that event', async () => {
    server.next(json)
    const spans = await run({}, (session) =>
      session.llm('m', async () => {
        await framework(MODEL, () => ask(), { atEnd: SPENT })
        await framework(MODEL, () => undefined, { atEnd: SPENT })
      }),
    )
    expect(counted(spans)).toEqual([1, 24, 1])
  })

  test('sums on an agent’s span are no call', async () => {
    server.next(json)
    const agent = { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'planner' }
    let stats = {}
    const spans = await run({}, async (session) => {
      await framework(agent, () => ask(), { atEnd: SPENT })
      stats = session.stats
    })
    expect(llms(spans).map(tokens)).toEqual([[12, 5, 17]])
    expect(stats).toMatchObject({ llms: 1 })
  })

  test('without aiSpans() the span is a model’s, too', async () => {
    server.next(json)
    const spans = await run({ instrumentations: { llm, global: true }, captureContent: true }, () =>
      framework(MODEL, () => ask()),
    )
    expect(llms(spans).map(tokens)).toEqual([[12, 5, 17]])
    expect(llms(spans)[0]?.attributes).toMatchObject({
      'gen_ai.prompt.0.content': 'ask',
      'gen_ai.completion.0.content': 'hi',
    })
  })

  test('prompts of one span come from one source', async () => {
    const many = { ...ASK, messages: [1, 2, 3].map((n) => ({ role: 'user', content: `wire ${n}` })) }
    const own = JSON.stringify([{ role: 'user', parts: [{ type: 'text', content: 'theirs' }] }])
    for (const attributes of [{ 'gen_ai.input.messages': own }, { 'gen_ai.prompt.0.content': 'theirs' }]) {
      server.next(json)
      const spans = await run({ captureContent: true }, () =>
        framework(MODEL, () => ask(CHAT, many), { atEnd: attributes as never }),
      )
      const prompts = Object.entries(named(spans, 'chat.llm').attributes).filter(([name]) =>
        /^gen_ai\.prompt\.\d+\.content/.test(name),
      )
      expect(prompts).toEqual([['gen_ai.prompt.0.content', 'theirs']])
    }
  })
})

describe('how it ends', () => {
  const options = { instrumentations: { ...instrumentations, fetch: fetchCalls() } }
  const hang = { bytes: stream(chunks.slice(0, 1)), headers: { 'content-type': 'text/event-stream' }, hang: true }
  const nothing = { bytes: '', hang: true }
  const read = async (response: Response): Promise<ReadableStreamDefaultReader<Uint8Array>> => {
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    return reader
  }
  test.each<[string, object, () => Promise<unknown>]>([
    [
      'aborted before it answers',
      nothing,
      async () => {
        const abort = new AbortController()
        setTimeout(() => abort.abort(), 20)
        await post(CHAT, ASK, { signal: abort.signal }).then((response) => response.text())
      },
    ],
    [
      'aborted with a reason of one’s own',
      nothing,
      async () => {
        const abort = new AbortController()
        setTimeout(() => abort.abort(new Error('enough')), 20)
        await post(CHAT, ASK, { signal: abort.signal }).then((response) => response.text())
      },
    ],
    [
      'a Request that is aborted with a reason',
      nothing,
      async () => {
        const abort = new AbortController()
        setTimeout(() => abort.abort({ code: 7 }), 20)
        const request = new Request(`${server.url}${CHAT}`, {
          method: 'POST',
          body: JSON.stringify(ASK),
          signal: abort.signal,
        })
        await fetch(request).then((response) => response.text())
      },
    ],
    [
      'aborted in mid-stream',
      hang,
      async () => {
        const abort = new AbortController()
        const reader = await read(await post(CHAT, ASK, { signal: abort.signal }))
        abort.abort()
        await reader.read()
      },
    ],
    [
      'the loser of a race',
      hang,
      () => Promise.race([post().then((response) => response.text()), new Promise((done) => setTimeout(done, 30))]),
    ],
    ['cancelled', hang, async () => (await read(await post())).cancel()],
    ['cancelled with a reason', hang, async () => (await read(await post())).cancel(new Error('enough'))],
    ['left unread', hang, () => post()],
  ])('%s: no failure', async (_, reply, work) => {
    server.next(reply as never)
    const spans = await run(options, () => work().catch(() => {}))
    const span = named(spans, 'chat.llm')
    expect(span.status.code).not.toBe(2)
    expect(span.attributes['error.type']).toBeUndefined()
    expect(span.attributes['gen_ai.request.model']).toBe('m')
  })

  test('a timeout is one', async () => {
    for (const reply of [nothing, hang]) {
      server.next(reply)
      const spans = await run(options, () =>
        post(CHAT, ASK, { signal: AbortSignal.timeout(60) })
          .then((response) => response.text())
          .catch(() => {}),
      )
      expect(named(spans, 'chat.llm')).toMatchObject({
        status: { code: 2 },
        attributes: { 'error.type': 'TimeoutError' },
      })
    }
  })

  test('a retried 429 says 429, whatever became of its body; the next attempt says what it was', async () => {
    const refused = {
      status: 429,
      bytes: '{"error":{"message":"slow"}}',
      headers: { 'retry-after-ms': '1' },
      hang: true,
    }
    server.next(refused, { bytes: answer() })
    const client = new OpenAI({ apiKey: 'none-of-it', baseURL: `${server.url}/v1`, maxRetries: 1 })
    const spans = await run(options, () => client.chat.completions.create({ model: 'm', messages: [] }))
    const [first, second, ...more] = llms(spans)
    expect(more).toEqual([])
    expect(first).toMatchObject({
      status: { code: 2, message: '429 POST 127.0.0.1' },
      attributes: { 'http.response.status_code': 429 },
    })
    expect(first?.attributes['gen_ai.response.model']).toBeUndefined()
    expect(second?.status.code).toBe(1)
  })
})

test('numbers that are no counts are left out', async () => {
  const bytes =
    '{"model":"m-2026","usage":{"prompt_tokens":1e400,"completion_tokens":9223372036854775808,"total_tokens":-1,"cost":1e400}}'
  server.next({ bytes })
  const spans = await run({}, async (session) => {
    await ask(CHAT, { ...ASK, max_tokens: 1e300 })
    for (const promptTokens of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 64, 1.5])
      session.record(
        new LLMEvent({
          promptTokens,
          completionTokens: promptTokens,
          cost: promptTokens > 2 ? promptTokens : Number.NaN,
        }),
      )
  })
  expect(llms(spans)).toHaveLength(5)
  for (const { attributes } of llms(spans)) {
    const numbers = Object.entries(attributes).filter(([name]) => /tokens|cost/.test(name) && !name.includes('event'))
    expect(numbers).toEqual([])
  }
})

describe('tools over MCP', () => {
  const accept = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' }
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 7,
    method: 'tools/call',
    params: { name: 'search', arguments: { q: 1 } },
  })
  const call = async (asRequest: boolean): Promise<void> => {
    const init = { method: 'POST', headers: accept, body }
    await (await (asRequest ? fetch(new Request(`${server.url}/mcp`, init)) : fetch(`${server.url}/mcp`, init))).text()
  }
  const result = (more: object): string => JSON.stringify({ jsonrpc: '2.0', id: 7, ...more })

  test('a Request object is a tool', async () => {
    const options = { captureContent: true, instrumentations: { ...instrumentations, fetch: fetchCalls() } }
    server.next({ bytes: result({ result: { content: [{ type: 'text', text: 'found' }] } }) })
    expect(named(await run(options, () => call(true)), 'search.tool')).toMatchObject({
      status: { code: 1 },
      attributes: {
        'mcp.method.name': 'tools/call',
        'tool.parameters': '{"q":1}',
        'tool.result': '[{"type":"text","text":"found"}]',
      },
    })
    server.next({ bytes: result({ result: { isError: true } }) })
    expect(named(await run(options, () => call(true)), 'search.tool').attributes['error.type']).toBe('tool_error')
  })

  test.each([
    ['an integer', -32602, '-32602'],
    ['a text', 'the patient has', 'tool_error'],
    ['a word', 'secret_diagnosis', 'tool_error'],
    ['an object', { text: 'secret_diagnosis' }, 'tool_error'],
    ['a fraction', 1.5, 'tool_error'],
    ['null', null, 'tool_error'],
  ])('an error’s code that is %s', async (_, code, type) => {
    for (const captureContent of [false, true]) {
      const message = `secret_diagnosis ${'x'.repeat(100_000)}`
      server.next({ bytes: result({ error: { code, message } }) })
      const tool = named(await run({ captureContent }, () => call(false)), 'search.tool')
      expect(tool.attributes['error.type']).toBe(type)
      expect(tool.attributes['rpc.response.status_code']).toBe(type === 'tool_error' ? undefined : type)
      expect(tool.status.message?.length).toBeLessThan(1100)
      if (!captureContent) expect(JSON.stringify([tool.status, tool.attributes])).not.toContain('secret')
    }
  })
})

test('what a user can do is said under debug, once', async () => {
  const said = vi.spyOn(console, 'debug').mockImplementation(() => {})
  server.next({ bytes: '{}' })
  await run({ debug: true }, async () => {
    for (let n = 0; n < 2; n++) await ask('/model/meta.llama3/invoke', { prompt: 'ask' })
    server.next({ bytes: stream(chunks.slice(0, 2)), headers: { 'content-type': 'text/event-stream' } })
    for (let n = 0; n < 2; n++) await ask(CHAT, { ...ASK, stream: true })
  })
  const lines = said.mock.calls.map(([line]) => `${line}`)
  said.mockRestore()
  expect(lines.filter((line) => line.includes('llmCalls({ wires: [bedrockInvoke] })'))).toHaveLength(1)
  expect(lines.filter((line) => line.includes('stream_options.include_usage'))).toHaveLength(1)
})
