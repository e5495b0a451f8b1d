import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createAgentOps, currentSession, record, ToolEvent, tool } from '../../src/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'

let said: string[] = []
beforeEach(() => {
  said = []
  vi.spyOn(console, 'warn').mockImplementation((line) => void said.push(String(line)))
})
afterEach(() => vi.restoreAllMocks())

// Node can make a session the current one for the rest of an async flow; workerd cannot.
const node = typeof navigator === 'undefined' || !/Cloudflare/.test(navigator.userAgent)

// First: a line is said once in an isolate.
describe.each(node ? ['Node'] : [])('startSession in %s', () => {
  test('a second startSession in the scope warns and returns the active one', async () => {
    const agentops = createAgentOps(toCollector())
    const first = agentops.startSession()
    const second = agentops.startSession()
    expect(second).toBe(first)
    expect(said.join()).toContain('already active in this scope')
    await agentops.endSession('Success')
    expect(first.state).toBe('ended')
    const third = agentops.startSession()
    expect(third).not.toBe(first)
    await third.end()
  })

  test('a session that has ended leaves no scope that later requests would share', async () => {
    const agentops = createAgentOps(toCollector())
    const boot = agentops.startSession({ name: 'boot' })
    await boot.end()
    const requests = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        const session = agentops.startSession({ name })
        await new Promise((resolve) => setTimeout(resolve, 5))
        expect(agentops.currentSession).toBe(session)
        await session.end()
        return session.name
      }),
    )
    expect(requests).toEqual(['a', 'b', 'c'])
  })

  test('module-level calls find the scope’s session', async () => {
    const agentops = createAgentOps(toCollector())
    const session = agentops.startSession()
    expect(agentops.currentSession).toBe(session)
    expect(currentSession()).toBe(session)
    agentops.record(new ToolEvent({ name: 'a' }))
    record(new ToolEvent({ name: 'b' }))
    expect(tool('c', () => 3)).toBe(3)
    agentops.addTags('x')
    agentops.setTags(['y', 'z'])
    expect(agentops.createAgent('planner', 'agent-1')).toBe('agent-1')
    expect(await agentops.flush()).toMatchObject({ sent: 3, pending: 0 })
    expect(await agentops.endSession('Success')).toMatchObject({ sent: 4 })
    expect(session.tags).toEqual(['y', 'z'])
  })
})

describe.each(node ? [] : ['workerd'])('startSession in %s', () => {
  test('makes no session implicit: module-level calls say so, session.run and withSession find it', async () => {
    const agentops = createAgentOps(toCollector())
    const session = agentops.startSession({ name: 'explicit' })
    expect(agentops.currentSession).toBeUndefined()
    agentops.setTags('lost')
    expect(said.join()).toContain('setTags: no session is active here')
    session.run(() => agentops.record(new ToolEvent({ name: 'ran' })))
    await session.end('Success')
    expect((await spansOf(session)).map(({ name }) => name)).toEqual(['explicit.session', 'ran.tool'])
    expect(session.tags).toEqual([])
  })
})

describe('single mode', () => {
  test('scope "process": the client’s only session is found from anywhere', async () => {
    const agentops = createAgentOps(toCollector({ scope: 'process' }))
    const session = agentops.startSession()
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(agentops.currentSession).toBe(session)
    expect(agentops.startSession()).toBe(session)
    await agentops.endSession()
    expect(agentops.currentSession).toBeUndefined()
  })

  test('without a session a call does nothing and says what to do', async () => {
    const agentops = createAgentOps(toCollector({ scope: 'process' }))
    agentops.record(new ToolEvent())
    agentops.addTags('x')
    expect(await agentops.endSession()).toBeUndefined()
    for (const call of ['record', 'addTags', 'endSession']) {
      expect(said.filter((line) => line.includes(`${call}: no session is active here`))).toHaveLength(1)
    }
  })
})

describe('multi mode', () => {
  test('an ambiguous call warns and does nothing; session.run says which', async () => {
    const agentops = createAgentOps(toCollector({ mode: 'multi', scope: 'process' }))
    const one = agentops.startSession({ name: 'one' })
    const two = agentops.startSession({ name: 'two' })
    expect(two).not.toBe(one)
    expect(agentops.activeSessions).toEqual([one, two])
    expect(agentops.currentSession).toBeUndefined()
    agentops.record(new ToolEvent({ name: 'lost' }))
    agentops.setTags('lost')
    expect(agentops.createAgent('lost')).toBeUndefined()
    expect(await agentops.endSession()).toBeUndefined()
    expect(said.join()).toContain(
      'record: several sessions are active here, so nothing was done. Call session.record(…)',
    )
    expect(said.join()).toContain('Call session.end(…)')
    two.run(() => agentops.record(new ToolEvent({ name: 'ran' })))
    one.record(new ToolEvent({ name: 'called' }))
    one.addTags('first')
    await Promise.all([one.end('Success'), two.end('Fail', 'why')])
    const [ones, twos] = [await spansOf(one), await spansOf(two)]
    expect(ones.map(({ name }) => name)).toEqual(['one.session', 'called.tool'])
    expect(twos.map(({ name }) => name)).toEqual(['two.session', 'ran.tool'])
    expect([one.tags, two.tags]).toEqual([['first'], []])
    expect([one.endState, two.endState]).toEqual(['Success', 'Fail'])
    expect([one.stats.tools, two.stats.tools]).toEqual([1, 1])
  })
})

describe('withSession', () => {
  test('ends with Success and gives the value; many at once stay apart in either mode', async () => {
    const agentops = createAgentOps(toCollector())
    const ids = await Promise.all(
      [1, 2, 3].map((n) =>
        agentops.withSession({ name: `w${n}` }, async (session) => {
          await new Promise((resolve) => setTimeout(resolve, 5 * n))
          expect(currentSession()).toBe(session)
          tool(`t${n}`, () => n)
          return session.id
        }),
      ),
    )
    for (const [index, id] of ids.entries()) {
      const spans = await spansOf({ id })
      expect(spans.map(({ name }) => name)).toEqual([`w${index + 1}.session`, `t${index + 1}.tool`])
      expect(named(spans, `w${index + 1}.session`).status.code).toBe(1)
    }
  })

  test('an error ends it with Fail and is thrown unchanged', async () => {
    const agentops = createAgentOps(toCollector())
    const error = new TypeError('bad')
    let id = ''
    const failed = agentops.withSession({}, (session) => {
      id = session.id
      throw error
    })
    await expect(failed).rejects.toBe(error)
    const spans = await spansOf({ id })
    expect(named(spans, 'agent.session')).toMatchObject({ status: { code: 2, message: 'bad' } })
    expect(named(spans, 'agent.session').attributes).toMatchObject({
      'error.type': 'TypeError',
      'error.message': 'bad',
    })
  })

  test('keeps a state that fn has set', async () => {
    const agentops = createAgentOps(toCollector())
    const session = await agentops.withSession({}, (session) => {
      session.setEndState('Fail', 'refused')
      return session
    })
    expect([session.endState, session.endStateReason]).toEqual(['Fail', 'refused'])
  })
})

test('outside any session helpers run the function, and say so once', () => {
  expect(tool('x', { a: 1 }, () => 5)).toBe(5)
  record(new ToolEvent())
  expect(() =>
    tool('x', () => {
      throw new Error('mine')
    }),
  ).toThrow('mine')
  expect(said).toEqual([expect.stringMatching(/^agentops-edge: tool: called outside any session/)])
})
