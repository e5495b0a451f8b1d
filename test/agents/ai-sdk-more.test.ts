/** The AI SDK in what a scenario does not show: agents as tools, approvals, structured output, aborts, retries, callbacks that throw. */
import { expect, test } from 'vitest'
import { type Answer, chat, refused } from '../scenarios/say.ts'
import { countOf } from '../scenarios/tree.ts'
import { failures, find, having, outline, useTasks } from './beside.ts'

const { ran } = useTasks('ai-sdk-7', 'test/scenarios/ai-sdk-7/more.js')

const asks = chat({ calls: [['call_1', 'get_weather', { city: 'Oslo' }]] }, [30, 9])
/** Two at once ask for two. */
const others = chat({ calls: [['call_2', 'get_weather', { city: 'Rome' }]] }, [30, 9])
const says = chat({ text: 'Sun.' }, [40, 3])
const object = chat({ text: '{"city":"Oslo"}' }, [10, 4])
const overloaded: Answer = { ...refused(503, 'overloaded'), headers: { 'retry-after-ms': '1' } }
const TOOL = ['      get_weather.tool', '        look out.operation']
const FIRST = ['    step 1.operation', '      chat.llm']
const SECOND = ['    step 2.operation', '      chat.llm']
const LOOP = ['  planner.agent', ...FIRST, ...TOOL, ...SECOND]
const deeper = (lines: readonly string[]): string[] => lines.map((line) => `      ${line}`)

const CASES: Readonly<
  Record<string, readonly [said: readonly Answer[], inside: readonly string[], failed?: string[]]>
> = {
  agents: [
    [chat({ calls: [['call_a', 'ask', { question: 'how' }]] }, [20, 2]), asks, says, says],
    [
      ...['  planner.agent', ...FIRST, '      ask.tool'],
      ...deeper(LOOP.map((line) => line.replace('planner', 'colleague'))),
      ...SECOND,
    ],
  ],
  client: [[asks], ['  planner.agent', ...FIRST]],
  object: [[object], ['  planner.agent', ...FIRST]],
  misfit: [[object], ['  planner.agent', ...FIRST]],
  prepared: [[asks, says], LOOP],
  retried: [
    [overloaded, asks, says],
    ['  planner.agent', ...FIRST, '      chat.llm', ...TOOL, ...SECOND],
    ['chat.llm'],
  ],
  both: [
    [asks, others, says, says],
    [...LOOP, ...LOOP],
  ],
  callbacks: [
    [asks, says],
    [...LOOP, '  kept.operation', '  kept.operation'],
  ],
  later: [[asks, says], LOOP],
  wrapped: [[says], ['  planner.agent', '    step 1.operation', '      guarded.operation', '        chat.llm']],
  reranks: [[], ['  rerank.operation']],
}

test.each(Object.keys(CASES))('%s', async (task) => {
  const [said, inside, failed = []] = CASES[task] ?? [[], []]
  for (const query of task === 'wrapped' ? ['wire'] : ['wire', 'blind']) {
    const { tree, run } = await ran(task, said, query)
    expect([query, ...outline(tree)]).toEqual([query, 'GET.session', ...inside])
    expect(failures(tree)).toEqual(failed)
    expect(countOf(tree).tokens).toEqual(run.tokens)
  }
})

test('a step’s own model is its call’s', async () => {
  const { tree } = await ran('prepared', [asks, says], 'blind')
  const step = find(tree, 'step 2.operation')
  expect(step?.children[0]?.attributes['gen_ai.request.model']).toBe('gpt-4o')
})

test('a tool that needs an approval: the first run waits, the second goes on and calls it', async () => {
  const { tree } = await ran('approval', [asks, says])
  expect(outline(tree)).toEqual([
    'GET.session',
    ...['  planner.agent', ...FIRST],
    ...['  planner.agent', '    get_weather.tool', '      look out.operation', ...FIRST],
  ])
  const [first, second] = tree.children
  expect(first && having(first, 'agentops.interrupted')).toEqual(['planner.agent'])
  expect(second && having(second, 'agentops.resumed')).toEqual(['planner.agent'])
  expect(find(tree, 'get_weather.tool')?.links?.[0]?.to).toBe('chat.llm')
})

test('a run that is aborted in its middle is incomplete and has not failed', async () => {
  const { tree } = await ran('aborted', [asks, says])
  expect(outline(tree)).toEqual(['GET.session', '  planner.agent', ...FIRST, '      get_weather.tool'])
  expect([failures(tree), having(tree, 'agentops.incomplete')]).toEqual([[], ['planner.agent']])
})
