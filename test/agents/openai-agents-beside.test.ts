/** OpenAI's Agents SDK in what a scenario does not show: over the wire and without, nested, failing, apart, switched off. */
import { expect, test } from 'vitest'
import { type Answer, chat, refused } from '../scenarios/say.ts'
import { countOf } from '../scenarios/tree.ts'
import { find, outline, useTasks } from './beside.ts'

const { ran, ranAlone, worker } = useTasks('openai-agents', 'test/scenarios/openai-agents/beside.js')

const hello = [chat({ text: 'hello' }, [3, 2])]
const nested: readonly Answer[] = [
  chat({ calls: [['call_1', 'ask_colleague', { question: 'how warm?' }]] }, [30, 9]),
  chat({ text: 'warm' }, [12, 2]),
  chat({ text: 'It is warm.' }, [50, 5]),
]
const NESTED = [
  'GET.session',
  '  planner.agent',
  '    turn 1.operation',
  '      chat.llm',
  '      ask_colleague.tool',
  '        look_up.tool',
  '          colleague.agent',
  '            turn 1.operation',
  '              chat.llm',
  '    turn 2.operation',
  '      chat.llm',
]
const SIMPLE = ['GET.session', '  planner.agent', '    turn 1.operation', '      chat.llm']

test.each(['wire', 'wire&stream', '', 'stream'])(
  'an agent inside of a tool of the user’s inside of a tool (%s)',
  async (query) => {
    const { tree, run } = await ran('nested', nested, query)
    expect(outline(tree)).toEqual(NESTED)
    expect(countOf(tree)).toEqual({ calls: 3, tokens: run.tokens })
  },
)

test('contents only where they are on', async () => {
  const { tree } = await ran('nested', nested, '')
  expect(JSON.stringify(tree.children)).not.toMatch(/It is warm|How warm/)
  const shown = await ran('nested', nested, 'contents')
  expect(find(shown.tree, 'ask_colleague.tool')?.attributes).toMatchObject({
    'tool.parameters': '{"question":"how warm?"}',
    'tool.result': 'warm',
  })
})

test('failures: of the provider, of too many turns, of a guardrail', async () => {
  const refusal = { ...refused(400, ''), whole: { error: { type: 'invalid_request_error', message: 'too long' } } }
  for (const query of ['wire', '']) {
    const { tree } = await ran('fails', [refusal], query)
    expect(outline(tree)).toEqual(SIMPLE)
    expect(find(tree, 'planner.agent')?.status.code).toBe(2)
    expect(find(tree, 'chat.llm')?.status.code).toBe(2)
  }
  const turns = await ran('turns', nested.slice(0, 2))
  expect(find(turns.tree, 'planner.agent')?.status.code).toBe(2)
  const { tree } = await ran('trips', hello)
  expect(find(tree, 'planner.agent')?.attributes['error.type']).toBe('InputGuardrailTripwireTriggered')
  expect(find(tree, 'guardrail strict.operation')?.attributes['agentops.entity.output']).toBe('{"triggered":true}')
})

test('many sessions at once stay apart', async () => {
  const all = Array.from({ length: 10 }, async (_, n) => {
    const { tree, run } = await ran('nested', nested, n % 2 ? 'wire&stream' : 'wire')
    expect(countOf(tree)).toEqual({ calls: 3, tokens: run.tokens })
    return outline(tree)
  })
  for (const found of await Promise.all(all)) expect(found).toEqual(NESTED)
})

test('where its tracing is off only the requests are seen, and one line says so', async () => {
  for (const task of ['off', 'runnerOff', 'off']) {
    const { tree } = await ran(task, hello)
    expect(outline(tree)).toEqual(['GET.session', '  chat.llm'])
  }
  expect(worker().logs.filter((line) => line.includes('openaiAgents: a model’s call'))).toHaveLength(1)
})

test('it is told by the SDK again after other processors were set, or its provider was shut down', async () => {
  for (const task of ['processors', 'shutdown']) {
    const { tree, run } = await ran(task, hello)
    expect(outline(tree)).toEqual(SIMPLE)
    expect(countOf(tree)).toEqual({ calls: 1, tokens: run.tokens })
  }
})

test('the first run of the core alone, whose provider is made with it', async () => {
  const tree = await ranAlone('test/scenarios/openai-agents/core.js')
  expect(outline(tree)).toEqual(SIMPLE.slice(0, 3))
})
