import { diag } from '@opentelemetry/api'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { CollectedSpan } from '../../src/collector/otlp.ts'
import { ActionEvent, createAgentOps, ErrorEvent, LLMEvent, type Session, ToolEvent } from '../../src/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'

afterEach(() => vi.restoreAllMocks())

const open = (): Session => createAgentOps(toCollector({ mode: 'multi' })).startSession({ name: 's', tags: ['t'] })
const REQUIRED = ['event.id', 'event.type', 'event.timestamp', 'event.end_timestamp', 'event.data', 'session.id']

async function recorded(...events: Parameters<Session['record']>[0][]): Promise<CollectedSpan[]> {
  const session = open()
  for (const event of events) session.record(event)
  await session.end('Success')
  return (await spansOf(session)).filter(({ name }) => name !== 's.session')
}

function expectRequired({ attributes, name }: CollectedSpan, type: string): void {
  for (const key of REQUIRED) expect(typeof attributes[key], `${name} ${key}`).toBe('string')
  expect(attributes['event.type']).toBe(type)
  expect(attributes['event.id']).toMatch(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/)
  for (const key of ['event.timestamp', 'event.end_timestamp']) {
    expect(new Date(String(attributes[key])).toISOString()).toBe(attributes[key])
  }
  expect(attributes['agentops.tags']).toEqual(['t'])
  expect(JSON.parse(String(attributes['event.data']))).toBeTypeOf('object')
}

