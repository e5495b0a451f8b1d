/** Head and tail sampling, at a real collector, in Node and inside workerd. */
import { describe, expect, inject, test } from 'vitest'
import {
  type AgentOpsOptions,
  createAgentOps,
  type FlushReport,
  keepErrors,
  keepRare,
  keepShare,
  keepSlow,
  keepTagged,
  type Session,
} from '../../src/index.ts'
import { spansOf, toCollector } from '../support/collected.ts'

/** One session, what it reported, and how many of its spans arrived. */
async function run(
  options: AgentOpsOptions,
  work: (session: Session) => unknown = () => {},
  name = 'job',
): Promise<{ session: Session; report: FlushReport; arrived: number }> {
  const session = createAgentOps(toCollector(options)).startSession({ name })
  await session.run(async () => work(session))
  const report = await session.end(session.endState === 'Indeterminate' ? 'Success' : undefined)
  return { session, report, arrived: (await spansOf(session)).length }
}

describe('head', () => {
  test('ratio 0 sends nothing', async () => {
    const { report, arrived } = await run({ sampler: 0 }, (session) => session.tool('t', () => 1))
    expect([report, arrived]).toEqual([{ sent: 0, dropped: 0, spooled: 0, pending: 0 }, 0])
  })

  test('ratio 0.1 over 10,000 sessions is within statistics, and by trace id', async () => {
    const agentops = createAgentOps(toCollector({ sampler: 0.1 }))
    const before = await collected()
    let sent = 0
    for (let n = 0; n < 200; n++) {
      const ended = Array.from({ length: 50 }, () =>
        agentops.withSession({ name: 'sampled' }, ({ root }) => root.isRecording()),
      )
      sent += (await Promise.all(ended)).filter(Boolean).length
    }
    // 1,000 with a standard deviation of 30: five of them.
    expect(sent).toBeGreaterThan(850)
    expect(sent).toBeLessThan(1150)
    expect((await collected()) - before).toBe(sent)
  })

  test('a parent’s decision is honoured, both ways', async () => {
    const agentops = createAgentOps(toCollector({ sampler: 0, mode: 'multi' }))
    const outer = createAgentOps(toCollector({})).startSession({ name: 'outer' })
    const [yes] = await Promise.all([agentops.withSession({ parent: outer }, (session) => session)])
    expect(await spansOf(yes)).toHaveLength(1)
    const no = agentops.startSession()
    const inner = createAgentOps(toCollector({ sampler: 1, mode: 'multi' })).startSession({ parent: no })
    expect(await inner.end()).toMatchObject({ sent: 0 })
    await Promise.all([outer.end(), no.end()])
  })
})

/** Sessions at the tests' collector. */
async function collected(): Promise<number> {
  return Number(await (await fetch(`${inject('collectorUrl')}/count?name=sampled.session`)).text())
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('tail', () => {
  test.each<[string, AgentOpsOptions['keep'], (session: Session) => unknown, boolean]>([
    ['errors: none', keepErrors, () => {}, false],
    ['errors: one recorded', keepErrors, (session) => session.recordError(new Error('x')), true],
    [
      'errors: a tool that threw, caught',
      keepErrors,
      (session) => {
        try {
          session.tool('t', () => {
            throw new Error('x')
          })
        } catch {}
      },
      true,
    ],
    ['errors: said so', keepErrors, (session) => session.setEndState('Fail'), true],
    ['slow: fast', keepSlow(10_000), () => {}, false],
    ['slow: slow', keepSlow(20), () => sleep(40), true],
    ['tags: another', keepTagged('vip'), (session) => session.addTags('a'), false],
    ['tags: this', keepTagged('b', 'vip'), (session) => session.addTags('vip'), true],
    ['share: none', keepShare(0), () => {}, false],
    ['share: all', keepShare(1), () => {}, true],
    ['a function', ({ stats }) => stats.tools > 1, (session) => session.tool('t', () => 1), false],
    ['a list, of which one says yes', [keepErrors, keepTagged('vip')], (session) => session.addTags('vip'), true],
    ['a list, of which none does', [keepErrors, keepTagged('vip')], () => {}, false],
    [
      'one that throws refuses nothing',
      () => {
        throw new Error('mine')
      },
      () => {},
      true,
    ],
  ])('%s', async (_, keep, work, kept) => {
    const { report, arrived } = await run({ keep }, work)
    expect(arrived > 0).toBe(kept)
    expect(report).toMatchObject(kept ? { sent: arrived, dropped: 0, pending: 0 } : { sent: 0, dropped: 0, pending: 0 })
    expect(report.sampledOut).toBe(kept ? undefined : report.sampledOut)
    if (!kept) expect(report.sampledOut).toBeGreaterThan(0)
  })

  test('rare routes: the first of each name in a minute', async () => {
    const keep = keepRare(2)
    const kept = []
    for (const name of ['GET /a', 'GET /a', 'GET /a', 'GET /b', 'GET /a'])
      kept.push((await run({ keep }, undefined, name)).arrived)
    expect(kept).toEqual([1, 1, 0, 1, 0])
  })

  test('a share is the same for every service of a trace', async () => {
    const kept = Array.from({ length: 4000 }, () => crypto.randomUUID().replaceAll('-', '')).filter((traceId) =>
      keepShare(0.25)({ traceId } as Session),
    )
    expect(kept.length).toBeGreaterThan(850)
    expect(kept.length).toBeLessThan(1150)
    expect(kept.every((traceId) => keepShare(0.5)({ traceId } as Session))).toBe(true)
  })

  test('nothing is exported before the decision: no batch, no interval, no flush', async () => {
    const options = toCollector({ keep: keepTagged('vip'), maxExportBatchSize: 2, exportIntervalMs: 5 })
    const session = createAgentOps(options).startSession()
    for (let n = 0; n < 20; n++) session.tool('t', () => 1)
    await sleep(50)
    expect(await session.flush()).toEqual({ sent: 0, dropped: 0, spooled: 0, pending: 20 })
    expect(await spansOf(session)).toEqual([])
    session.addTags('vip')
    expect(await session.end()).toEqual({ sent: 21, dropped: 0, spooled: 0, pending: 0 })
    expect(await spansOf(session)).toHaveLength(21)
  })

  test('a session that outgrows its buffer is kept, whole, and says so', async () => {
    const { report, session } = await run({ keep: () => false, maxQueueSize: 10 }, async (running) => {
      for (let n = 0; n < 25; n++) {
        running.tool('t', () => 1)
        // As long as an export takes: the buffer itself holds ten.
        if (n > 8) await running.flush()
      }
    })
    expect(report).toMatchObject({ sent: 26, dropped: 0 })
    const spans = await spansOf(session)
    expect(spans.find(({ name }) => name === 'job.session')?.attributes['agentops.keep.reason']).toBe('outgrown')
  })

  test('what ends after the decision follows it', async () => {
    const { session, report } = await run({ keep: () => false })
    session.tool('late', () => 1)
    await sleep(20)
    expect(report.sampledOut).toBe(1)
    expect(await session.flush()).toMatchObject({ sent: 0, sampledOut: 2, pending: 0 })
    expect(await spansOf(session)).toEqual([])
  })
})
