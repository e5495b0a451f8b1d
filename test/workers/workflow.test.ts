/** Workflows in real workerd, on miniflare's engine; a replay is made by stopping the Worker while an instance sleeps. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import { waitFor } from '../support/wait.ts'
import type { RunningWorker, WorkerOptions } from '../support/workerd.ts'

interface Status {
  status: string
  output: unknown
  error?: { name: string; message: string }
}

const backend = useBackend()
const start = (more?: Partial<WorkerOptions>): Promise<RunningWorker> =>
  backend.start({
    entry: 'test/fixtures/workflow-worker.ts',
    miniflare: {
      workflows: { PLAIN: { name: 'plain', className: 'Research' }, TRACED: { name: 'traced', className: 'Traced' } },
    },
    ...more,
  })
let worker: RunningWorker
beforeAll(async () => {
  worker = await start()
})

const create = async (mode: string, plain = ''): Promise<string> =>
  (await fetch(`${worker.url}/?mode=${mode}${plain}`)).text()
const statusOf = async ({ url }: RunningWorker, query: string): Promise<Status> =>
  (await (await fetch(`${url}/?${query}`)).json()) as Status
const over = (on: RunningWorker, query: string): Promise<Status> =>
  waitFor('the instance', async () => {
    const status = await statusOf(on, query)
    return /complete|errored/.test(status.status) && status
  })

/** Runs an instance plain and instrumented, and compares how they end. */
async function run(mode: string): Promise<CollectedSession> {
  const [plain, traced] = [await create(mode, '&plain'), await create(mode)]
  expect(await over(worker, `id=${traced}`)).toEqual(await over(worker, `id=${plain}&plain`))
  const session = await backend.session(({ root }) => root?.attributes['agentops.workflow.instance_id'] === traced)
  expect(session.root).toMatchObject({ name: 'Research.session', kind: 2 })
  // The plain one has none for its helpers, which is said once.
  expect(worker.logs.filter((line) => !line.includes('called outside any session'))).toEqual([])
  return session
}

describe('an instance is one session', () => {
  test('a span a step, what is recorded inside is below it', async () => {
    const { root, spans } = await run('ok')
    expect(spans.map(({ name }) => name).sort()).toEqual([
      ...['Research.session', 'chat.llm', 'first.operation', 'search.tool', 'second.operation'],
    ])
    const [first, second] = [named(spans, 'first.operation'), named(spans, 'second.operation')]
    expect([first.parentSpanId, second.parentSpanId]).toEqual([root?.spanId, root?.spanId])
    expect(named(spans, 'search.tool').parentSpanId).toBe(first.spanId)
    expect(named(spans, 'chat.llm').parentSpanId).toBe(second.spanId)
    expect(root?.attributes['agentops.session.end_state']).toBe('Success')
  })

  test('each attempt of a step has a span', async () => {
    const { root, spans } = await run('retries')
    const second = spans.filter(({ name }) => name === 'second.operation')
    expect(second.map(({ status }) => status.code)).toEqual([2, 2, 1])
    expect(second.map(({ attributes }) => attributes['agentops.workflow.step.attempt'])).toEqual([1, 2, 3])
    expect(root?.status.code).toBe(1)
  })

  test('steps at once', async () => {
    const { spans } = await run('parallel')
    for (const n of [1, 2, 3])
      expect(named(spans, `inner ${n}.tool`).parentSpanId).toBe(named(spans, `part ${n}.operation`).spanId)
  })

  test('a step that can be taken back is an action like any', async () => {
    const { root, spans } = await run('rollback')
    for (const [step, inner] of [['booked', 'book'] as const, ['paid', 'pay'] as const]) {
      const action = named(spans, `${step}.operation`)
      expect(action.parentSpanId).toBe(root?.spanId)
      expect(named(spans, `${inner}.tool`).parentSpanId).toBe(action.spanId)
    }
    const taken = await waitFor('what takes them back', () => {
      const found = backend.collector.store.list().flatMap((session) => session.spans)
      // A tool may be sent before the step that it is part of.
      return found.filter(({ name }) => name.endsWith(' rollback.operation')).length === 2 && found
    })
    expect(taken.filter(({ name }) => name === 'take back.tool')).toHaveLength(2)
    for (const step of ['booked', 'paid'])
      expect(named(taken, `${step} rollback.operation`).traceId).toBe(root?.traceId)
  })

  test.each([
    ['fails', 'no way on'],
    ['final', 'never again'],
  ])('a run that ends with an error (%s) fails its session', async (mode, reason) => {
    const { root } = await run(mode)
    expect(root?.attributes['agentops.session.end_state']).toBe('Fail')
    expect(root?.attributes['agentops.session.end_state_reason']).toContain(reason)
  })

  test('ten at once stay apart', async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => create('parallel')))
    await Promise.all(ids.map((id) => over(worker, `id=${id}`)))
    const ended = (): CollectedSession[] => backend.collector.store.list().filter(({ root }) => root)
    await waitFor('ten sessions', () => ended().length === 10)
    for (const { spans } of ended()) expect(spans).toHaveLength(9)
  })
})

test('replayed elsewhere it goes on in the same session: one root, no step twice', async () => {
  const persistence = await mkdtemp(join(tmpdir(), 'workflow-'))
  // Nothing is sent on an interval here: what comes before the end comes with a step's.
  const options = { persistence, bindings: { NAP_MS: 1500, AGENTOPS_EXPORT_FLUSH_INTERVAL: 60_000 } }
  const before = await start(options)
  const id = await (await fetch(`${before.url}/?mode=ok`)).text()
  // Sent at the step's end, not with the root.
  const early = await waitFor('the first step', () =>
    backend.collector.store.list().find(({ spans }) => spans.length === 2),
  )
  expect(early.root).toBeUndefined()
  await before.stop()
  const after = await start(options)
  // The engine here takes an instance up again when it is asked to.
  for (const action of ['pause', 'resume']) await statusOf(after, `id=${id}&do=${action}`)
  expect(await over(after, `id=${id}`)).toMatchObject({
    status: 'complete',
    output: { first: { found: 3 }, second: 1 },
  })
  const { root, spans } = await backend.session()
  expect(backend.collector.store.list()).toHaveLength(1)
  expect(spans).toHaveLength(5)
  expect(named(spans, 'first.operation').parentSpanId).toBe(root?.spanId)
  // The root began with the instance, not with the replay.
  expect(root?.start).toBeLessThan(named(spans, 'first.operation').start)
  await rm(persistence, { recursive: true })
})
