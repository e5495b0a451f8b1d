/** Hooks of frameworks that are of another shape, or misused: the user's code goes on, and something says why nothing is seen. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createAgentOps } from '../../src/index.ts'
import { cloudflareAgents, langChain, llmCalls, mastraBridge } from '../../src/instrumentation/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'

const STORAGE = Symbol.for('ls:tracing_async_local_storage')
const globals = globalThis as { [STORAGE]?: object }
const fetch = globalThis.fetch
/** Each line once in a process. */
const said: string[] = []
beforeEach(() => {
  for (const level of ['warn', 'debug'] as const) {
    vi.spyOn(console, level).mockImplementation((line) => void said.push(`${line}`))
  }
})
afterEach(() => {
  vi.restoreAllMocks()
  delete globals[STORAGE]
})
afterAll(() => {
  globalThis.fetch = fetch
})

const hooks = (): Parameters<typeof langChain>[0] => ({ registerConfigureHook() {}, setContextVariable() {} })
const broken = (): Parameters<typeof langChain>[0] => ({
  registerConfigureHook() {
    throw new Error('no hooks today')
  },
  setContextVariable() {},
})

test.each([
  ['nothing', () => undefined, undefined],
  ['hooks that are none', () => ({ registerConfigureHook: true }), new AsyncLocalStorage()],
  ['no storage', hooks, undefined],
  ['a storage that is frozen', hooks, Object.freeze(new AsyncLocalStorage())],
  ['hooks that throw', broken, new AsyncLocalStorage()],
  ['hooks that keep nothing', hooks, new AsyncLocalStorage()],
])('langChain with %s: not thrown, and the storage stays as it was', (_, make, storage) => {
  globals[STORAGE] = storage
  createAgentOps(toCollector({ debug: true }))
  expect(langChain(make() as never)).toMatchObject({ instruments: 'langChain' })
  if (storage) expect(Object.getOwnPropertyNames(storage)).toEqual([])
})

test('each of these is said', () => {
  for (const line of [
    /langChain: expected \{ registerConfigureHook, setContextVariable \} of @langchain\/core\/context/,
    /langChain: this version of @langchain\/core shares no storage/,
    /langChain failed/,
    /langChain: this version of @langchain\/core keeps its hooks elsewhere/,
  ]) {
    expect(said.filter((one) => line.test(one))).toHaveLength(1)
  }
})

test('a Mastra whose spans are of another form: said under debug, nothing seen', () => {
  createAgentOps(toCollector({ debug: true }))
  const bridge = mastraBridge()
  expect(bridge.createSpan(undefined as never)).toBeUndefined()
  expect(bridge.createSpan({ kind: 'agent' } as never)).toBeUndefined()
  bridge.onTracingEvent(undefined as never)
  bridge.releaseSpan('nobody')
  expect(bridge.executeInContextSync('nobody', () => 1)).toBe(1)
  expect(said.filter((line) => /Mastra tells of its spans in another way/.test(line))).toHaveLength(1)
})

test('spans of Mastra outside a session are none, those of two sessions stay apart, one that ends late is its session’s', async () => {
  const client = createAgentOps(toCollector({ mode: 'multi', instrumentations: { llm: llmCalls() } }))
  const bridge = mastraBridge()
  expect(bridge.createSpan({ type: 'agent_run', name: 'agent', entityName: 'Ada' })).toBeUndefined()
  const sessions = ['Ada', 'Grace'].map((name) => ({ name, session: client.startSession({ name }) }))
  const opened = sessions.map(({ name, session }) =>
    session.run(() => {
      const agent = bridge.createSpan({
        type: 'agent_run',
        name: 'agent',
        entityName: name,
        metadata: { threadId: name },
      })
      const parent = { id: 'inner', parent: { id: `${agent?.spanId}` } }
      const model = bridge.createSpan({ type: 'model_inference', name: 'call', parent, attributes: { model: 'm' } })
      return [agent, model]
    }),
  )
  // Outside of both.
  for (const [agent, model] of opened.reverse()) {
    const usage = { inputTokens: 7, outputTokens: 5 }
    bridge.onTracingEvent({ type: 'span_ended', exportedSpan: { id: `${model?.spanId}`, attributes: { usage } } })
    const errorInfo = { message: 'a secret', name: 'RangeError' }
    bridge.onTracingEvent({ type: 'span_ended', exportedSpan: { id: `${agent?.spanId}`, errorInfo } })
  }
  for (const { name, session } of sessions) {
    await session.end('Success')
    const spans = await spansOf(session)
    const agent = named(spans, `${name}.agent`)
    expect(agent.status).toEqual({ code: 2, message: 'RangeError' })
    expect(agent.attributes['agentops.conversation.id']).toBe(name)
    const call = named(spans, 'chat.llm')
    expect(call.parentSpanId).toBe(agent.spanId)
    expect(call.attributes).toMatchObject({
      'gen_ai.usage.input_tokens': 7,
      'gen_ai.usage.output_tokens': 5,
      'gen_ai.conversation.id': name,
      'agent.name': name,
    })
    expect(spans).toHaveLength(3)
  }
})

test('events of the Agents SDK: only while a session runs that wants them, and only what holds no content', async () => {
  const { channel } = await import('node:diagnostics_channel')
  const on = createAgentOps(toCollector({ mode: 'multi', instrumentations: { cloudflareAgents: cloudflareAgents() } }))
  const off = createAgentOps(toCollector({ mode: 'multi' }))
  const publish = (): void => {
    const payload = { toolCallId: 'call_1', approved: true, note: 'a secret', error: 'a secret' }
    channel('agents:message').publish({ type: 'tool:approval', agent: 'Desk', name: 'ada', payload })
    for (const odd of [undefined, 'text', { type: 1 }, { type: 'rpc', payload: null }])
      channel('agents:rpc').publish(odd)
  }
  publish()
  const seen = []
  for (const client of [on, off]) {
    const session = client.startSession({ name: 'desk' })
    session.run(publish)
    await session.end('Success')
    seen.push(await spansOf(session))
  }
  const [spans = [], none = []] = seen
  expect(none).toHaveLength(1)
  const { attributes, status } = named(spans, 'tool:approval.operation')
  expect(JSON.parse(`${attributes['agentops.entity.input']}`).kwargs).toEqual({ toolCallId: 'call_1', approved: true })
  expect(status).toEqual({ code: 2, message: 'tool:approval' })
  expect(JSON.stringify(spans.map(({ attributes }) => attributes))).not.toContain('a secret')
})