describe('record', () => {
  test('an action', async () => {
    const [span] = await recorded(
      new ActionEvent({
        actionType: 'click',
        params: { x: 1 },
        returns: 'ok',
        logs: 'l',
        screenshot: 'https://e/x.png',
      }),
    )
    expect(span).toMatchObject({ name: 'click.operation', kind: 1, status: { code: 1 } })
    expectRequired(span as CollectedSpan, 'actions')
    expect(span?.attributes).toMatchObject({
      'agentops.span.kind': 'operation',
      'operation.name': 'click',
      'action.type': 'click',
      'action.logs': 'l',
      'action.screenshot': 'https://e/x.png',
      'agentops.entity.input': '{"args":[],"kwargs":{"x":1}}',
      'agentops.entity.output': 'ok',
    })
    expect(JSON.parse(String(span?.attributes['event.data']))).toEqual({
      action_type: 'click',
      params: { x: 1 },
      returns: 'ok',
      logs: 'l',
      screenshot: 'https://e/x.png',
    })
    expect(Object.keys(span?.attributes ?? {}).filter((key) => /^(tool|agent|gen_ai)\./.test(key))).toEqual([])
  })

  test('a tool: its type’s keys come before the event’s', async () => {
    const [span] = await recorded(
      new ToolEvent({ name: 'search', params: { q: 'cats' }, returns: ['a', 'b'], logs: null }),
    )
    expect(span?.name).toBe('search.tool')
    expectRequired(span as CollectedSpan, 'tools')
    expect(span?.attributes).toMatchObject({
      'tool.name': 'search',
      'tool.parameters': '{"q":"cats"}',
      'tool.result': '["a","b"]',
      'tool.status': 'succeeded',
    })
    const keys = Object.keys(span?.attributes ?? {})
    expect(keys.indexOf('tool.name')).toBeLessThan(keys.indexOf('event.id'))
  })

  test('an llm call: content before role, indices from 0, whole tokens, plain decimal cost', async () => {
    const [span] = await recorded(
      new LLMEvent({
        model: 'gpt-4o',
        prompt: [
          { role: 'system', content: 'be brief' },
          { role: 'user', content: [{ type: 'text', text: 'hi' }] },
        ],
        completion: {
          role: 'assistant',
          content: 'yo',
          finish_reason: 'tool_calls',
          tool_calls: [{ id: '1', function: { name: 'f', arguments: '{"a":1}' } }],
        },
        promptTokens: 3,
        completionTokens: 2,
        cost: 0.000045,
        threadId: 'th',
      }),
    )
    expect(span).toMatchObject({ name: 'chat.llm', kind: 3 })
    expectRequired(span as CollectedSpan, 'llms')
    expect(span?.attributes).toMatchObject({
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.response.model': 'gpt-4o',
      'gen_ai.request.type': 'chat',
      'gen_ai.prompt.0.content': 'be brief',
      'gen_ai.prompt.0.role': 'system',
      'gen_ai.prompt.1.content': '[{"type":"text","text":"hi"}]',
      'gen_ai.prompt.1.role': 'user',
      'gen_ai.completion.0.content': 'yo',
      'gen_ai.completion.0.role': 'assistant',
      'gen_ai.completion.0.finish_reason': 'tool_calls',
      'gen_ai.completion.0.tool_calls.0.name': 'f',
      'gen_ai.completion.0.tool_calls.0.arguments': '{"a":1}',
      'gen_ai.usage.prompt_tokens': 3,
      'gen_ai.usage.completion_tokens': 2,
      'gen_ai.usage.total_tokens': 5,
      'gen_ai.usage.total_cost': '0.000045',
    })
    const keys = Object.keys(span?.attributes ?? {})
    expect(keys.indexOf('gen_ai.completion.0.content')).toBeLessThan(keys.indexOf('gen_ai.completion.0.role'))
  })

  test.each([
    [1.5, 'cheap'],
    ['12', 'x'],
    [-1, -1],
    [Number.NaN, Number.NaN],
    [Number.POSITIVE_INFINITY, {}],
  ])('tokens %s and cost %s that would break the backend are left out', async (tokens, cost) => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const [span] = await recorded(
      new LLMEvent({ model: 'm', promptTokens: tokens as number, completionTokens: 1, cost: cost as number }),
    )
    expect(Object.keys(span?.attributes ?? {}).filter((key) => /prompt_tokens|total/.test(key))).toEqual([])
    expect(span?.attributes['gen_ai.usage.completion_tokens']).toBe(1)
  })

  test.each([
    [0, '0'],
    ['0.5', '0.5'],
    [4.5e-5, '0.000045'],
    [1e-12, '0'],
    [1200, '1200'],
  ])('cost %s is written %s', async (cost, written) => {
    const [span] = await recorded(new LLMEvent({ cost }))
    expect(span?.attributes['gen_ai.usage.total_cost']).toBe(written)
  })

  test('a conversation of 500 messages loses messages, not the required attributes', async () => {
    const prompt = Array.from({ length: 500 }, (_, n) => ({ role: 'user', content: `${n} ${'x'.repeat(2000)}` }))
    const [span] = await recorded(new LLMEvent({ prompt }))
    expectRequired(span as CollectedSpan, 'llms')
    expect(JSON.stringify(span?.attributes).length).toBeLessThan(250_000)
  })

  test('an error is a child of its trigger, with status and message', async () => {
    const trigger = new ToolEvent({ name: 'flaky' })
    const error = new ErrorEvent({ exception: new RangeError('out'), triggerEvent: trigger, code: 42 })
    const [tool, span] = await recorded(trigger, error)
    expectRequired(span as CollectedSpan, 'errors')
    expect(span).toMatchObject({
      name: 'RangeError.operation',
      status: { code: 2, message: 'out' },
      parentSpanId: tool?.spanId,
    })
    expect(span?.attributes).toMatchObject({
      'error.type': 'RangeError',
      'error.message': 'out',
      'error.code': '42',
      'trigger_event.id': tool?.attributes['event.id'],
      'trigger_event.type': 'tools',
    })
    expect(JSON.parse(String(span?.attributes['event.data']))).toMatchObject({
      error_type: 'RangeError',
      details: 'out',
      logs: expect.stringContaining('RangeError'),
    })
    // A bare `error` would hide `error.*` in AgentOps' nesting.
    expect(span?.attributes.error).toBeUndefined()
  })

  test('defaults: every type without any field', async () => {
    const spans = await recorded(
      new ActionEvent(),
      new ToolEvent(),
      new LLMEvent(),
      new ErrorEvent(),
      { eventType: 'apis' },
      { eventType: 'custom thing' },
    )
    expect(spans.map(({ name }) => name)).toEqual([
      'unknown_action.operation',
      'unknown_tool.tool',
      'chat.llm',
      'errors.operation',
      'apis.operation',
      'custom thing.operation',
    ])
    for (const [index, type] of ['actions', 'tools', 'llms', 'errors', 'apis', 'custom thing'].entries()) {
      expectRequired(spans[index] as CollectedSpan, type)
    }
  })

  test('plain objects, own ids, and extra fields', async () => {
    const id = '00000000-0000-4000-8000-000000000001'
    const [span] = await recorded({ eventType: 'tools', id, name: 'plain', someField: { a: 1 }, agentId: 'agent-9' })
    expect(span?.attributes).toMatchObject({ 'event.id': id, 'agent.id': 'agent-9' })
    expect(JSON.parse(String(span?.attributes['event.data']))).toMatchObject({
      some_field: { a: 1 },
      agent_id: 'agent-9',
    })
  })

  test.each([undefined, null, 7, {}, { eventType: 5 }, { eventType: '' }])(
    '%s is no event: said, left out, nothing else lost',
    async (value) => {
      vi.spyOn(console, 'warn').mockImplementation(() => {})
      expect((await recorded(value as never, new ToolEvent())).map(({ name }) => name)).toEqual(['unknown_tool.tool'])
    },
  )

  test('a field that throws is named and the event is kept', async () => {
    const event = {
      eventType: 'tools',
      name: 'odd',
      get params() {
        throw new Error('no')
      },
    }
    const [span] = await recorded(event as never)
    expect(JSON.parse(String(span?.attributes['event.data'])).params).toBe('[threw: no]')
  })

  test('an event changed after it was recorded does not change its span', async () => {
    const event = new ToolEvent({ name: 'before' })
    const session = open()
    session.record(event)
    event.name = 'after'
    session.record(event)
    await session.end()
    expect((await spansOf(session)).map(({ name }) => name)).toEqual(['s.session', 'before.tool', 'after.tool'])
  })
})

