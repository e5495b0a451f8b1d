/**
 * With contents off nothing that is planted leaves: not delivered, spooled, reported or logged, whichever library wrote
 * it and whichever instrumentations are on. What must arrive does.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMBINATIONS, type Combination, type Kept, type Way } from '../fixtures/sweep-plan.ts'
import { missingFrom } from '../support/arrivals.ts'
import type { RunningModels } from '../support/models.ts'
import { bundleScript, run } from '../support/runtimes.ts'
import {
  type Left,
  leaksOf,
  leftOf,
  nameOf,
  RUNS,
  type Run,
  sessionsOf,
  startSweepBackend,
  startSweepModels,
} from '../support/sweep.ts'
import { waitFor } from '../support/wait.ts'
import { startWorker } from '../support/workerd.ts'

let models: RunningModels
beforeAll(async () => {
  models = await startSweepModels()
})
afterAll(() => models.close())

/** What left on each way. */
type Swept = Partial<Record<Way, Left>>

/** On one isolate: half of them say what they say to a `diag` logger. */
async function sweepInWorkerd(combination: Combination, ways: readonly Way[]): Promise<Swept> {
  const backend = await startSweepBackend()
  const worker = await startWorker({
    entry: 'test/fixtures/sweep-worker.ts',
    compatibilityFlags: ['nodejs_compat'],
    bindings: {
      SETUP: JSON.stringify({ combination, backend: backend.url }),
      DIAG: COMBINATIONS.indexOf(combination) % 2 === 1,
    },
  })
  try {
    const ask = async (way: Way, run: Run): Promise<void> => {
      const { task, mode, throws, mistakes } = run
      const query = new URLSearchParams({ way, base: models.base(mode), name: nameOf(run) })
      if (throws) query.set('throw', '')
      if (mistakes) query.set('mistakes', '')
      await (await fetch(`${worker.url}/${task}?${query}`)).text()
    }
    const swept: Swept = {}
    for (const way of ways) {
      await Promise.all(RUNS.map((run) => ask(way, run)))
      swept[way] = await waitFor(`all sessions (${way})`, async () => {
        await sleep(100)
        const kept = (await (await fetch(`${worker.url}/kept`)).json()) as Kept
        const left = leftOf(way, backend.received, { ...kept, lines: [...kept.lines, ...worker.logs] })
        // The one whose exporters all break is lost.
        return sessionsOf(left.spans).size >= RUNS.length - 1 && left
      })
    }
    return swept
  } finally {
    await Promise.all([worker.stop(), backend.close()])
  }
}

/** In Node errors quote what it was given. */
async function sweepInNode(combination: Combination): Promise<Swept> {
  const backend = await startSweepBackend()
  try {
    const script = await bundleScript('test/fixtures/sweep-script.ts', undefined, '', 'external')
    const asked = RUNS.map((run) => ({ ...run, base: models.base(run.mode), name: nameOf(run) }))
    const args = [JSON.stringify({ combination, backend: backend.url }), JSON.stringify(asked)]
    const { stdout, stderr, code } = await run('Node 24', script, { args })
    expect(code, stderr).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    const kept = JSON.parse(`${lines.pop()}`) as Kept
    return { json: leftOf('json', backend.received, { ...kept, lines: [...lines, ...stderr.split('\n')] }) }
  } finally {
    await backend.close()
  }
}

describe.each(COMBINATIONS)('instrumentations: %s', (combination) => {
  const ways: readonly Way[] = combination === 'all' ? ['json', 'spool', 'protobuf'] : ['json', 'spool']
  let inWorkerd: Swept
  let inNode: Swept
  beforeAll(async () => {
    ;[inWorkerd, inNode] = await Promise.all([sweepInWorkerd(combination, ways), sweepInNode(combination)])
  })
  /** What is found somewhere, once, and where. */
  const found = (look: (left: Left) => string[]): string[] => {
    const places = new Map<string, string[]>()
    for (const [runtime, swept] of Object.entries({ workerd: inWorkerd, Node: inNode })) {
      for (const [way, left] of Object.entries(swept)) {
        for (const one of look(left)) places.set(one, [...(places.get(one) ?? []), `${runtime} ${way}`])
      }
    }
    return [...places].map(([one, where]) => `${one} — ${where.join(', ')}`)
  }

  test('nothing that is planted leaves', () => {
    expect(found(leaksOf)).toEqual([])
  })

  test('what must arrive does', () => {
    expect(found(({ spans }) => missingFrom(spans, combination))).toEqual([])
  })
})
