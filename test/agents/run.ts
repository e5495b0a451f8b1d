/**
 * A framework's scenario: its agent in workerd, streaming and not, with contents and without, in each of the runtime's
 * modes that the framework starts in. What AgentOps' names say and what the conventions' say are two trees of the same
 * spans. `UPDATE=1` writes them; read them before they are committed.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSpan, RunningCollector } from '../../src/collector/index.ts'
import type { Answer } from '../scenarios/say.ts'
import { type RunningScenarios, startScenarios } from '../scenarios/server.ts'
import { countOf, type Node, textOf, treeOf } from '../scenarios/tree.ts'
import { useBackend } from '../support/backend.ts'
import { startStrictCollector } from '../support/collector.ts'
import { bundleWith, installFramework } from '../support/frameworks.ts'
import { waitFor } from '../support/wait.ts'
import type { RunningWorker, WorkerOptions } from '../support/workerd.ts'

const MODES = {
  whole: '',
  streamed: '&stream',
  'whole, contents': '&contents',
  'streamed, contents': '&stream&contents',
}
/** What the agent is asked, its tools are told and answer, and models say. */
const CONTENTS = /Where is the sun|umbrella|sun in|Oslo|Rome/
const INSTALL_MS = 300_000

export interface FrameworkScenario {
  name: string
  /** A package of `test/agents`; without one the root's are used. */
  framework?: string
  flags: readonly string[]
  /** Where the framework needs more of Node than the default of `startWorker` has. */
  compatibilityDate?: string
  /** Default: `worker.js` of the scenario. */
  worker?: string
  miniflare?: object
  /** Default: one. */
  paths?: readonly string[]
  /** Of one trace. Default: one. */
  sessions?: number
  said: string
  conversation?: string
  /** Whether tools are the user's own events, which no framework knows. */
  ownTools?: boolean
  agents: readonly string[]
}

export function runScenarios(scenarios: readonly FrameworkScenario[]): void {
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
  describe.each(scenarios)('$name', (scenario) => {
    const { name, framework, flags, compatibilityDate, miniflare, said, conversation, agents } = scenario
    const { worker: file = 'worker.js', paths = ['/'], sessions = 1, ownTools } = scenario
    const entry = `test/scenarios/${name}/${file}`
    let modules: WorkerOptions['modules']
    beforeAll(async () => {
      modules = await bundleWith(framework ? await installFramework(framework) : '.', entry)
    }, INSTALL_MS)
    /** All of the trace, once its sessions have ended. */
    const traceOf = (where: RunningCollector, id: string): Promise<CollectedSpan[]> =>
      waitFor('a trace', () => {
        const first = where.store.list().find((one) => one.root && one.id === id)
        const its = where.store.list().filter(({ spans }) => spans[0]?.traceId === first?.root?.traceId)
        return first && its.filter(({ root }) => root).length === sessions && its.flatMap(({ spans }) => spans)
      })
    test.each(flags)('with %s', async (flag) => {
      const { answers } = (await import(`../scenarios/${name}/answers.ts`)) as { answers: Answer[] }
      const bindings = { GEN_AI_URL: `${conventions.url}/v1/traces` }
      const options = { entry, modules, miniflare, compatibilityDate, compatibilityFlags: [flag], bindings }
      const worker: RunningWorker = await backend.start(options)
      const trees: Record<string, Node> = {}
      const genAi: Record<string, Node> = {}
      const runs = Object.entries(MODES).flatMap(([mode, query]) => paths.map((path) => [mode, query, path] as const))
      for (const [mode, query, path] of runs) {
        const run = models.run(answers)
        const response = await fetch(`${worker.url}${path}?base=${run.base}${query}`)
        const text = await response.text()
        expect([response.status, text]).toEqual([200, expect.stringContaining(said)])
        const [id] = JSON.parse(text) as [string]
        const ours = await traceOf(backend.collector, id)
        const others = await traceOf(conventions, id)
        const tree = treeOf({ spans: ours })
        // Each call once, and what the provider said that it cost.
        expect([mode, run.left, countOf(tree)]).toEqual([mode, [], { calls: run.asked, tokens: run.tokens }])
        const tokens = (of: string): number =>
          others.reduce((sum, { attributes }) => sum + Number(attributes[`gen_ai.usage.${of}`] ?? 0), 0)
        expect([tokens('input_tokens'), tokens('output_tokens')]).toEqual(run.tokens)
        const named = (operation: string): string[] =>
          others.filter(({ attributes }) => attributes['gen_ai.operation.name'] === operation).map((span) => span.name)
        expect([...new Set(named('invoke_agent'))]).toEqual(agents.map((agent) => `invoke_agent ${agent}`))
        expect(named('execute_tool').sort()).toEqual([
          'execute_tool get_price',
          'execute_tool get_weather',
          'execute_tool get_weather',
        ])
        for (const { attributes } of others) {
          const operation = attributes['gen_ai.operation.name']
          const isKnown = operation && !(ownTools && operation === 'execute_tool')
          if (isKnown) expect(attributes['gen_ai.conversation.id']).toBe(conversation)
        }
        if (!mode.includes('contents')) {
          for (const spans of [ours, others]) {
            expect(CONTENTS.exec(JSON.stringify(spans, bigint))?.[0]).toBeUndefined()
          }
        }
        const key = paths.length > 1 ? `${path} ${mode}` : mode
        trees[key] = tree
        genAi[key] = treeOf({ spans: others })
      }
      // What no request shows the framework says itself, once.
      for (const query of framework ? ['&blind', '&blind&stream'] : []) {
        const run = models.run(answers)
        const response = await fetch(`${worker.url}/?base=${run.base}${query}`)
        const [id] = (await response.json()) as [string]
        const tree = treeOf({ spans: await traceOf(backend.collector, id) })
        expect([query, countOf(tree)]).toEqual([query, { calls: run.asked, tokens: run.tokens }])
      }
      // Many at once, whose sessions stay apart.
      const [path = '/'] = paths
      const first = Object.values(trees)[0] as Node
      const side = Array.from({ length: 8 }, async () => {
        const run = models.run(answers)
        const response = await fetch(`${worker.url}${path}?base=${run.base}`)
        const [id] = (await response.json()) as [string]
        expect(textOf(treeOf({ spans: await traceOf(backend.collector, id) }))).toBe(textOf(first))
      })
      await Promise.all(side)
      const text = Object.entries(trees)
        .map(([mode, tree]) => `# ${mode}\n${textOf(tree)}`)
        .join('\n')
      const files = {
        'tree.json': `${JSON.stringify(trees, null, 1)}\n`,
        'tree.txt': text,
        'gen-ai.json': `${JSON.stringify(genAi, null, 1)}\n`,
      }
      for (const [file, found] of Object.entries(files)) {
        const path = `test/scenarios/${name}/${file}`
        if (process.env.UPDATE && flag === flags[0]) await writeFile(path, found)
        expect(found).toBe(await readFile(path, 'utf8'))
      }
      expect(worker.logs.filter((line) => /agentops/i.test(line))).toEqual([])
    })
  })
}

const bigint = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value)
