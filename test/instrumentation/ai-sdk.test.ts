/**
 * The AI SDK as it tells of itself, in workerd with `nodejs_als` alone: the same tree as with all of Node, with whatever
 * stands beside it, over the wire and without, on two destinations.
 */
import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { CollectedSession, RunningCollector } from '../../src/collector/index.ts'
import { answers } from '../scenarios/ai-sdk/answers.ts'
import { answers as more } from '../scenarios/ai-sdk-more/answers.ts'
import { type Answer, chat, refused } from '../scenarios/say.ts'
import { type Run, type RunningScenarios, startScenarios } from '../scenarios/server.ts'
import { countOf, type Node, treeOf } from '../scenarios/tree.ts'
import { useBackend } from '../support/backend.ts'
import { startStrictCollector } from '../support/collector.ts'
import { waitFor } from '../support/wait.ts'
import type { RunningWorker } from '../support/workerd.ts'

const backend = useBackend()
let standard: RunningCollector
let worker: RunningWorker
let models: RunningScenarios
beforeAll(async () => {
  models = await startScenarios()
  standard = await startStrictCollector('the standard’s names')
  worker = await backend.start({
    entry: 'test/fixtures/ai-sdk-worker.ts',
    compatibilityFlags: ['nodejs_als'],
    bindings: { STANDARD: standard.url },
  })
})
afterEach(() => standard.store.clear())
afterAll(async () => {
  await Promise.all([models.close(), standard.close()])
})

async function ran(
  task: string,
  said: readonly Answer[],
  query = 'wire',
): Promise<{ session: CollectedSession; run: Run }> {
  const run = models.run(said)
  const response = await fetch(`${worker.url}/${task}?base=${run.base}&${query}`)
  const id = await response.text()
  expect([response.status, id]).toEqual([200, expect.stringMatching(/^[0-9a-f-]{36}$/)])
  return { session: await backend.session((session) => session.id === id), run }
}

function* all(node: Node): Generator<Node> {
  yield node
  for (const child of node.children) yield* all(child)
}
const names = (tree: Node): string[] => [...all(tree)].map(({ name }) => name)
const find = (tree: Node, name: string): Node => [...all(tree)].find((node) => node.name === name) as Node
const of = (tree: Node, kind: string): Node[] =>
  [...all(tree)].filter(({ attributes }) => attributes['agentops.span.kind'] === kind)

/** The scenario's tree, of requests seen by `fetchCalls()`, too. */
async function expected(name: string, mode: string): Promise<string[]> {
  const trees = JSON.parse(await readFile(`test/scenarios/${name}/tree.json`, 'utf8')) as Record<string, Node>
  return names(trees[mode] as Node)
}

test.each([
  ['loop', 'ai-sdk', answers, ''],
  ['loop', 'ai-sdk', answers, '&stream'],
  ['more', 'ai-sdk-more', more, ''],
  ['more', 'ai-sdk-more', more, '&stream'],
])('%s: the tree of the scenario %s, with AsyncLocalStorage alone (%#)', async (task, name, said, query) => {
  const { session, run } = await ran(task, said, `wire${query}`)
  const tree = treeOf(session)
  expect(names(tree)).toEqual(await expected(name, query ? 'streamed' : 'whole'))
  expect(countOf(tree)).toEqual({ calls: run.asked, tokens: run.tokens })
})

test.each(['', '&stream'])(
  'without the wire: each call and its tokens once, as the SDK tells of them%s',
  async (query) => {
    const { session, run } = await ran('loop', answers, query)
    const tree = treeOf(session)
    expect(names(tree)).toEqual(await expected('ai-sdk', 'whole'))
    expect(countOf(tree)).toEqual({ calls: run.asked, tokens: run.tokens })
    expect(of(tree, 'tool').map(({ links }) => links?.[0]?.attributes['gen_ai.tool.call.id'])).toEqual([
      'call_1',
      'call_2',
      'call_3',
    ])
    const embedded = await ran('more', more, query)
    expect(countOf(treeOf(embedded.session))).toEqual({ calls: 6, tokens: embedded.run.tokens })
  },
)

