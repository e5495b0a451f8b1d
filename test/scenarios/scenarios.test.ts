/**
 * Whole sessions, as they arrive: each scenario is a folder with its agent, what the provider answers, and the tree of
 * its spans, as JSON and as a text to be read. They are run in workerd with the providers' own clients, streaming and
 * not, with contents and without. `UPDATE=1` writes the trees; read them before they are committed.
 */
import { existsSync, readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import type { RunningWorker } from '../support/workerd.ts'
import type { Answer } from './say.ts'
import { type RunningScenarios, startScenarios } from './server.ts'
import { countOf, type Node, textOf, treeOf } from './tree.ts'

const MODES = {
  whole: '',
  streamed: '&stream',
  'whole, contents': '&contents',
  'streamed, contents': '&stream&contents',
}
const backend = useBackend()
let worker: RunningWorker
let models: RunningScenarios

beforeAll(async () => {
  models = await startScenarios()
  worker = await backend.start({ entry: 'test/scenarios/worker.ts', compatibilityFlags: ['nodejs_compat'] })
})
afterAll(() => models.close())

const names = readdirSync(import.meta.dirname, { withFileTypes: true })
  // Those of frameworks have a Worker of their own, and are run by test/agents.
  .filter((entry) => entry.isDirectory() && existsSync(`${import.meta.dirname}/${entry.name}/agent.ts`))
  .map(({ name }) => name)

test.each(names)('%s', async (name) => {
  const { answers } = (await import(`./${name}/answers.ts`)) as { answers: Answer[] }
  const trees: Record<string, Node> = {}
  for (const [mode, query] of Object.entries(MODES)) {
    const run = models.run(answers)
    const response = await fetch(`${worker.url}/${name}?base=${run.base}${query}`)
    const id = await response.text()
    expect([response.status, id]).toEqual([200, expect.stringMatching(/^[0-9a-f-]{36}$/)])
    const tree = treeOf(await backend.session((session) => session.id === id))
    // Each call once, and what the provider said that it cost.
    expect([mode, run.left, countOf(tree)]).toEqual([mode, [], { calls: run.asked, tokens: run.tokens }])
    trees[mode] = tree
  }
  const json = `${JSON.stringify(trees, null, 1)}\n`
  const text = Object.entries(trees)
    .map(([mode, tree]) => `# ${mode}\n${textOf(tree)}`)
    .join('\n')
  const files = { 'tree.json': json, 'tree.txt': text }
  for (const [file, found] of Object.entries(files)) {
    const path = `${import.meta.dirname}/${name}/${file}`
    if (process.env.UPDATE) await writeFile(path, found)
    expect(found).toBe(await readFile(path, 'utf8'))
  }
})
