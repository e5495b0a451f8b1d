/** The names that one destination is sent, while another is sent AgentOps'. */
import { SpanKind } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type AgentOpsOptions, createAgentOps } from '../../src/index.ts'
import { genAi } from '../../src/semconv/index.ts'
import { type Scripted, scripted } from '../support/scripted-client.ts'

const said: string[] = []
beforeEach(() => {
  said.length = 0
  vi.spyOn(console, 'warn').mockImplementation((line) => void said.push(line))
})
afterEach(() => vi.restoreAllMocks())

const ARGUMENTS = { city: 'Bonn' }

interface Span {
  name: string
  traceId: string
  spanId: string
  parentSpanId?: string
  attributes: Record<string, unknown>
}

async function spansOf(backend: Scripted): Promise<Span[]> {
  const bodies = (await backend.received()).map(({ body }) => JSON.parse(body))
  const scopes = bodies.flatMap(({ resourceSpans }) => resourceSpans).flatMap(({ scopeSpans }) => scopeSpans)
  return scopes
    .flatMap(({ spans }) => spans)
    .map((span) => {
      const pairs = span.attributes.map(({ key, value }: { key: string; value: object }) => [
        key,
        Object.values(value)[0],
      ])
      return { ...span, attributes: Object.fromEntries(pairs) }
    })
}

/** What an agent did, as each of two destinations was told it: by its standard name, and by AgentOps'. */
async function told(
  options: AgentOpsOptions = {},
): Promise<{ session: { id: string }; standard: Span[]; agentops: Span[] }> {
  const [standard, agentops] = [await scripted(), await scripted()]
  const client = createAgentOps({
    endpoint: `${standard.url}/v1/traces`,
    semconv: genAi,
    exporters: [{ endpoint: `${agentops.url}/v1/traces` }],
    ...options,
  })
  const session = client.startSession({ name: 'POST /ask', tags: ['blue'] })
  session.agent('planner', () => {
    session.llm('gpt-4o', (event) => {
      event.prompt = [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: [{ type: 'text', text: 'weather?' }] },
      ]
      event.completion = {
        role: 'assistant',
        tool_calls: [{ id: 'c1', function: { name: 'weather', arguments: '{"city":"Bonn"}' } }],
      }
      event.promptTokens = 12
      event.completionTokens = 3
    })
    session.tool('weather', ARGUMENTS, () => 'sunny')
  })
  session.action('click', () => 1)
  session.recordError(new Error('lost'))
  session.tracer.startSpan('GET', { kind: SpanKind.CLIENT, attributes: { 'tool.name': 'mine' } }).end()
  const report = await session.end('Success')
  expect(report).toMatchObject({ sent: 14, dropped: 0 })
  return { session, standard: await spansOf(standard), agentops: await spansOf(agentops) }
}

const named = (spans: readonly Span[], name: string): Span => {
  const found = spans.filter((span) => span.name === name)
  expect(found, `${name} among ${spans.map((span) => span.name)}`).toHaveLength(1)
  return found[0] as Span
}
/** What every event has, under whatever names. */
const REQUIRED = ['agentops.span.kind', 'agentops.tags', 'event.data', 'event.end_timestamp', 'event.id']
const ALWAYS = [...REQUIRED, 'event.timestamp', 'event.type', 'session.id']

