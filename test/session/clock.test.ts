import { DiagLogLevel, diag, type HrTime } from '@opentelemetry/api'
import { afterEach, expect, test, vi } from 'vitest'
import { ActionEvent, createAgentOps, ToolEvent } from '../../src/index.ts'
import { fromMillis } from '../../src/runtime/clock.ts'
import { SessionClock } from '../../src/tracing/clock.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'

afterEach(() => diag.disable())

const FROZEN = 1_790_000_000_123
const MS = 1_000_000n
const nanos = ([seconds, nanos]: HrTime): bigint => BigInt(seconds) * 1000n * MS + BigInt(nanos)

test('a frozen clock: 20 events in one millisecond keep order, unique starts, end ≥ start, no SDK warning', async () => {
  const warnings: unknown[] = []
  const log = (...args: unknown[]): void => void warnings.push(args)
  diag.setLogger({ error: log, warn: log, info: log, debug: () => {}, verbose: () => {} }, DiagLogLevel.ALL)
  const session = createAgentOps(toCollector({ clock: () => FROZEN })).startSession({ name: 'frozen' })
  for (let n = 0; n < 20; n++) {
    if (n % 3 === 0) session.tool(`e${n}`, () => n)
    else if (n % 3 === 1)
      session.record(new ActionEvent({ actionType: `e${n}`, initTimestamp: FROZEN, endTimestamp: FROZEN }))
    else session.tracer.startSpan(`e${n}`).end()
  }
  await session.end('Success')
  const spans = await spansOf(session)
  expect(spans.map(({ name }) => name.replace(/\..*/, ''))).toEqual([
    'frozen',
    ...Array.from({ length: 20 }, (_, n) => `e${n}`),
  ])
  expect(new Set(spans.map(({ start }) => start)).size).toBe(21)
  const root = named(spans, 'frozen.session')
  for (const { start, end } of spans) {
    expect(end).toBeGreaterThanOrEqual(start)
    expect(start - BigInt(FROZEN) * MS).toBeLessThan(1000n)
    expect(end).toBeLessThanOrEqual(root.end)
  }
  expect(root.start).toBe(BigInt(FROZEN) * MS)
  expect(warnings).toEqual([])
})

test('an event span has the event’s own times', async () => {
  let now = FROZEN
  const session = createAgentOps(toCollector({ clock: () => now })).startSession()
  now += 5000
  session.record(
    new ToolEvent({
      name: 'own',
      initTimestamp: new Date(FROZEN + 1000),
      endTimestamp: new Date(FROZEN + 1500).toISOString(),
    }),
  )
  session.record(new ToolEvent({ name: 'twin', initTimestamp: FROZEN + 1000, endTimestamp: FROZEN + 900 }))
  await session.end()
  const spans = await spansOf(session)
  const own = named(spans, 'own.tool')
  expect([own.start, own.end]).toEqual([BigInt(FROZEN + 1000) * MS, BigInt(FROZEN + 1500) * MS])
  const twin = named(spans, 'twin.tool')
  expect([twin.start - own.start, twin.end - twin.start]).toEqual([1n, 0n])
  expect(own.attributes).toMatchObject({
    'event.timestamp': new Date(FROZEN + 1000).toISOString(),
    'event.end_timestamp': new Date(FROZEN + 1500).toISOString(),
  })
})

test('an event that began before the session starts 1 ns after the root and keeps its own timestamps and duration', async () => {
  const session = createAgentOps(toCollector({ clock: () => FROZEN })).startSession({ name: 's' })
  session.record(new ToolEvent({ name: 'early', initTimestamp: FROZEN - 60_000, endTimestamp: FROZEN - 30_000 }))
  await session.end()
  const spans = await spansOf(session)
  const early = named(spans, 'early.tool')
  expect(early.start).toBe(named(spans, 's.session').start + 1n)
  expect(early.end).toBe(early.start + 30_000n * MS)
  expect(early.attributes['event.timestamp']).toBe(new Date(FROZEN - 60_000).toISOString())
})

test('a span from the future, ended without a time, moves no other', async () => {
  const session = createAgentOps(toCollector({ clock: () => FROZEN })).startSession({ name: 's' })
  session.tracer.startSpan('future', { startTime: FROZEN + 3_600_000 }).end()
  session.tool('present', () => 1)
  await session.end()
  const spans = await spansOf(session)
  const offsets = ['future', 'present.tool', 's.session'].map((name) =>
    Number((named(spans, name).end - BigInt(FROZEN) * MS) / MS),
  )
  expect(offsets).toEqual([3_600_000, 0, 0])
})

test.each([Number.NaN, 'yesterday', new Date(Number.NaN), -5, 1e20, {} as never])(
  'an impossible time (%s) is replaced by the time of recording',
  async (time) => {
    const session = createAgentOps(toCollector({ clock: () => FROZEN })).startSession()
    session.record(new ToolEvent({ name: 'odd', initTimestamp: time, endTimestamp: time }))
    await session.end()
    expect(named(await spansOf(session), 'odd.tool').attributes['event.timestamp']).toBe(new Date(FROZEN).toISOString())
  },
)

test('a span whose end or start is no time does not throw', async () => {
  const session = createAgentOps(toCollector()).startSession()
  session.tracer.startSpan('odd', { startTime: Number.NaN }).end(new Date(Number.NaN))
  expect((await session.end()).sent).toBe(2)
})

test.each([
  () => Number.NaN,
  () => undefined as never,
  () => -1,
  (): never => {
    throw new Error('no clock')
  },
])('a clock of one’s own that fails (%s) is no reason to fail', async (clock) => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const session = createAgentOps(toCollector({ clock })).startSession()
  expect(session.tool('t', () => 1)).toBe(1)
  expect((await session.end()).sent).toBe(2)
  vi.restoreAllMocks()
})

test('10,000 starts in one millisecond are unique, and a remembered microsecond costs no walk', () => {
  const clock = new SessionClock(() => FROZEN)
  const starts = Array.from({ length: 10_000 }, (_, n) => nanos(clock.start(n % 2 ? undefined : fromMillis(FROZEN))))
  expect(new Set(starts).size).toBe(10_000)
  expect(starts.every((start) => start - BigInt(FROZEN) * MS < 11_000n)).toBe(true)
})

test('the platform’s clock gives plausible times', () => {
  const before = Date.now()
  const start = Number(nanos(new SessionClock().start()) / MS)
  expect(start).toBeGreaterThanOrEqual(before - 5)
  expect(start).toBeLessThanOrEqual(Date.now() + 5)
})

test('a span that starts in the future, and is ended without a time, does not move the others', async () => {
  const session = createAgentOps(toCollector({ clock: () => FROZEN })).startSession({ name: 's' })
  session.tracer.startSpan('planned', { startTime: FROZEN + 3_600_000 }).end()
  session.tool('t', () => 1)
  await session.end()
  const spans = await spansOf(session)
  const planned = named(spans, 'planned')
  expect([planned.start, planned.end]).toEqual([BigInt(FROZEN + 3_600_000) * MS, BigInt(FROZEN + 3_600_000) * MS])
  for (const name of ['t.tool', 's.session']) expect(named(spans, name).end).toBeLessThan(BigInt(FROZEN + 1) * MS)
})
