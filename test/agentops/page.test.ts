/** What a user sees on AgentOps' page, by the bodies that are sent there: as its public code reads them. */
import { trace } from '@opentelemetry/api'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { agentopsV2 } from '../../src/formats/index.ts'
import { type AgentOpsOptions, createAgentOps, type Session } from '../../src/index.ts'
import { fetchCalls, llmCalls } from '../../src/instrumentation/index.ts'
import { type RunningModels, startModels } from '../support/models.ts'
import { type DecodedSpan, decodeOtlp } from '../support/otlp-decoder.ts'
import { answerOf, durationOf, labelOf, modelCalls, outcomeOf, pricedInput, treeOf, typeOf } from '../support/page.ts'
import { type Scripted, scripted } from '../support/scripted-client.ts'

const KEY = '11111111-1111-4111-8111-111111111111'
let models: RunningModels
beforeAll(async () => {
  models = await startModels('s3cret')
})
afterAll(() => models.close())

/** AgentOps' hosts, at the backend of the tests. */
const redirected =
  ({ url }: Scripted): typeof fetch =>
  (input, init) =>
    fetch(`${input}`.replace(/^https:\/\/(otlp|api)\.agentops\.ai/, url), init)

async function sent(work: (session: Session) => unknown, more: AgentOpsOptions = {}): Promise<DecodedSpan[]> {
  const backend = await scripted()
  const instrumentations = { fetch: fetchCalls(), llm: llmCalls(), global: true }
  const options = { apiKey: KEY, fetch: redirected(backend), instrumentations, mode: 'multi' as const, ...more }
  const session = createAgentOps(options).startSession({ name: 'desk' })
  try {
    await session.run(() => work(session))
    await session.end('Success')
  } finally {
    await session.end()
  }
  const bodies = (await backend.received()).filter(({ path }) => path === '/v1/traces')
  return bodies.flatMap(({ base64, headers }) =>
    decodeOtlp(Buffer.from(base64, 'base64'), { 'content-type': headers['content-type'] }),
  )
}
const named = (spans: readonly DecodedSpan[], name: string): DecodedSpan =>
  spans.find((span) => span.name === name) as DecodedSpan

const messages = [{ role: 'user', content: 'hi' }]
const ask = (path = 'v1/chat/completions', mode = 'json'): Promise<string> =>
  fetch(`${models.base(mode)}/${path}`, {
    method: 'POST',
    body: JSON.stringify({ model: 'gpt-4o-mini', messages }),
  }).then((response) => response.text())
const throws = (session: Session): void => {
  try {
    session.tool('broken', () => {
      throw new RangeError('no such page')
    })
  } catch {}
}

test('1. in a conversation, calls of models alone count as such', async () => {
  const spans = await sent(
    async (session) => {
      session.action('plan', () => 1)
      session.agent('planner', () => session.tool('search', () => 1))
      await ask()
    },
    { sessionId: 'conversation-7' },
  )
  expect(modelCalls(spans).map(({ name }) => name)).toEqual(['chat.llm'])
  expect(named(spans, 'chat.llm').attributes['gen_ai.conversation.id']).toBe('conversation-7')
  for (const { attributes } of spans) expect(attributes['session.id']).toBe('conversation-7')
})

describe('2. with contents off, an answer', () => {
  test.each([
    ['of text shows nothing, and not its role', 'json', undefined],
    ['that calls a tool shows the call', 'tools', 'call_1'],
  ])('%s', async (_, mode, shown) => {
    const [call] = modelCalls(await sent(() => ask('v1/chat/completions', mode)))
    expect(answerOf(call as DecodedSpan)).toBe(shown)
    expect(call?.attributes['gen_ai.response.finish_reasons']).toBeDefined()
  })

  test('of the user’s own shows its content; those without any have no place', async () => {
    const completion = [{ role: 'assistant' }, { role: 'assistant', content: 'yes' }]
    const [call] = modelCalls(await sent((session) => session.llm('m', { completion }, () => 1)))
    expect(answerOf(call as DecodedSpan)).toBe('yes')
    expect(Object.keys(call?.attributes ?? {})).not.toContain('gen_ai.completion.1.role')
  })
})

test('3. an agent has its name where the list of agents looks for it', async () => {
  const spans = await sent((session) => session.agent('planner', () => 1))
  expect(treeOf(named(spans, 'planner.agent'))).toMatchObject({ agent: { name: 'planner', role: 'planner' } })
})

