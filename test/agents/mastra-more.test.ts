/** Mastra in what a scenario does not show: what is suspended and resumed, agents that ask agents, steps that throw, two at once. */
import { expect, test } from 'vitest'
import { type Answer, chat } from '../scenarios/say.ts'
import { countOf } from '../scenarios/tree.ts'
import { failures, having, outline, useTasks } from './beside.ts'

const options = { compatibilityDate: '2026-09-01' }
const { ran } = useTasks('mastra', 'test/scenarios/mastra/more.js', options)

const INTERRUPTED = 'agentops.interrupted'
const RESUMED = 'agentops.resumed'
const asking = (id: string): Answer => chat({ calls: [[id, 'get_weather', { city: 'Oslo' }]] }, [30, 9])
const says = chat({ text: 'Sun.' }, [40, 3])
/** Each with an id of its own: Mastra takes two messages of one id for the same. */
const numbered = (...answers: Answer[]): Answer[] =>
  answers.map((answer, n) => JSON.parse(JSON.stringify(answer).replaceAll('chatcmpl-1', `chatcmpl-${n + 1}`)))
const step = (n: number): string[] => [`    step ${n}.operation`, '      chat.llm']
const LOOP = ['  planner.agent', ...step(1), '      get_weather.tool', '        look out.operation', ...step(2)]

test('a workflow that waits for somebody, and is resumed', async () => {
  const { tree } = await ran('suspended', [])
  const trip = ['  trip.operation', '    review.operation']
  expect(outline(tree)).toEqual(['GET.session', ...trip, ...trip])
  expect(failures(tree)).toEqual([])
  expect([having(tree, INTERRUPTED), having(tree, RESUMED)]).toEqual([
    ['trip.operation', 'review.operation'],
    ['trip.operation'],
  ])
})

test('a tool that needs an approval: what each call of a model took counts once', async () => {
  for (const query of ['wire', 'blind']) {
    const { tree, run } = await ran('approval', numbered(asking('call_1'), says), query)
    expect([having(tree, INTERRUPTED), having(tree, RESUMED)]).toEqual([['planner.agent'], ['planner.agent']])
    // What is before the stop Mastra itself tells twice, the first time without what it took.
    expect([query, countOf(tree)]).toEqual([query, { calls: query === 'wire' ? 2 : 3, tokens: run.tokens }])
  }
})

test('a step that throws fails its workflow, without its message', async () => {
  const { tree } = await ran('throws', [])
  expect(failures(tree)).toEqual(['trip.operation', 'review.operation'])
  expect(JSON.stringify(tree)).not.toContain('no way to Oslo')
})

test('an agent whose tool is another agent', async () => {
  const asks = chat({ calls: [['call_a', 'agent-colleague', { prompt: 'how' }]] }, [20, 2])
  const { tree, run } = await ran('agents', numbered(asks, asking('call_1'), says, says))
  const lines = outline(tree)
  expect(lines.slice(0, 5)).toEqual(['GET.session', '  planner.agent', ...step(1), '      agent-colleague.tool'])
  expect(lines.slice(5, 12)).toEqual(LOOP.map((line) => `      ${line.replace('planner', 'colleague')}`))
  expect(countOf(tree)).toEqual({ calls: 4, tokens: run.tokens })
})

test('two at once, and one that goes on behind the answer', async () => {
  const { tree, run } = await ran('both', numbered(asking('call_1'), asking('call_2'), says, says))
  expect(outline(tree)).toEqual(['GET.session', ...LOOP, ...LOOP])
  expect(countOf(tree)).toEqual({ calls: 4, tokens: run.tokens })
  expect(outline((await ran('later', numbered(asking('call_1'), says))).tree)).toEqual(['GET.session', ...LOOP])
})