describe('wrappers', () => {
  test('sync stays sync, async stays async, both are recorded with their value', async () => {
    const session = open()
    expect(session.action('sum', { x: 3, y: 4 }, () => 7)).toBe(7)
    const promise = session.tool('later', async () => {
      await new Promise((resolve) => setTimeout(resolve, 30))
      return [1, 2]
    })
    expect(promise).toBeInstanceOf(Promise)
    expect(await promise).toEqual([1, 2])
    session.llm('gpt-4o', { prompt: 'hi' }, (event) => {
      event.completion = 'yo'
      event.promptTokens = 1
    })
    await session.end()
    const spans = await spansOf(session)
    expect(named(spans, 'sum.operation').attributes).toMatchObject({
      'agentops.entity.input': '{"args":[],"kwargs":{"x":3,"y":4}}',
      'agentops.entity.output': '7',
    })
    const later = named(spans, 'later.tool')
    expect(later.attributes['tool.result']).toBe('[1,2]')
    expect(later.end - later.start).toBeGreaterThanOrEqual(25_000_000n)
    expect(named(spans, 'chat.llm').attributes).toMatchObject({
      'gen_ai.completion.0.content': 'yo',
      'gen_ai.prompt.0.content': 'hi',
    })
    for (const [name, type] of [
      ['sum.operation', 'actions'],
      ['later.tool', 'tools'],
      ['chat.llm', 'llms'],
    ] as const) {
      expectRequired(named(spans, name), type)
    }
  })

  test.each([
    ['an Error', new RangeError('out'), 'RangeError', 'out'],
    ['text', 'plain text', 'string', 'plain text'],
    ['an object', { code: 1 }, 'object', '[object Object]'],
    ['undefined', undefined, 'undefined', 'undefined'],
    ['a class of one’s own', new (class Quota extends Error {})('full'), 'Quota', 'full'],
  ])('a thrown %s reaches the caller unchanged, sync and async', async (_, thrown, type, message) => {
    const session = open()
    let caught: unknown = 'nothing'
    try {
      session.tool('sync', () => {
        throw thrown
      })
    } catch (error) {
      caught = error
    }
    expect(caught).toBe(thrown)
    await session
      .tool('async', async () => {
        throw thrown
      })
      .then(
        () => expect.unreachable(),
        (error) => expect(error).toBe(thrown),
      )
    await session.end()
    const spans = await spansOf(session)
    const failed = named(spans, 'sync.tool')
    expect(failed).toMatchObject({ status: { code: 2, message } })
    expect(failed.attributes).toMatchObject({ 'error.type': type, 'error.message': message, 'tool.status': 'failed' })
    expect(failed.events[0]?.name).toBe('exception')
    // The failed span says it.
    expect(spans.filter(({ attributes }) => attributes['event.type'] === 'errors')).toEqual([])
  })

  test('an error that passes through several wrappers is one error, which the failed spans say', async () => {
    const session = open()
    expect(() =>
      session.agent('a', () =>
        session.tool('t', () => {
          throw new Error('deep')
        }),
      ),
    ).toThrow('deep')
    await session.end()
    const spans = await spansOf(session)
    expect(spans.filter(({ status }) => status.code === 2).map(({ name }) => name)).toEqual(['a.agent', 't.tool'])
    expect(session.stats.errors).toBe(1)
  })

  test('an error that the user records is an event, once, whether a span failed by it or not', async () => {
    const session = open()
    const error = new RangeError('mine')
    expect(() =>
      session.tool('t', () => {
        throw error
      }),
    ).toThrow(error)
    session.recordError(error)
    session.recordError(error)
    await session.end()
    const errors = (await spansOf(session)).filter(({ attributes }) => attributes['event.type'] === 'errors')
    expect(errors.map(({ name }) => name)).toEqual(['RangeError.operation'])
    expect(session.stats.errors).toBe(1)
  })

  test('a plain promise stays the same object, and its rejection is its owner’s to handle', async () => {
    const session = open()
    const mine = Promise.reject(new Error('handled'))
    mine.catch(() => {})
    expect(session.tool('rejects', () => mine)).toBe(mine)
    await mine.catch(() => {})
    await session.end()
    expect(named(await spansOf(session), 'rejects.tool').status).toEqual({ code: 2, message: 'handled' })
  })

  test('a promise of one’s own class stays the same object', async () => {
    class Extra extends Promise<number> {
      extra(): string {
        return 'here'
      }
    }
    const session = open()
    const mine = Extra.resolve(5) as Extra
    const got = session.tool('own', () => mine)
    expect(got).toBe(mine)
    expect([got.extra(), await got]).toEqual(['here', 5])
    await session.end()
    expect(named(await spansOf(session), 'own.tool').attributes['tool.result']).toBe('5')
  })

  test('a lazy query is run once, when it is awaited', async () => {
    let runs = 0
    const query = {
      limited: false,
      limit() {
        this.limited = true
        return this
      },
      // biome-ignore lint/suspicious/noThenProperty: it is a thenable that the test is about.
      then(resolve: (rows: string[]) => void) {
        runs++
        resolve(['row'])
      },
    }
    const session = open()
    const built = session.tool('query', () => query)
    expect(runs).toBe(0)
    expect(Object.keys(built.limit())).toEqual(['limited', 'limit', 'then'])
    expect(await built).toEqual(['row'])
    expect(runs).toBe(1)
    await session.end()
    expect(named(await spansOf(session), 'query.tool').attributes['tool.result']).toBe('["row"]')
  })

  test('a thenable that is awaited twice, and an error of megabytes, are one bounded span each', async () => {
    const errors: unknown[] = []
    const log = (...args: unknown[]): void => void errors.push(args)
    diag.setLogger({ error: log, warn: log, info: log, debug: () => {}, verbose: () => {} })
    const session = open()
    const thenable = session.tool('twice', () => ({
      // biome-ignore lint/suspicious/noThenProperty: it is a thenable that the test is about.
      then: (resolve: (value: number) => void) => resolve(1),
    }))
    expect([await thenable, await thenable]).toEqual([1, 1])
    expect(() =>
      session.tool('big', () => {
        throw new Error('x'.repeat(5_000_000))
      }),
    ).toThrow()
    await session.end()
    diag.disable()
    const spans = await spansOf(session)
    expect(named(spans, 'twice.tool').attributes['tool.result']).toBe('1')
    expect(JSON.stringify(named(spans, 'big.tool').events).length).toBeLessThan(25_000)
    expect(errors).toEqual([])
  })

  test('events nest under the wrapper that runs them', async () => {
    const session = open()
    await session.agent('a', async () => {
      await session.tool('t', async () => session.action('inner', () => 1))
    })
    await session.end()
    const spans = await spansOf(session)
    expect(named(spans, 't.tool').parentSpanId).toBe(named(spans, 'a.agent').spanId)
    expect(named(spans, 'inner.operation').parentSpanId).toBe(named(spans, 't.tool').spanId)
  })

  test('a hostile name is bounded and the call runs', async () => {
    const session = open()
    expect(session.tool('n'.repeat(10_000), () => 1)).toBe(1)
    expect(session.tool(undefined as never, () => 2)).toBe(2)
    expect(session.tool(Symbol('s') as never, () => 3)).toBe(3)
    await session.end()
    expect((await spansOf(session)).every(({ name }) => name.length < 300)).toBe(true)
  })
})