describe('4. the outcome, and the duration, are those of the span that started last', () => {
  test.each([
    ['Success', 'SUCCESS', 1],
    ['Fail', 'FAIL', 2],
    ['Indeterminate', 'INDETERMINATE', 0],
  ] as const)('%s', async (state, outcome, code) => {
    let now = 1_800_000_000_000
    const spans = await sent(
      async (session) => {
        session.tool('search', () => 1)
        throws(session)
        now += 7000
        await session.end(state, 'why')
      },
      { clock: () => now },
    )
    expect([outcomeOf(spans), durationOf(spans)]).toEqual([outcome, 7000])
    const last = named(spans, 'end_session.operation')
    const root = named(spans, 'desk.session')
    expect(last.parentSpanId).toBe(root.spanId)
    expect([last.status.code, root.status.code]).toEqual([code, code])
    expect(last.attributes).toMatchObject({
      'agentops.span.kind': 'operation',
      'agentops.session.end_state': state,
      'agentops.session.end_state_reason': 'why',
      'session.id': root.attributes['session.id'],
    })
    expect(last.end).toBeLessThanOrEqual(root.end)
  })

  const ends = (spans: DecodedSpan[]): number => spans.filter(({ name }) => name === 'end_session.operation').length
  test('elsewhere only where it is asked for, and not at AgentOps where it is not', async () => {
    const backend = await scripted()
    const own = { apiKey: undefined, endpoint: `${backend.url}/v1/traces`, fetch }
    const work = (session: Session): unknown => session.action('end_session', () => 1)
    expect(ends(await sent(work, { endSpan: false }))).toBe(1)
    expect(ends(await sent(work))).toBe(2)
    const session = createAgentOps(own).startSession()
    expect(await session.end('Success')).toMatchObject({ sent: 1 })
    expect(
      await createAgentOps({ ...own, endSpan: true })
        .startSession()
        .end('Success'),
    ).toMatchObject({ sent: 2 })
    expect((await backend.spans()).map(({ spans }) => spans.length)).toEqual([1, 2])
  })

  test('of several destinations each has its own', async () => {
    const backend = await scripted()
    const spans = await sent(() => 1, { exporters: [{ endpoint: `${backend.url}/v1/traces`, fetch }] })
    expect(spans.map(({ name }) => name).sort()).toEqual(['desk.session', 'end_session.operation'])
    expect((await backend.spans()).map(({ spans }) => spans.map(({ name }) => name))).toEqual([['desk.session']])
  })
})

test('5. a tool’s label is its name, and its values are written once as the page reads them', async () => {
  const spans = await sent((session) => {
    session.tool('search', { q: 'cats' }, () => ['a page'])
    session.llm('m', { prompt: 'hi', params: { a: 1 } }, () => 'yes')
    session.action('plan', { q: 'cats' }, () => 'done')
  })
  const tool = named(spans, 'search.tool')
  expect([labelOf(tool), typeOf(tool)]).toEqual(['search', 'tool'])
  expect(treeOf(tool)).toMatchObject({ tool: { name: 'search', parameters: '{"q":"cats"}', result: '["a page"]' } })
  for (const { attributes } of [tool, named(spans, 'chat.llm')]) {
    expect(Object.keys(attributes).filter((name) => name.startsWith('agentops.entity.'))).toEqual([])
  }
  // An operation has nothing else.
  expect(named(spans, 'plan.operation').attributes).toMatchObject({
    'agentops.entity.input': '{"args":[],"kwargs":{"q":"cats"}}',
    'agentops.entity.output': 'done',
  })
})

describe('6. cached tokens are priced once', () => {
  test.each(['v1/chat/completions', 'v1/messages', 'model/anthropic.claude/converse'])('%s', async (path) => {
    const [call] = modelCalls(await sent(() => ask(path)))
    const { attributes } = call as DecodedSpan
    const created = Number(attributes['gen_ai.usage.cache_creation_input_tokens'] ?? 0)
    expect(pricedInput(call as DecodedSpan) + created).toBe(20)
    // The whole is there, too.
    expect(attributes['gen_ai.usage.input_tokens']).toBe(20)
    expect(attributes['gen_ai.usage.total_tokens']).toBe(32)
  })

  test('counts that make no sense together stay as they are', async () => {
    const [call] = modelCalls(
      await sent((session) =>
        session.llm('m', { promptTokens: 5, completionTokens: 1 }, () => {
          trace.getActiveSpan()?.setAttribute('gen_ai.usage.cache_read_input_tokens', 8)
        }),
      ),
    )
    expect(call?.attributes['gen_ai.usage.prompt_tokens']).toBe(5)
  })
})

