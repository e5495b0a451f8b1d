/**
 * A framework's scenario: its agent in workerd, streaming and not, with contents and without, in each of the runtime's
 * modes that the framework starts in. What AgentOps' names say and what the conventions' say are two trees of the same
 * spans. `UPDATE=1` writes them; read them before they are committed.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningCollector } from '../../src/collector/index.ts'
import type { Answer } from '../scenarios/say.ts'
import { type RunningScenarios, startScenarios } from '../scenarios/server.ts'
import { countOf, type Node, textOf, treeOf } from '../scenarios/tree.ts'
import { useBackend } from '../support/backend.ts'
import { startStrictCollector } from '../support/collector.ts'
import { bundleWith, installFramework } from '../support/frameworks.ts'
import { waitFor } from '../support/wait.ts'
import type { RunningWorker } from '../support/workerd.ts'

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
  /** A package of `test/agents`. */
  framework: string
  flags: readonly string[]
  said: string
  conversation?: string
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
  describe.each(scenarios)('$name', ({ name, framework, flags, said, conversation, agents }) => {
    let entry: string
    beforeAll(async () => {
      entry = await bundleWith(await installFramework(framework), `test/scenarios/${name}/worker.js`)
    }, INSTALL_MS)
    test.each(flags)('with %s', async (flag) => {
      const { answers } = (await import(`../scenarios/${name}/answers.ts`)) as { answers: Answer[] }
      const bindings = { GEN_AI_URL: `${conventions.url}/v1/traces` }
      const worker: RunningWorker = await backend.start({ entry, compatibilityFlags: [flag], bindings })
      const trees: Record<string, Node> = {}
      const genAi: Record<string, Node> = {}
      for (const [mode, query] of Object.entries(MODES)) {
        const run = models.run(answers)
        const response = await fetch(`${worker.url}/?base=${run.base}${query}`)
        const text = await response.text()
        expect([response.status, text]).toEqual([200, expect.stringContaining(said)])
        const [id] = JSON.parse(text) as [string]
        const session = await backend.session((one) => one.id === id)
        const tree = treeOf(session)
        // Each call once, and what the provider said that it cost.
        expect([mode, run.left, countOf(tree)]).toEqual([mode, [], { calls: run.asked, tokens: run.tokens }])
        const other = await waitFor('the other destination', () =>
          conventions.store.list().find((one) => one.root && one.id === id),
        )
        const tokens = (of: string): number =>
          other.spans.reduce((sum, { attributes }) => sum + Number(attributes[`gen_ai.usage.${of}`] ?? 0), 0)
        expect([tokens('input_tokens'), tokens('output_tokens')]).toEqual(run.tokens)
        const named = (operation: string): string[] =>
          other.spans
            .filter(({ attributes }) => attributes['gen_ai.operation.name'] === operation)
            .map((span) => span.name)
        expect([...new Set(named('invoke_agent'))]).toEqual(agents.map((agent) => `invoke_agent ${agent}`))
        expect(named('execute_tool').sort()).toEqual([
          'execute_tool get_price',
          'execute_tool get_weather',
          'execute_tool get_weather',
        ])
        for (const { attributes } of other.spans) {
          if (attributes['gen_ai.operation.name']) expect(attributes['gen_ai.conversation.id']).toBe(conversation)
        }
        if (!mode.includes('contents')) {
          for (const { spans } of [session, other]) expect(JSON.stringify(spans, bigint)).not.toMatch(CONTENTS)
        }
        trees[mode] = tree
        genAi[mode] = treeOf(other)
      }
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
