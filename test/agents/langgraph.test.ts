/** LangGraph in what a scenario does not show: pauses for a human, handoffs, tools that throw, runs that are left. */
import { expect, test } from 'vitest'
import { type Answer, chat } from '../scenarios/say.ts'
import { countOf } from '../scenarios/tree.ts'
import { failures, find, having, outline, useTasks } from './beside.ts'

const { ran } = useTasks('langchain', 'test/scenarios/langgraph/more.js')

const INTERRUPTED = 'agentops.interrupted'
const RESUMED = 'agentops.resumed'
const INCOMPLETE = 'agentops.incomplete'
const asking = (tool: string, args = {}): Answer => chat({ calls: [['call_1', tool, args]] }, [30, 9])
const says = chat({ text: 'Sun in Oslo.' }, [40, 3])
const weather = [asking('get_weather', { city: 'Oslo' }), says]
/** Two at once ask for two. */
const others = chat({ calls: [['call_2', 'get_weather', { city: 'Rome' }]] }, [30, 9])
const THINKING = ['    think.operation', '      chat.llm']
const PLANNED = ['  planner.agent', ...THINKING, '    act.operation', '      get_weather.tool', ...THINKING]
/** Two levels deeper. */
const deeper = (lines: readonly string[]): string[] => lines.map((line) => `    ${line}`)

test('a graph that waits for a human in a tool, two graphs deep, and is resumed', async () => {
  const { tree, run } = await ran('interrupted', [asking('book', { city: 'Oslo' }), says], 'wire&contents')
  const hands = ['    act.operation', '      hands.agent', '        tools.operation', '          book.tool']
  expect(outline(tree)).toEqual([
    'GET.session',
    ...['  planner.agent', ...THINKING, ...hands],
    ...['  planner.agent', ...hands, ...THINKING],
  ])
  expect(failures(tree)).toEqual([])
  const [first, second] = tree.children
  const waiting = ['planner.agent', 'act.operation', 'hands.agent', 'tools.operation', 'book.tool']
  expect(first && having(first, INTERRUPTED)).toEqual(waiting)
  expect(first && find(first, 'book.tool')?.attributes['tool.result']).toContain('"value":{"book":"Oslo"}')
  expect(second && [having(second, INTERRUPTED), having(second, RESUMED)]).toEqual([
    [],
    ['planner.agent', 'hands.agent'],
  ])
  expect(countOf(tree)).toEqual({ calls: 2, tokens: run.tokens })
})

test('what a human is asked is content', async () => {
  for (const query of ['wire', 'wire&stream']) {
    const { tree } = await ran('node', [], query)
    expect(having(tree, INTERRUPTED)).toEqual(['desk.agent', 'review.operation'])
    expect(failures(tree)).toEqual([])
    expect(JSON.stringify(tree)).not.toContain('may I?')
  }
})

test('a graph that is made to wait before a node', async () => {
  const { tree } = await ran('before', weather)
  expect([having(tree, INTERRUPTED), having(tree, RESUMED)]).toEqual([['planner.agent'], ['planner.agent']])
  expect(failures(tree)).toEqual([])
})

test('a tool that throws in a ToolNode, which makes of it a message or throws it on', async () => {
  const { tree } = await ran('throws', weather)
  expect(outline(tree)).toEqual(['GET.session', ...PLANNED])
  expect(failures(tree)).toEqual(['get_weather.tool'])
  const thrown = await ran('throws', weather, 'wire&on')
  expect(failures(thrown.tree)).toEqual(['planner.agent', 'act.operation', 'get_weather.tool'])
  expect(JSON.stringify(thrown.tree)).not.toContain('no weather today')
})

test('handoffs: to a node that is a graph, and out of an agent to the one beside it', async () => {
  const { tree } = await ran('handoff', weather)
  const [, ...planned] = outline(tree)
  expect(planned.slice(0, 3)).toEqual(['  office.agent', '    triage.operation', '    planner.operation'])
  expect(planned.slice(3)).toEqual(deeper(PLANNED))
  expect(failures(tree)).toEqual([])
  const across = await ran('across', [asking('transfer_to_flights'), says])
  expect(failures(across.tree)).toEqual([])
  expect(having(across.tree, 'agent.name').filter((name) => name.endsWith('.agent'))).toEqual([
    'travel.agent',
    'hotels.agent',
    'flights.agent',
  ])
  expect(find(across.tree, 'transfer_to_flights.tool')?.links?.[0]?.to).toBe('chat.llm')
})

test.each(['wire', 'blind'])('a graph whose events are read one by one (%s)', async (query) => {
  const { tree, run } = await ran('events', weather, query)
  expect(outline(tree)).toEqual(['GET.session', ...PLANNED])
  expect(countOf(tree)).toEqual({ calls: 2, tokens: run.tokens })
})

test('a graph that its reader leaves, or that is told to stop, is incomplete and has not failed', async () => {
  for (const task of ['left', 'aborted']) {
    const { tree } = await ran(task, weather)
    expect(failures(tree)).toEqual([])
    expect(having(tree, INCOMPLETE)).toContain('planner.agent')
  }
})

test('two graphs side by side, and one that goes on behind the answer', async () => {
  const { tree, run } = await ran('both', [weather[0], others, says, says] as Answer[])
  const named = (name: string): string[] => PLANNED.map((line) => line.replace('planner', name))
  // They began in the same millisecond.
  tree.children.sort((a, b) => (a.name < b.name ? -1 : 1))
  expect(outline(tree)).toEqual(['GET.session', ...named('first'), ...named('second')])
  expect(countOf(tree)).toEqual({ calls: 4, tokens: run.tokens })
  expect(outline((await ran('later', weather)).tree)).toEqual(['GET.session', ...PLANNED])
})
