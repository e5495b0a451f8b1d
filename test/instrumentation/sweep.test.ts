/**
 * With contents off nothing that is planted leaves: not delivered, spooled, reported or logged, whichever library wrote
 * it and whichever instrumentations are on. What must arrive does.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMBINATIONS, type Combination, type Kept, PLACES, type Way } from '../fixtures/sweep-plan.ts'
import { missingFrom } from '../support/arrivals.ts'
import type { RunningModels } from '../support/models.ts'
import { bundleScript, run } from '../support/runtimes.ts'
import { secretFinder } from '../support/secrets.ts'
import {
  ARRIVING,
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
import { type RunningWorker, startWorker } from '../support/workerd.ts'

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
  let worker: RunningWorker | undefined
  try {
    worker = await startWorker({
      entry: 'test/fixtures/sweep-worker.ts',
      compatibilityFlags: ['nodejs_compat'],
      bindings: {
        SETUP: JSON.stringify({ combination, backend: backend.url }),
        DIAG: COMBINATIONS.indexOf(combination) % 2 === 1,
      },
    })
    const { url, logs } = worker
    const ask = async (way: Way, run: Run): Promise<void> => {
      const { task, mode, throws, mistakes } = run
      const query = new URLSearchParams({ way, base: models.base(mode), name: nameOf(run) })
      if (throws) query.set('throw', '')
      if (mistakes) query.set('mistakes', mistakes)
      await (await fetch(`${url}/${task}?${query}`)).text()
    }
    const swept: Swept = {}
    for (const way of ways) {
      await Promise.all(RUNS.map((run) => ask(way, run)))
      let before = -1
      swept[way] = await waitFor(`all sessions (${way})`, async () => {
        await sleep(200)
        const kept = (await (await fetch(`${url}/kept`)).json()) as Kept
        const requests = backend.received.filter(({ path }) => path.startsWith(`/${way}/`)).length
        const count = way === 'spool' ? kept.batches.length : requests
        // Sessions share requests, and what ends late comes alone; to decode them takes a while.
        const isOver = count > 0 && count === before
        before = count
        if (!isOver) return false
        const left = leftOf(way, backend.received, { ...kept, lines: [...kept.lines, ...logs] })
        return sessionsOf(left.spans).size >= ARRIVING && left
      })
    }
    return swept
  } finally {
    await Promise.all([worker?.stop(), backend.close()])
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

// The others are a matter of minutes: `npm run soak`.
const SWEPT = process.env.SOAK ? COMBINATIONS : COMBINATIONS.filter((one) => one === 'none' || one === 'all')

describe.each(SWEPT)('instrumentations: %s', (combination) => {
  const ways: readonly Way[] = combination === 'all' ? ['json', 'spool', 'protobuf'] : ['json', 'spool']
  let inWorkerd: Swept
  let inNode: Swept
  beforeAll(async () => {
    const both = [sweepInWorkerd(combination, ways), sweepInNode(combination)] as const
    // Where one fails the other is waited for all the same, so that what it has started ends.
    await Promise.allSettled(both)
    ;[inWorkerd, inNode] = await Promise.all(both)
  })
  /** What is found somewhere, once, and where. */
  const found = (look: (left: Left, way: Way) => string[]): string[] => {
    const places = new Map<string, string[]>()
    for (const [runtime, swept] of Object.entries({ workerd: inWorkerd, Node: inNode })) {
      for (const [way, left] of Object.entries(swept)) {
        for (const one of look(left, way as Way)) places.set(one, [...(places.get(one) ?? []), `${runtime} ${way}`])
      }
    }
    return [...places].map(([one, where]) => `${one} — ${where.join(', ')}`)
  }

  test('nothing that is planted leaves', () => {
    expect(found(leaksOf)).toEqual([])
  })

  test('what must arrive does', () => {
    expect(found(({ spans }, way) => missingFrom(spans, combination, way))).toEqual([])
  })
})

test('the providers were given what is planted in requests', () => {
  const given = secretFinder(PLACES)(models.asked.map((asked) => JSON.stringify(asked)).join('\n'))
  // The others are in their answers, or come to no request.
  const elsewhere = ['answer', 'telemetry context', 'provider error', 'key with a newline', 'userinfo']
  expect(given).toEqual(expect.arrayContaining(PLACES.filter((place) => !elsewhere.includes(place))))
})
