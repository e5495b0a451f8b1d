import { afterEach, describe, expect, test, vi } from 'vitest'
import { type AgentOpsOptions, createAgentOps, type SessionInit } from '../../src/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'

afterEach(() => vi.restoreAllMocks())

/** Runs the user's function with these options twice; gives what was said. */
async function said(options: AgentOpsOptions, init: SessionInit = {}): Promise<string[]> {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const agentops = createAgentOps(toCollector(options))
  for (let i = 0; i < 2; i++) {
    const ran = await agentops.withSession({ name: 's', ...init }, (session) => session.tool('work', () => 'done'))
    expect(ran).toBe('done')
  }
  return warn.mock.calls.map(([line]) => `${line}`)
}

const formless = Object.create(null)

describe('a mistake in the options is said once, and the user’s function runs', () => {
  test.each<[string, AgentOpsOptions, RegExp, SessionInit?]>([
    [
      'a sampler that throws',
      {
        sampler: {
          shouldSample: () => {
            throw new Error('no')
          },
        },
      },
      /the sampler failed/,
    ],
    ['a clock without end', { clock: () => Number.POSITIVE_INFINITY }, /the clock failed.*milliseconds since 1970/],
    ['a clock that gives text', { clock: (() => 'noon') as never }, /the clock failed/],
    [
      'a parent that is text',
      {},
      /parent: expected a session or an OpenTelemetry context/,
      { parent: 'text' as never },
    ],
    [
      'an async redact',
      { redact: (async (_: string, value: unknown) => value) as never },
      /redact threw, or gave a promise/,
    ],
    [
      'a redact that rejects',
      {
        redact: (async () => {
          throw new Error('no')
        }) as never,
      },
      /redact threw, or gave a promise/,
    ],
    ['an id that is no text', {}, /session id: expected a UUID/, { id: 7 as never }],
  ])('%s', async (_, options, line, init) => {
    const lines = await said({ mode: 'multi', ...options }, init)
    expect(lines.filter((one) => line.test(one)).length).toBeLessThanOrEqual(1)
    expect(lines.filter((one) => !line.test(one))).toEqual([])
  })

  test('what has no text form', async () => {
    const agentops = createAgentOps(toCollector({ mode: 'multi' }))
    const session = agentops.startSession({ name: formless, tags: formless })
    expect(session.tool(formless, () => 1)).toBe(1)
    expect(session.action(formless, () => 2)).toBe(2)
    expect(session.agent(formless, () => 3)).toBe(3)
    expect(session.llm(formless, () => 4)).toBe(4)
    expect(session.createAgent(formless)).toBeTypeOf('string')
    session.setEndState(formless)
    session.setEndState('Fail', formless)
    session.recordError(formless)
    session.addTags(formless)
    await session.end()
    expect((await spansOf(session)).length).toBeGreaterThanOrEqual(5)
  })
})

test('Indeterminate that was said stays, with its reason', async () => {
  const session = createAgentOps(toCollector({ mode: 'multi' })).startSession({ name: 's' })
  session.setEndState('Indeterminate', 'why')
  await session.end()
  expect(named(await spansOf(session), 's.session').attributes).toMatchObject({
    'agentops.session.end_state': 'Indeterminate',
    'agentops.session.end_state_reason': 'why',
  })
})

test.each([[['Fail']], ['fail'], ['toString'], [7], [null]])(
  'an end state that is none is said, and the one before stays: %j',
  async (state) => {
    const session = createAgentOps(toCollector({ mode: 'multi' })).startSession({ name: 's' })
    session.setEndState('Success')
    session.setEndState(state as 'Fail')
    expect(session.endState).toBe('Success')
    await session.end()
    expect(named(await spansOf(session), 's.session').attributes['agentops.session.end_state']).toBe('Success')
  },
)

describe('control flow by throwing, as Next.js has it, is no failure', () => {
  const thrown = (digest: string): Error => Object.assign(new Error(digest), { digest })
  test.each<[string, number | undefined]>([
    ['NEXT_REDIRECT;replace;/login;307;', 307],
    ['NEXT_REDIRECT;push;https://example.com/a;b;308;', 308],
    ['NEXT_HTTP_ERROR_FALLBACK;404', 404],
    ['NEXT_HTTP_ERROR_FALLBACK;403', 403],
    ['NEXT_NOT_FOUND', 404],
    ['DYNAMIC_SERVER_USAGE', undefined],
  ])('%s', async (digest, status) => {
    const error = thrown(digest)
    const agentops = createAgentOps(toCollector({ mode: 'multi' }))
    let seen: unknown
    await expect(
      agentops.withSession({ name: 's' }, async (session) => {
        seen = session
        session.action('sync', () => {
          throw error
        })
      }),
    ).rejects.toBe(error)
    const spans = await spansOf(seen as never)
    const { attributes, status: code } = named(spans, 's.session')
    expect(code).toEqual({ code: 1 })
    expect(attributes['agentops.session.end_state']).toBe('Success')
    expect(attributes['http.response.status_code']).toBe(status)
    expect(named(spans, 'sync.operation')).toMatchObject({ status: { code: 1 }, events: [] })
    expect(spans.map(({ name }) => name).toSorted()).toEqual(['s.session', 'sync.operation'])
  })

  test.each(['3141592653', 'next_redirect', '', 404])('an error with the digest %j is an error', async (digest) => {
    const agentops = createAgentOps(toCollector({ mode: 'multi' }))
    const session = agentops.startSession({ name: 's' })
    const error = Object.assign(new Error('broken'), { digest })
    await expect(
      session.tool('work', async () => {
        throw error
      }),
    ).rejects.toBe(error)
    await session.end()
    expect(named(await spansOf(session), 'work.tool').status).toEqual({ code: 2, message: 'broken' })
  })
})