describe('7. a failure is one error', () => {
  test('of a tool: the tool’s span', async () => {
    const spans = await sent(throws)
    expect(spans.filter(({ status }) => status.code === 2).map(({ name }) => name)).toEqual(['broken.tool'])
    expect(labelOf(named(spans, 'broken.tool'))).toBe('no such page')
    expect(named(spans, 'broken.tool').events[0]?.attributes).toMatchObject({ 'exception.type': 'RangeError' })
  })

  test('of a model, or a request: its span', async () => {
    const spans = await sent(() => ask('v1/chat/completions', 'error'))
    expect(spans.filter(({ status }) => status.code === 2).map(({ name }) => name)).toEqual(['chat.llm'])
  })

  test('that the user records is an event of its own', async () => {
    const spans = await sent((session) => session.recordError(new RangeError('mine')))
    expect(spans.filter(({ status }) => status.code === 2).map(({ name }) => name)).toEqual(['RangeError.operation'])
  })

  test('over AgentOps v2, where nothing else fails, it is an error event', async () => {
    const backend = await scripted()
    const options = { format: agentopsV2, endpoint: undefined, apiEndpoint: backend.url, apiKey: KEY }
    const session = createAgentOps(options).startSession()
    throws(session)
    await session.end('Success')
    const types = (await backend.received())
      .filter(({ path }) => path === '/v2/create_events')
      .flatMap(({ body }) => JSON.parse(body).events.map((event: { event_type: string }) => event.event_type))
    expect(types.sort()).toEqual(['errors', 'tools'])
  })
})

test('8. a request that failed says how and to whom, in its label and its name', async () => {
  const spans = await sent(async () => {
    await fetch(`${models.base('json')}/refused`)
    await fetch('http://127.0.0.1:9/').catch(() => {})
  })
  const requests = spans.filter(({ attributes }) => attributes['agentops.span.kind'] === 'http')
  expect(requests.map(({ name }) => name)).toEqual(['GET 127.0.0.1', 'GET 127.0.0.1'])
  expect(requests.map(labelOf).sort()).toEqual([
    expect.stringMatching(/^4\d\d GET 127.0.0.1$/),
    'TypeError GET 127.0.0.1',
  ])
  expect(requests.map(({ attributes }) => attributes['error.type']).sort()).toEqual([
    expect.stringMatching(/^4\d\d$/),
    'TypeError',
  ])
})

test('9. an attribute of the user’s that would wipe out others is left out, and said', async () => {
  const said: string[] = []
  vi.spyOn(console, 'warn').mockImplementation((line) => void said.push(`${line}`))
  const spans = await sent(
    async (session) => {
      session.tool('search', { q: 1 }, () => 1)
      session.agent('planner', () => trace.getActiveSpan()?.setAttribute('agent', 'mine'))
      throws(session)
      await ask()
    },
    {
      attributes: { tool: 'mine', other: 'stays' },
      onSpan: (span) => void span.setAttributes({ error: true, gen_ai: 'mine', 'gen_ai.usage': 'mine' }),
    },
  )
  vi.restoreAllMocks()
  expect(treeOf(named(spans, 'search.tool'))).toMatchObject({ tool: { name: 'search' }, other: 'stays' })
  expect(treeOf(named(spans, 'planner.agent'))).toMatchObject({ agent: { name: 'planner' }, tool: 'mine' })
  expect(treeOf(named(spans, 'broken.tool'))).toMatchObject({ error: { type: 'RangeError' } })
  expect(treeOf(named(spans, 'chat.llm'))).toMatchObject({ gen_ai: { usage: { completion_tokens: 12 } } })
  const left = said.map((line) => /attribute (\S+) of/.exec(line)?.[1])
  expect(new Set(left)).toEqual(new Set(['tool', 'agent', 'error', 'gen_ai', 'gen_ai.usage']))
})

test('the whole of a session, as it is sent', async () => {
  let now = 1_800_000_000_000
  const spans = await sent(
    (session) =>
      session.agent('planner', async () => {
        const pages = session.tool('search', { q: 'cats' }, () => ['cats.html'])
        await session.llm('gpt-4o', { prompt: `Summarise ${pages}` }, (event) => {
          Object.assign(event, { promptTokens: 12, completionTokens: 7, cost: 0.0002 })
          return 'Cats sleep.'
        })
        session.action('plan', ['a', 'b'], () => 'done')
      }),
    { clock: () => now++, attributes: { country: 'DE' }, tags: ['vip'] },
  )
  const names = new Map(spans.map(({ spanId, name }) => [spanId, name]))
  const shown = spans.map(({ name, kind, parentSpanId, status, attributes, start }) => {
    const at = Number(start / 1_000_000n - 1_800_000_000_000n)
    const head = `${name} (kind ${kind}, status ${status.code}) ${at} ms, in ${names.get(`${parentSpanId}`) ?? 'nothing'}`
    const values = Object.entries(attributes).map(([key, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value)
      return `  ${key} = ${text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')}`
    })
    return [head, ...values].join('\n')
  })
  await expect(`${shown.join('\n\n')}\n`).toMatchFileSnapshot('session.spans.txt')
})