test('a model without requests: tokens of all kinds, contents only where they are on', async () => {
  const { session } = await ran('local', [], 'wire')
  const call = find(treeOf(session), 'chat.llm')
  expect(call.attributes).toMatchObject({
    'gen_ai.request.model': 'local-1',
    'gen_ai.provider.name': 'desk',
    'gen_ai.usage.input_tokens': 9,
    'gen_ai.usage.output_tokens': 3,
    'gen_ai.usage.cache_read_input_tokens': 4,
    'gen_ai.usage.reasoning_tokens': 2,
    'gen_ai.response.finish_reasons': ['stop'],
  })
  expect(JSON.stringify(session, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toMatch(/hello/i)
  const shown = await ran('local', [], 'wire&contents')
  const agent = find(treeOf(shown.session), 'planner.agent').attributes
  expect(agent['agentops.entity.input']).toContain('Hello')
  expect(agent['agentops.entity.output']).toBe('hello')
  expect(find(treeOf(shown.session), 'chat.llm').attributes['gen_ai.completion.0.content']).toBe('hello')
})

test('one destination is told AgentOps’ names, another the standard’s', async () => {
  const { session, run } = await ran('loop', answers)
  const other = await waitFor('the other destination', () =>
    standard.store.list().find(({ root, traceId }) => root && traceId === session.traceId),
  )
  const tree = treeOf(other)
  expect(names(tree)).toEqual([
    'GET',
    'invoke_agent planner',
    'step 1',
    'chat gpt-4o-mini',
    'execute_tool get_weather',
    'execute_tool read_mail',
    'step 2',
    'chat gpt-4o-mini',
    'execute_tool book_table',
    'step 3',
    'chat gpt-4o-mini',
  ])
  expect(countOf(tree).tokens).toEqual(run.tokens)
  expect(find(tree, 'invoke_agent planner').attributes).toMatchObject({
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': 'planner',
  })
  const failed = find(tree, 'execute_tool read_mail')
  expect(failed.attributes).toMatchObject({
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'read_mail',
    'gen_ai.tool.call.id': 'call_2',
    'error.type': 'RangeError',
  })
  expect(failed.status.code).toBe(2)
  expect(names(treeOf(session))).toEqual(await expected('ai-sdk', 'whole'))
})

test('a call that the provider refuses fails, with its step and its agent', async () => {
  const answer = { ...refused(400, ''), whole: { error: { type: 'invalid_request_error', message: 'too long' } } }
  const { session } = await ran('fails', [answer])
  const tree = treeOf(session)
  expect(names(tree)).toEqual(['GET.session', 'planner.agent', 'step 1.operation', 'chat.llm'])
  expect([...all(tree)].map(({ status }) => status.code)).toEqual([1, 2, 2, 2])
  expect(find(tree, 'chat.llm').attributes['error.type']).toBe('invalid_request_error')
  const unseen = await ran('fails', [answer], '')
  expect(of(treeOf(unseen.session), 'llm').map(({ status }) => status.code)).toEqual([2])
})

test.each(['left', 'aborted'])('a stream that is %s is no failure', async (task) => {
  const hanging: Answer = { ...chat({ text: 'Table 12 is yours.' }, [30, 8]), hang: true }
  const { session } = await ran(task, [hanging])
  const tree = treeOf(session)
  expect(names(tree)).toEqual(['GET.session', 'planner.agent', 'step 1.operation', 'chat.llm'])
  expect([...all(tree)].some(({ status }) => status.code === 2)).toBe(false)
  expect(find(tree, 'planner.agent').attributes['agentops.incomplete']).toBe(true)
})

test('many sessions at once stay apart', async () => {
  const trees = await Promise.all(
    Array.from({ length: 12 }, async (_, n) => {
      const { session, run } = await ran('loop', answers, n % 2 ? 'wire&stream' : 'wire')
      const tree = treeOf(session)
      expect(countOf(tree)).toEqual({ calls: 3, tokens: run.tokens })
      return names(tree)
    }),
  )
  const whole = await expected('ai-sdk', 'whole')
  expect(trees).toEqual(trees.map(() => whole))
})

test('where its telemetry is off, only the requests are seen, and one line says so', async () => {
  const { session } = await ran('off', [chat({ text: 'hello' }, [3, 2])])
  expect(names(treeOf(session))).toEqual(['GET.session', 'chat.llm'])
  await ran('off', [chat({ text: 'hello' }, [3, 2])])
  expect(worker.logs.filter((line) => line.includes('aiSdk: a call of the AI SDK 7'))).toHaveLength(1)
})

// Last: from here on the SDK's own integration is registered in this isolate.
test.each(['wire&otel', 'wire&otel&ai', 'otel', 'wire&otel&ai&stream'])(
  'beside the SDK’s own integration nothing counts twice: %s',
  async (query) => {
    const { session, run } = await ran('loop', answers, query)
    const tree = treeOf(session)
    expect(names(tree)).toEqual(await expected('ai-sdk', 'whole'))
    expect(countOf(tree)).toEqual({ calls: run.asked, tokens: run.tokens })
    const embedded = await ran('more', more, query)
    expect(countOf(treeOf(embedded.session))).toEqual({ calls: 6, tokens: embedded.run.tokens })
  },
)
