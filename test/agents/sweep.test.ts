/**
 * With contents off nothing that is planted leaves, whichever framework tells of it: arguments, results and errors of
 * tools, what a model says, what a provider quotes where it refuses. With contents on the same is found.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningCollector } from '../../src/collector/index.ts'
import { type Answer, chat, refused, response } from '../scenarios/say.ts'
import { type RunningScenarios, startScenarios } from '../scenarios/server.ts'
import { useBackend } from '../support/backend.ts'
import { startStrictCollector } from '../support/collector.ts'
import { bundleWith, installFramework } from '../support/frameworks.ts'
import { secretFinder, secretText } from '../support/secrets.ts'

const LABELS = ['argument', 'failing argument', 'answer', 'provider error']
const secretsIn = secretFinder(LABELS)
/** What scenarios' agents are asked, and a framework's tool throws; an event of the user's own says its error. */
const SAID = /Where is the sun|no price for an umbrella/

/** Each with an id of its own: frameworks take two messages of one id for the same. */
const numbered = (answers: Answer[]): Answer[] =>
  answers.map((answer, n) => JSON.parse(JSON.stringify(answer).replaceAll('chatcmpl-1', `chatcmpl-${n + 1}`)))
const toolsAsked: [string, string, object][] = [
  ['call_1', 'get_weather', { city: secretText('argument') }],
  ['call_2', 'get_price', { item: secretText('failing argument') }],
]
const answersOf = (say: typeof chat | typeof response): Record<string, Answer[]> => {
  const asks = say({ calls: toolsAsked }, [40, 21])
  const message = secretText('provider error')
  const refusal: Answer = {
    ...refused(400, ''),
    path: asks.path,
    whole: { error: { type: 'invalid_request_error', code: null, param: null, message } },
  }
  return {
    answered: numbered([asks, say({ text: secretText('answer') }, [50, 8])]),
    refused: [refusal],
    // Once its tools have been called.
    broken: numbered([asks, refusal]),
  }
}
const MODES = ['', '&stream', '&blind', '&blind&stream']

interface Swept {
  /** A package of `test/agents`. */
  framework?: string
  worker?: string
  path?: string
  miniflare?: object
  say?: typeof response
}
const DESK = { durableObjects: { DeskAgent: { className: 'DeskAgent', useSQLite: true } } }
const SCENARIOS: Record<string, Swept> = {
  'ai-sdk-6': { framework: 'ai-sdk-6' },
  'ai-sdk-7': { framework: 'ai-sdk-7' },
  langchain: { framework: 'langchain' },
  langgraph: { framework: 'langchain' },
  mastra: { framework: 'mastra' },
  'openai-agents': { framework: 'openai-agents', say: response },
  'cloudflare-agents': { worker: 'worker.ts', path: '/rpc', miniflare: DESK },
}

const backend = useBackend()
let models: RunningScenarios
let conventions: RunningCollector
beforeAll(async () => {
  models = await startScenarios()
  conventions = await startStrictCollector('the conventions’ destination', { limit: 100_000 })
})
afterAll(async () => {
  await models.close()
  await conventions.close()
})

describe.each(Object.keys(SCENARIOS))('%s', (name) => {
  const { framework, worker: file = 'worker.js', path = '/', miniflare, say = chat } = SCENARIOS[name] as Swept
  test('nothing that is planted leaves', { timeout: 300_000 }, async () => {
    const entry = `test/scenarios/${name}/${file}`
    const worker = await backend.start({
      entry,
      modules: await bundleWith(framework ? await installFramework(framework) : '.', entry),
      miniflare,
      compatibilityDate: '2026-09-01',
      compatibilityFlags: ['nodejs_compat'],
      bindings: { GEN_AI_URL: `${conventions.url}/v1/traces` },
    })
    const stores = [backend.collector.store, conventions.store]
    /** What left, once nothing has come for a while. */
    const left = async (queries: readonly string[]): Promise<string[]> => {
      for (const store of stores) store.clear()
      const all = queries.flatMap((query) =>
        Object.values(answersOf(say as typeof chat)).map(async (answers) => {
          const { base } = models.run(answers)
          await (await fetch(`${worker.url}${path}?base=${base}${query}`)).text()
        }),
      )
      await Promise.all(all)
      const texts = (): string[] =>
        stores.map((store) => JSON.stringify(store.list(), (_, one) => (typeof one === 'bigint' ? `${one}` : one)))
      const size = (): number => texts().join().length
      for (let before = -1; before !== size(); await sleep(1500)) before = size()
      for (const store of stores)
        expect(store.list().filter(({ root }) => root).length).toBeGreaterThanOrEqual(all.length)
      return texts()
    }
    for (const [n, text] of (await left(MODES)).entries()) {
      expect([n, secretsIn(text), SAID.exec(text)?.[0]]).toEqual([n, [], undefined])
    }
    const lines = worker.logs.filter((line) => line.includes('agentops-edge:'))
    expect(secretsIn(lines.join('\n'))).toEqual([])
    for (const text of await left(['&contents'])) {
      expect(secretsIn(text)).toEqual(expect.arrayContaining(['argument', 'answer', 'provider error']))
    }
  })
})
