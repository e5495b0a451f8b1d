/** The order in which a span is looked at before it leaves, at a real collector: the privacy contract. */
import { trace } from '@opentelemetry/api'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type AgentOpsOptions, createAgentOps, type Session } from '../../src/index.ts'
import { aiSpans } from '../../src/instrumentation/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'

afterEach(() => vi.restoreAllMocks())

async function run(options: AgentOpsOptions, work: (session: Session) => unknown) {
  const session = createAgentOps(toCollector(options)).startSession({ name: 'job' })
  await session.run(async () => work(session))
  await session.end('Success')
  return { session, spans: await spansOf(session) }
}
const library = (session: Session, name: string, attributes: Record<string, unknown>, scope = 'some-library'): void =>
  session.tracerProvider
    .getTracer(scope)
    .startSpan(name, { attributes: attributes as never })
    .end()

test('identity, the reader, concealing, the user’s attributes, onSpan, hiding, redact: each sees what those before it did', async () => {
  const seen: Record<string, unknown> = {}
  const { session, spans } = await run(
    {
      headers: { 'x-secret': 'credential-0123456789' },
      instrumentations: { ai: aiSpans() },
      attributes: { 'ai.prompt': 'the user’s own', 'session.id': 'not his to say' },
      onSpan(span) {
        if (!span.name.endsWith('.llm')) return
        Object.assign(seen, { onSpan: { ...span.attributes } })
        span.setAttributes({ 'ai.response.text': 'added', key: 'is credential-0123456789' })
      },
      redact(key, value) {
        if (key === 'key') Object.assign(seen, { redact: value })
        return key === 'ai.response.text' ? `${value}, redacted` : value
      },
    },
    (session) => {
      library(session, 'ai.generateText.doGenerate', {
        'ai.operationId': 'ai.generateText.doGenerate',
        'ai.model.id': 'gpt-4o',
        'ai.usage.inputTokens': 3,
        'ai.prompt.messages': '[{"role":"user","content":"hello"}]',
      })
    },
  )
  const { attributes } = named(spans, 'chat.llm')
  // The reader had read them, and what it made of the prompt was concealed with it.
  expect(seen.onSpan).toMatchObject({
    'session.id': session.id,
    'agentops.span.kind': 'llm',
    'gen_ai.request.model': 'gpt-4o',
    'gen_ai.usage.prompt_tokens': 3,
    'ai.prompt': 'the user’s own',
  })
  expect(JSON.stringify(attributes)).not.toContain('hello')
  expect(seen.redact).toBe('is [hidden]')
  expect(attributes).toMatchObject({
    'session.id': session.id,
    'ai.prompt': 'the user’s own',
    'ai.response.text': 'added, redacted',
    key: 'is [hidden]',
  })
})

test('it looks into lists, links and names, too', async () => {
  const headers = { 'x-key': 'credential-0123456789', 'x-team': 'research-department' }
  const { spans } = await run({ headers }, (session) => {
    const context = session.root.spanContext()
    const tracer = session.tracerProvider.getTracer('some-library')
    const attributes = { list: ['kept', 'is credential-0123456789'], count: [1, 2], note: headers['x-team'] }
    const links = [{ context, attributes: { 'gen_ai.input.messages': 's3cret', 'gen_ai.request.model': 'm' } }]
    tracer.startSpan('GET https://ada:s3cret@pages.example/a?key=s3cret#s3cret', { attributes }).end()
    tracer
      .startSpan('one', { links, attributes: { 'gen_ai.system': 'x', 'gen_ai.tool.name': 'research-department' } })
      .end()
    session.tool('see https://pages.example/?q=cats', () => 1)
  })
  expect(JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toContain('s3cret')
  const page = named(spans, 'GET https://pages.example/a')
  expect(page.attributes).toMatchObject({ list: ['kept', 'is [hidden]'], count: [1, 2], note: '[hidden]' })
  const one = named(spans, 'one')
  expect(one.links[0]?.attributes).toEqual({ 'gen_ai.request.model': 'm' })
  // A name may be made of the same words as a header.
  expect(one.attributes['gen_ai.tool.name']).toBe('research-department')
  // The user's own name is his.
  expect(spans.filter(({ name }) => name.includes('?q=cats'))).toHaveLength(1)
})

test('a span of the user’s that names its conversation is still his', async () => {
  const attributes = { country: 'DE', 'order.id': 'o-1', 'gen_ai.conversation.id': 'c-1' }
  const { spans } = await run({}, (session) => library(session, 'own', attributes, 'app'))
  expect(named(spans, 'own').attributes).toMatchObject(attributes)
})

test('a step that fails costs only itself', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const ai = { instruments: 'ai' as const, ending: () => expect.fail('an instrumentation that throws') }
  const onSpan = (): void => expect.fail('onSpan throws')
  const { session, spans } = await run(
    { instrumentations: { ai }, onSpan, attributes: { country: 'DE' } },
    (session) => {
      session.setTags('tag')
      library(session, 'one', { 'gen_ai.operation.name': 'chat', 'gen_ai.input.messages': 'secret', other: 1 })
    },
  )
  const { attributes } = named(spans, 'one')
  expect(attributes).toMatchObject({ 'session.id': session.id, 'agentops.tags': ['tag'], country: 'DE' })
  expect(Object.keys(attributes)).not.toContain('gen_ai.input.messages')
})