describe('genAi', () => {
  test.each(['[{"city":"Bonn"},{"city":"Oslo"}]', '[1, 2, 3]', '["a"]', '[null]'])(
    'a text that is a JSON list is a text: %s',
    async (text) => {
      const backend = await scripted()
      const client = createAgentOps({ endpoint: `${backend.url}/v1/traces`, semconv: genAi })
      const session = client.startSession({ name: 'POST /ask' })
      session.llm('gpt-4o', (event) => {
        event.prompt = [
          { role: 'system', content: text },
          { role: 'user', content: text },
          { role: 'user', content: [{ text: 'Gemini’s part' }, { inlineData: { mimeType: 'image/png' } }] },
        ]
        event.completion = { role: 'assistant', content: text }
      })
      await session.end('Success')
      const { attributes } = named(await spansOf(backend), 'chat gpt-4o')
      const part = { type: 'text', content: text }
      const said = JSON.parse(`${attributes['gen_ai.input.messages']}`) as { role: string; parts: object[] }[]
      expect(said.slice(0, 2).map(({ parts }) => parts)).toEqual([[part], [part]])
      expect(said[2]?.parts[0]).toEqual({ type: 'text', content: 'Gemini’s part' })
      expect(said[2]?.parts[1]).toMatchObject({ inlineData: { mimeType: 'image/png' } })
      expect(JSON.parse(`${attributes['gen_ai.output.messages']}`)).toEqual([{ role: 'assistant', parts: [part] }])
    },
  )

  test('each span has the convention’s name, and the other destination AgentOps’', async () => {
    const { standard, agentops } = await told()
    expect(standard.map(({ name }) => name).sort()).toEqual([
      'Error',
      'GET',
      'POST /ask',
      'chat gpt-4o',
      'click',
      'execute_tool weather',
      'invoke_agent planner',
    ])
    expect(agentops.map(({ name }) => name).sort()).toEqual([
      'Error.operation',
      'GET',
      'POST /ask.session',
      'chat.llm',
      'click.operation',
      'planner.agent',
      'weather.tool',
    ])
    for (const { spanId, traceId, parentSpanId } of standard) {
      expect(agentops.filter((one) => one.spanId === spanId)).toEqual([
        expect.objectContaining({ traceId, ...(parentSpanId && { parentSpanId }) }),
      ])
    }
  })

  test('attributes are the convention’s, and of ours those that every event has', async () => {
    const { session, standard, agentops } = await told()
    const tool = named(standard, 'execute_tool weather').attributes
    expect(tool).toMatchObject({
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'weather',
      'gen_ai.tool.type': 'function',
      'gen_ai.tool.call.arguments': JSON.stringify(ARGUMENTS),
      'gen_ai.tool.call.result': 'sunny',
      'session.id': session.id,
    })
    const model = named(standard, 'chat gpt-4o').attributes
    expect(model).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.usage.input_tokens': 12,
      'gen_ai.usage.output_tokens': 3,
    })
    expect(JSON.parse(`${model['gen_ai.input.messages']}`)).toEqual([
      { role: 'system', parts: [{ type: 'text', content: 'be brief' }] },
      { role: 'user', parts: [{ type: 'text', content: 'weather?' }] },
    ])
    expect(JSON.parse(`${model['gen_ai.output.messages']}`)).toEqual([
      { role: 'assistant', parts: [{ type: 'tool_call', id: 'c1', name: 'weather', arguments: ARGUMENTS }] },
    ])
    const agent = named(standard, 'invoke_agent planner').attributes
    expect(agent).toMatchObject({ 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'planner' })
    for (const attributes of [tool, model, agent]) {
      const others = Object.keys(attributes).filter((name) => !/^(gen_ai|error)\./.test(name))
      expect(others.sort()).toEqual(ALWAYS)
      expect(Object.keys(attributes).filter((name) => /prompt|completion|gen_ai\.system/.test(name))).toEqual([])
    }
    expect(named(agentops, 'weather.tool').attributes).toMatchObject({ 'tool.name': 'weather', 'tool.result': 'sunny' })
  })

  test('somebody else’s span keeps its names', async () => {
    const { standard } = await told()
    expect(named(standard, 'GET').attributes).toMatchObject({ 'tool.name': 'mine' })
  })

  test('redact sees what each destination is sent, and nothing that the other is', async () => {
    const seen = new Set<string>()
    const { standard, agentops } = await told({
      redact: (name, value) => {
        seen.add(name)
        return name === 'gen_ai.tool.call.result' ? undefined : name === 'name' && value === 'click' ? 'hidden' : value
      },
    })
    expect([...seen]).toEqual(expect.arrayContaining(['gen_ai.tool.call.arguments', 'tool.parameters']))
    expect(named(standard, 'execute_tool weather').attributes).not.toHaveProperty('gen_ai.tool.call.result')
    expect(named(standard, 'hidden').attributes).toBeDefined()
    expect(named(agentops, 'weather.tool').attributes['tool.result']).toBe('sunny')
    expect(named(agentops, 'click.operation').attributes['action.type']).toBe('click')
  })

  test('redact sees what metrics are given, and exporters of anybody’s without a destination of ours', async () => {
    const given: object[] = []
    const session = createAgentOps({
      semconv: genAi,
      exporters: [
        {
          export(spans, done) {
            for (const { attributes } of spans) given.push(attributes)
            done({ code: 0 })
          },
          shutdown: async () => {},
        },
      ],
      metrics: {
        record: ({ attributes }: { attributes: object }) => void given.push({ ...attributes }),
        flush: () => undefined,
      } as never,
      redact: (name, value) => (name === 'gen_ai.request.model' ? 'redacted' : value),
    }).startSession()
    session.llm('secret-model', () => 1)
    expect(await session.end()).toMatchObject({ sent: 2 })
    const models = given.map((attributes) => (attributes as Record<string, unknown>)['gen_ai.request.model'])
    expect(models.filter(Boolean)).toEqual(['redacted', 'redacted'])
  })

  test('what is no convention is said, and AgentOps’ names are sent', async () => {
    const backend = await scripted()
    const session = createAgentOps({ endpoint: `${backend.url}/v1/traces`, semconv: 'genAi' as never }).startSession()
    session.tool('weather', () => 1)
    await session.end()
    expect((await backend.spans()).flatMap(({ spans }) => spans.map(({ name }) => name))).toContain('weather.tool')
    expect(said.join()).toContain('semconv: expected genAi of agentops-edge/semconv')
  })
})
