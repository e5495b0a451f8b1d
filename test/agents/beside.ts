/** What a framework's scenario does not show: a Worker with tasks, `/<task>?base=<url of its models>`, which answers with its session's id. */
import { afterAll, beforeAll, expect } from 'vitest'
import type { Answer } from '../scenarios/say.ts'
import { type Run, type RunningScenarios, startScenarios } from '../scenarios/server.ts'
import { type Node, treeOf } from '../scenarios/tree.ts'
import { useBackend } from '../support/backend.ts'
import { bundleWith, installFramework } from '../support/frameworks.ts'
import type { RunningWorker, WorkerOptions } from '../support/workerd.ts'

export interface Ran {
  tree: Node
  run: Run
}

export interface Beside {
  worker(): RunningWorker
  /** `query`: `wire` where requests are looked at, `contents`, and whatever the task knows. */
  ran(task: string, said: readonly Answer[], query?: string): Promise<Ran>
  /** The session of a Worker that has nothing else. */
  ranAlone(entry: string): Promise<Node>
}

const INSTALL_MS = 300_000

/** `framework`: a package of `test/agents`; `.`: the root's. */
export function useTasks(framework: string, entry: string, options: Partial<WorkerOptions> = {}): Beside {
  const backend = useBackend()
  let models: RunningScenarios
  let worker: RunningWorker
  const start = async (entry: string): Promise<RunningWorker> => {
    const modules = await bundleWith(framework === '.' ? '.' : await installFramework(framework), entry)
    return backend.start({ entry, modules, compatibilityFlags: ['nodejs_compat'], ...options })
  }
  const treeFrom = async (response: Response): Promise<Node> => {
    const id = await response.text()
    expect([response.status, id]).toEqual([200, expect.stringMatching(/^[0-9a-f-]{36}$/)])
    return treeOf(await backend.session((session) => session.id === id))
  }
  beforeAll(async () => {
    models = await startScenarios()
    worker = await start(entry)
  }, INSTALL_MS)
  afterAll(() => models.close())
  return {
    worker: () => worker,
    async ran(task, said, query = 'wire') {
      const run = models.run(said)
      return { tree: await treeFrom(await fetch(`${worker.url}/${task}?base=${run.base}&${query}`)), run }
    },
    ranAlone: async (entry) => treeFrom(await fetch((await start(entry)).url)),
  }
}

/** Names, each as deep as it stands. */
export const outline = (node: Node, depth = 0): string[] => [
  `${'  '.repeat(depth)}${node.name}`,
  ...node.children.flatMap((child) => outline(child, depth + 1)),
]

/** The names of those that failed. */
export const failures = (node: Node): string[] => [
  ...(node.status.code === 2 ? [node.name] : []),
  ...node.children.flatMap(failures),
]

export const find = (node: Node, name: string): Node | undefined =>
  node.name === name ? node : node.children.map((child) => find(child, name)).find(Boolean)

/** The names of those that have this attribute. */
export const having = (node: Node, attribute: string): string[] => [
  ...(node.attributes[attribute] === undefined ? [] : [node.name]),
  ...node.children.flatMap((child) => having(child, attribute)),
]
