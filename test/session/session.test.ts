import { trace } from '@opentelemetry/api'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ActionEvent, createAgentOps, ErrorEvent, LLMEvent, type Session, ToolEvent } from '../../src/index.ts'
import * as key from '../../src/runtime/semconv.ts'
import { SessionTracerProvider } from '../../src/tracing/tracer.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'

afterEach(() => vi.restoreAllMocks())

const open = (options = {}, init = {}): Session =>
  createAgentOps(toCollector(options)).startSession({ name: 'test', ...init })

describe('a session’s life', () => {
  test('goes running → ending → ended, and its root arrives last with state and reason', async () => {
    const session = open({}, { tags: ['a'] })
    expect(session.state).toBe('running')
    const ended = session.end('Fail', 'no luck')
    expect(await ended).toEqual({ sent: 1, dropped: 0, spooled: 0, pending: 0 })
    expect(session.state).toBe('ended')
    const [root] = await spansOf(session)
    expect(root).toMatchObject({
      name: 'test.session',
      traceId: session.id.replaceAll('-', ''),
      status: { code: 2, message: 'no luck' },
    })
    expect(root?.attributes).toMatchObject({
      [key.END_STATE]: 'Fail',
      [key.END_STATE_REASON]: 'no luck',
      [key.TAGS]: ['a'],
      [key.SESSION_ID]: session.id,
    })
    expect(root?.parentSpanId).toBeUndefined()
  })

  test('of a conversation: its id is the session’s own, the spans carry the conversation’s', async () => {
    const text = 'user-7 über'.padEnd(300, '.')
    const one = open({}, { groupId: text })
    one.tool('t', () => 1)
    await one.end()
    const ofOptions = crypto.randomUUID()
    const two = open({ sessionId: ofOptions })
    await two.end()
    expect(one.id.replaceAll('-', '')).toBe(one.traceId)
    const group = text.slice(0, 256)
    expect(one.groupId).toBe(group)
    const spans = (await spansOf({ id: group })).filter(({ traceId }) => traceId === one.traceId)
    expect(spans).toHaveLength(2)
    for (const { attributes } of spans) {
      expect(attributes[key.SESSION_ID]).toBe(group)
      // AgentOps takes any `gen_ai.*` for a model's call.
      expect(attributes).not.toHaveProperty(key.CONVERSATION_ID)
    }
    expect((await spansOf({ id: ofOptions }))[0]?.traceId).toBe(two.traceId)
  })

  test.each([
    ['Success', 1],
    ['Fail', 2],
    ['Indeterminate', 0],
    [undefined, 0],
  ] as const)('end(%s) gives status code %i', async (state, code) => {
    const session = open()
    await session.end(state)
    expect((await spansOf(session))[0]).toMatchObject({
      status: { code },
      attributes: { [key.END_STATE]: state ?? 'Indeterminate' },
    })
    expect(session.endState).toBe(state ?? 'Indeterminate')
  })

  test('a second end changes nothing and gives the first one’s report', async () => {
    const session = open()
    const first = session.end('Success')
    const second = session.end('Fail', 'late')
    expect(await second).toEqual(await first)
    expect(session.endState).toBe('Success')
    expect(await spansOf(session)).toHaveLength(1)
  })

  test('an invalid end state is said and the session goes on', async () => {
    const said = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const session = open()
    const report = await session.end('Done' as never)
    expect(report.error).toContain('still running')
    expect(session.state).toBe('running')
    expect(said.mock.calls.flat().join()).toContain('expected Success, Fail, Indeterminate, got Done')
    expect((await session.end('Success')).sent).toBe(1)
  })

  test('what is recorded after the end is still sent', async () => {
    const session = open()
    await session.end('Success')
    session.record(new ToolEvent({ name: 'late' }))
    await session.flush()
    expect(named(await spansOf(session), 'late.tool').parentSpanId).toBe(session.root.spanContext().spanId)
  })

  test('a session that nobody ends sends its finished events, and is listed until it ends', async () => {
    const agentops = createAgentOps(toCollector({ exportIntervalMs: 20 }))
    const session = agentops.startSession()
    session.record(new ToolEvent({ name: 'early' }))
    await vi.waitFor(async () => expect(await spansOf(session)).toHaveLength(1), 10_000)
    expect(agentops.activeSessions).toEqual([session])
    await session.end()
    expect(agentops.activeSessions).toEqual([])
  })

  test('a span that nobody ended is ended and marked', async () => {
    const session = open()
    session.tracer.startSpan('forgotten')
    const never = session.tool('hangs', () => new Promise(() => {}))
    expect(never).toBeInstanceOf(Promise)
    expect((await session.end('Success')).sent).toBe(3)
    const spans = await spansOf(session)
    expect(named(spans, 'forgotten')).toMatchObject({ attributes: { [key.INCOMPLETE]: true }, status: { code: 0 } })
    const tool = named(spans, 'hangs.tool')
    expect(tool.attributes).toMatchObject({
      [key.INCOMPLETE]: true,
      [key.EVENT_TYPE]: 'tools',
      [key.TOOL_NAME]: 'hangs',
    })
  })

  test('hold keeps it open until the promise settles, at most workDeadlineMs', async () => {
    const session = open({ workDeadlineMs: 5000 })
    session.hold(
      new Promise((resolve) => setTimeout(resolve, 50)).then(() => session.record(new ToolEvent({ name: 'held' }))),
    )
    const ended = session.end('Success')
    expect(session.state).toBe('ending')
    await ended
    const spans = await spansOf(session)
    expect(named(spans, 'test.session').end).toBeGreaterThanOrEqual(named(spans, 'held.tool').end)

    const hung = open({ workDeadlineMs: 30 })
    hung.hold(new Promise(() => {}))
    expect((await hung.end('Success')).sent).toBe(1)
  })

  test('an end that is held does not wait for itself', async () => {
    const session = open({ workDeadlineMs: 30_000 })
    session.hold(new Promise((resolve) => setTimeout(resolve, 50)))
    const ended = session.end()
    session.hold(ended)
    const late = new Promise((resolve) => setTimeout(() => resolve('late'), 5000))
    expect(await Promise.race([ended, late])).toMatchObject({ sent: 1 })
  })

  test('await using ends it', async () => {
    let id = ''
    {
      await using session = open()
      id = session.id
    }
    expect(await spansOf({ id })).toHaveLength(1)
  })

  test('owns its provider, and library spans in it carry the session', async () => {
    const session = open({ attributes: { tenant: 'blue' } })
    expect(session.tracerProvider).toBeInstanceOf(SessionTracerProvider)
    session.tracerProvider.getTracer('library').startActiveSpan('outer', (outer) => {
      session.tracer.startSpan('inner', {}, trace.setSpan(session.context, outer)).end()
      outer.end()
    })
    await session.end('Success')
    const spans = await spansOf(session)
    const [root, outer, inner] = ['test.session', 'outer', 'inner'].map((name) => named(spans, name))
    expect(outer?.parentSpanId).toBe(root?.spanId)
    expect(inner?.parentSpanId).toBe(outer?.spanId)
    for (const span of spans) expect(span.attributes).toMatchObject({ [key.SESSION_ID]: session.id, tenant: 'blue' })
    expect(outer?.status.code).toBe(1)
  })

  test('attributes of the user’s own come last and replace none of ours', async () => {
    const session = open({ attributes: { 'session.id': 'mine', 'event.id': 'mine', tenant: 'blue' } })
    session.tool('t', () => 1)
    await session.end()
    const tool = named(await spansOf(session), 't.tool')
    expect(tool.attributes['event.id']).not.toBe('mine')
    expect(Object.keys(tool.attributes).at(-1)).toBe('tenant')
  })

  test('a given id is used, one that is no UUID is said and replaced', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const id = '0190a7b2-0000-7000-8000-00000000abcd'
    expect(open({}, { id })).toMatchObject({ id, traceId: id.replaceAll('-', '') })
    expect(open({}, { id: '00000000-0000-0000-0000-000000000000' }).traceId).not.toMatch(/^0+$/)
    expect(open({}, { id: 'mine' }).id).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('is a child of another only when asked', async () => {
    const agentops = createAgentOps(toCollector({ mode: 'multi' }))
    const outer = agentops.startSession({ name: 'outer' })
    const apart = outer.run(() => agentops.startSession({ name: 'apart' }))
    const child = agentops.startSession({ name: 'child', parent: outer })
    expect(apart.traceId).not.toBe(outer.traceId)
    expect(child.traceId).toBe(outer.traceId)
    await Promise.all([child.end(), apart.end(), outer.end()])
    expect((await spansOf(apart))[0]?.parentSpanId).toBeUndefined()
    expect((await spansOf(child))[0]?.parentSpanId).toBe(outer.root.spanContext().spanId)
  })

  test('tags: added in order without doubles, replaced by setTags, a text is one tag', async () => {
    const session = open({}, { tags: 'GPT-4' })
    session.addTags(['test-tag', 'dupe-tag'])
    session.addTags('dupe-tag')
    expect(session.tags).toEqual(['GPT-4', 'test-tag', 'dupe-tag'])
    session.setTags('only')
    await session.end()
    expect((await spansOf(session))[0]?.attributes[key.TAGS]).toEqual(['only'])
  })

  test('counts its events by type', async () => {
    const session = open()
    for (const event of [new LLMEvent(), new ToolEvent(), new ActionEvent(), new ErrorEvent()]) session.record(event)
    session.record({ eventType: 'apis' })
    expect(session.stats).toEqual({ llms: 1, tools: 1, actions: 1, errors: 1, apis: 1, cost: 0 })
    expect(session.url).toBe(`https://app.agentops.ai/sessions?trace_id=${session.traceId}`)
    await session.end()
    const local = createAgentOps(toCollector(), { AGENTOPS_APP_URL: 'http://127.0.0.1:4318' }).startSession()
    expect(local.url).toBe(`http://127.0.0.1:4318/sessions?trace_id=${local.traceId}`)
    await local.end()
  })

  test('with debug, where a session is shown is said when it ends', async () => {
    const lines: string[] = []
    vi.spyOn(console, 'debug').mockImplementation((line) => void lines.push(line))
    const session = createAgentOps(toCollector({ debug: true }), {
      AGENTOPS_APP_URL: 'http://127.0.0.1:4318',
    }).startSession()
    await session.end()
    expect(lines).toContain(
      `agentops-edge: a session has ended, and is shown at http://127.0.0.1:4318/sessions?trace_id=${session.traceId}`,
    )
  })

  test('disabled, or sampled out: everything works and nothing is sent', async () => {
    for (const options of [{ disabled: true }, { sampler: 0 }]) {
      const session = open(options)
      expect(session.tool('works', () => 7)).toBe(7)
      expect(await session.end('Success')).toEqual({ sent: 0, dropped: 0, spooled: 0, pending: 0 })
      expect(await spansOf(session)).toEqual([])
    }
  })
})

describe('agents', () => {
  test('createAgent: later spans carry it after their own type’s keys', async () => {
    const session = open()
    session.tool('before', () => 1)
    const id = session.createAgent('planner')
    session.tool('after', () => 1)
    session.record(new LLMEvent({ model: 'm' }))
    session.action('acts', () => 1)
    session.tracer.startSpan('library', { attributes: { 'gen_ai.system': 'x' } }).end()
    session.tracer.startSpan('plain').end()
    await session.end()
    const spans = await spansOf(session)
    const agentOf = (name: string): unknown[] =>
      [key.AGENT_ID, key.AGENT_NAME].map((at) => named(spans, name).attributes[at])
    expect(agentOf('before.tool')).toEqual([undefined, undefined])
    for (const name of ['after.tool', 'chat.llm', 'library']) {
      expect(agentOf(name)).toEqual([id, 'planner'])
      const keys = Object.keys(named(spans, name).attributes)
      expect(keys.indexOf(key.AGENT_ID)).toBeGreaterThan(keys.findIndex((at) => /^(tool|gen_ai)\./.test(at)))
    }
    // `agent.*` would turn these into agents in the dashboard.
    expect(agentOf('acts.operation')).toEqual([undefined, undefined])
    expect(named(spans, 'acts.operation').attributes[key.ACTION_AGENT_ID]).toBe(id)
    expect(agentOf('plain')).toEqual([undefined, undefined])
  })

  test('agent(): the nearest one wins, and the outer one is back afterwards', async () => {
    const session = open()
    session.agent('outer', () =>
      session.run(() => {
        session.agent('inner', () => session.tool('deep', () => 1))
        session.tool('shallow', () => 1)
      }),
    )
    await session.end()
    const spans = await spansOf(session)
    expect(named(spans, 'outer.agent').attributes).toMatchObject({
      [key.AGENT_NAME]: 'outer',
      [key.EVENT_TYPE]: 'agents',
    })
    expect(named(spans, 'deep.tool').attributes[key.AGENT_NAME]).toBe('inner')
    expect(named(spans, 'shallow.tool').attributes[key.AGENT_NAME]).toBe('outer')
  })
})