describe('with contents off, whichever instrumentations are passed', () => {
  const options: [string, AgentOpsOptions['instrumentations']][] = [
    ['none', {}],
    ['ai', { ai: aiSpans() }],
  ]
  test.each(options)('%s: of a span of an AI library stays what is listed', async (_, instrumentations) => {
    const kept = {
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'm',
      'gen_ai.request.temperature': 0.5,
      'gen_ai.usage.input_tokens': 5,
      'gen_ai.response.finish_reasons': ['stop'],
      'ai.response.id': 'r',
      'ai.settings.maxRetries': 2,
      'llm.token_count.prompt_details.cache_read': 4,
      'llm.output_messages.0.message.role': 'assistant',
      'openinference.span.kind': 'LLM',
      'traceloop.entity.name': 'plan',
      'mastra.span.type': 'x',
      'mcp.method.name': 'tools/call',
      'http.request.method': 'POST',
      'server.address': 'x.y',
      'error.type': 'timeout',
    }
    const gone = [
      'gen_ai.input.messages',
      'gen_ai.prompt',
      'gen_ai.prompt.0.content',
      'gen_ai.tool.call.arguments',
      'gen_ai.tool.call.arguments.name',
      'gen_ai.tool.description',
      'gen_ai.not_yet_known',
      'gen_ai.metadata.name',
      'ai.request.headers.authorization',
      'ai.request.headers.x-api-key',
      'ai.decision.reason',
      'ai.decision.type',
      'ai.telemetry.metadata.body',
      'ai.response.object',
      'llm.output_messages.0.message.content',
      'llm.invocation_parameters',
      'input.value',
      'output.value',
      'traceloop.entity.input',
      'langfuse.observation.metadata.body',
      'mastra.metadata.body',
      'url.full',
      'error.message',
      'order.id',
    ]
    const secrets = Object.fromEntries(gone.map((name) => [name, 's3cret']))
    const { spans } = await run({ instrumentations }, (session) => {
      const span = session.tracerProvider.getTracer('lib').startSpan('one', { attributes: { ...kept, ...secrets } })
      span.addEvent('gen_ai.user.message', { content: 's3cret', 'gen_ai.system': 'openai' })
      span.recordException(new Error('s3cret'))
      span.setStatus({ code: 2, message: 's3cret' })
      span.end()
      // What has nothing of a namespace is known by its tracer.
      library(session, 'two', { anything: 's3cret' }, 'ai')
    })
    const [one] = spans.filter(({ attributes }) => attributes['gen_ai.request.model'] === 'm')
    expect(one?.attributes).toMatchObject(kept)
    expect(JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toContain(
      's3cret',
    )
    expect(one?.status.message).toBe('timeout')
  })

  test('a library that writes on the root, or on an event of the user’s, leaves no content there', async () => {
    const { spans } = await run({ instrumentations: { global: true } }, (session) => {
      const write = (): void => {
        trace
          .getActiveSpan()
          ?.setAttributes({ 'gen_ai.input.messages': 's3cret', 'order.id': 7, 'gen_ai.agent.name': 'a' })
        trace.getActiveSpan()?.addEvent('gen_ai.user.message', { content: 's3cret' })
      }
      write()
      session.tool('own', { q: 'the user’s word' }, write)
    })
    for (const { attributes } of spans) expect(attributes).toMatchObject({ 'order.id': 7 })
    expect(named(spans, 'own.tool').attributes['tool.parameters']).toBe('{"q":"the user’s word"}')
    expect(JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toContain(
      's3cret',
    )
  })

  test('the user’s own spans stay whole, but for credentials and contents by name', async () => {
    const whole = {
      country: 'DE',
      'order.id': '17',
      'order.secretary': 'x',
      tokens: 'three',
      'prompt.version': '3',
      'input.rows': 5,
      link: 'https://x.y/?page=2',
    }
    const { spans } = await run({}, (session) =>
      library(
        session,
        'own',
        {
          ...whole,
          'http.request.header.authorization': 'Bearer s3cret',
          'x-api-key': 's3cret',
          password: 's3cret',
          access_token: 's3cret',
          prompt: 's3cret',
          'http.request.body': 's3cret',
          'url.full': 'https://s3cret:s3cret@x.y/a?api_key=s3cret&page=2',
        },
        'my-ai-app',
      ),
    )
    const { attributes } = named(spans, 'own')
    expect(attributes).toMatchObject({ ...whole, 'url.full': 'https://x.y/a' })
    expect(JSON.stringify(attributes)).not.toContain('s3cret')
  })

  test('with debug, what was left out is named, once', async () => {
    const lines: string[] = []
    const say = (line: string): unknown => / is shown at /.test(line) || lines.push(line)
    vi.spyOn(console, 'debug').mockImplementation((line) => void say(line))
    const work = (session: Session): void => {
      for (let n = 0; n < 2; n++) library(session, 'one', { 'ai.prompt': 's3cret', 'ai.decision.why': 's3cret' }, 'lib')
    }
    await run({}, work)
    expect(lines).toEqual([])
    await run({ debug: true }, work)
    expect(lines).toEqual([
      'agentops-edge: lib: left out of its spans, by captureContent or as credentials: ai.prompt,ai.decision.why',
    ])
  })
})

test('with contents on nothing of a library is concealed', async () => {
  const attributes = { 'gen_ai.input.messages': 'hello', 'ai.decision.why': 'so', 'order.id': '1' }
  const { spans } = await run({ captureContent: true }, (session) => library(session, 'one', attributes))
  expect(named(spans, 'one').attributes).toMatchObject(attributes)
})

test('recordValues: false leaves the values out of the user’s own events; names, times, tokens, costs and errors stay', async () => {
  const { spans } = await run({ recordValues: false }, (session) => {
    session.tool('search', { q: 's3cret' }, () => 's3cret')
    session.action('plan', 's3cret', (event) => {
      event.logs = 's3cret'
      return ['s3cret']
    })
    session.llm('gpt-4o', { prompt: 's3cret' }, (event) => {
      Object.assign(event, { completion: 's3cret', promptTokens: 3, completionTokens: 4, cost: 0.5 })
      return 's3cret'
    })
    session.record({ eventType: 'own', name: 'mine', customer: 's3cret', details: 's3cret', params: 's3cret' })
    expect(() =>
      session.tool('broken', { q: 's3cret' }, () => {
        throw new TypeError('what went wrong')
      }),
    ).toThrow()
  })
  expect(JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toContain('s3cret')
  expect(named(spans, 'search.tool').attributes).toMatchObject({ 'tool.name': 'search', 'tool.status': 'succeeded' })
  expect(named(spans, 'chat.llm').attributes).toMatchObject({
    'gen_ai.request.model': 'gpt-4o',
    'gen_ai.usage.prompt_tokens': 3,
    'gen_ai.usage.completion_tokens': 4,
    'gen_ai.usage.total_cost': '0.5',
  })
  expect(named(spans, 'broken.tool').status).toMatchObject({ code: 2, message: 'what went wrong' })
  expect(named(spans, 'broken.tool').attributes['error.message']).toBe('what went wrong')
})
