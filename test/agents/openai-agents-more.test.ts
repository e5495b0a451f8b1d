/** OpenAI's Agents SDK in how people write agents: handoffs back and forth, approvals, agents as tools, aborts, two at once. */
import { expect, test } from 'vitest'
import { type Answer, chat } from '../scenarios/say.ts'
import { countOf } from '../scenarios/tree.ts'
import { failures, having, outline, useTasks } from './beside.ts'

const { ran } = useTasks('openai-agents', 'test/scenarios/openai-agents/more.js')

const asks = chat({ calls: [['call_1', 'get_weather', { city: 'Oslo' }]] }, [30, 9])
/** Two at once ask for two. */
const others = chat({ calls: [['call_2', 'get_weather', { city: 'Rome' }]] }, [30, 9])
const says = chat({ text: 'Sun.' }, [40, 3])
const to = (id: string, name: string): Answer => chat({ calls: [[id, `transfer_to_${name}`, {}]] }, [5, 1])
const turn = (n: number): string[] => [`    turn ${n}.operation`, '      chat.llm']
const TOOL = ['      get_weather.tool', '        look out.operation']
const LOOP = ['  planner.agent', ...turn(1), ...TOOL, ...turn(2)]
const handed = (agent: string, n: number, to: string): string[] => [
  ...[`  ${agent}.agent`, ...turn(n)],
  `      handoff to ${to}.operation`,
]
const both = [
  ['call_1', 'ask', { input: 'how' }],
  ['call_2', 'get_weather', { city: 'Rome' }],
] as [string, string, object][]

const CASES: Readonly<
  Record<string, readonly [said: readonly Answer[], inside: readonly string[], failed?: string[]]>
> = {
  // A run that waits for an approval ends, and its state goes on in another.
  approval: [
    [asks, says],
    ['  planner.agent', ...turn(1), '  planner.agent', '    turn 1.operation', ...TOOL, ...turn(2)],
  ],
  back: [
    [to('a', 'desk'), to('b', 'triage'), to('c', 'desk'), says],
    [
      ...handed('triage', 1, 'desk'),
      ...handed('desk', 2, 'triage'),
      ...handed('triage', 3, 'desk'),
      ...['  desk.agent', ...turn(4)],
    ],
  ],
  tools: [
    [chat({ calls: both }, [20, 2]), says, says],
    [
      ...['  planner.agent', ...turn(1), '      ask.tool'],
      ...['  colleague.agent', ...turn(1)].map((line) => `      ${line}`),
      ...[...TOOL, ...turn(2)],
    ],
  ],
  output: [
    [says],
    ['  planner.agent', ...turn(1), '    guardrail clean.operation'],
    ['planner.agent', 'turn 1.operation'],
  ],
  typed: [[chat({ text: '{"city":"Oslo"}' }, [10, 4])], ['  planner.agent', ...turn(1)]],
  later: [[asks, says], LOOP],
  // The model asks for a tool that nobody has.
  unknown: [
    [chat({ calls: [['call_9', 'nobody', {}]] }, [6, 2])],
    ['  planner.agent', ...turn(1)],
    ['planner.agent', 'turn 1.operation'],
  ],
}

test.each(Object.keys(CASES))('%s', async (task) => {
  const [said, inside, failed = []] = CASES[task] ?? [[], []]
  for (const query of ['wire', 'blind', ...(task === 'approval' ? ['wire&stream'] : [])]) {
    const { tree, run } = await ran(task, said, query)
    expect([query, ...outline(tree)]).toEqual([query, 'GET.session', ...inside])
    expect(failures(tree)).toEqual(failed)
    expect(countOf(tree)).toEqual({ calls: run.asked, tokens: run.tokens })
  }
})

test('two at once stay apart', async () => {
  const { tree, run } = await ran('both', [asks, others, says, says])
  tree.children.sort((a, b) => (a.name < b.name ? -1 : 1))
  const named = (name: string): string[] => LOOP.map((line) => line.replace('planner', name))
  expect(outline(tree)).toEqual(['GET.session', ...named('first'), ...named('second')])
  expect(countOf(tree)).toEqual({ calls: 4, tokens: run.tokens })
})

test('a run that is aborted in its middle is incomplete and has not failed', async () => {
  const { tree } = await ran('aborted', [asks, says])
  expect(outline(tree)).toEqual(['GET.session', '  planner.agent', ...turn(1), '      get_weather.tool'])
  expect([failures(tree), having(tree, 'agentops.incomplete')]).toEqual([[], ['planner.agent', 'turn 1.operation']])
})
