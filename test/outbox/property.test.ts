/**
 * Property: whatever sessions finish, however the backend behaves, whoever is cut off and whenever the clock jumps, the
 * books are right. The model is a ledger: what was handed over, what the backend took, and who was told what. It knows
 * nothing of how anything is delivered.
 *
 * The isolate is simulated: senders have contexts, whose timers and answers come no more when they are cut off, and none of
 * them may be woken by another's promise. Real ones: `cuts.test.ts`.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { isolate } from '../../src/outbox/outbox.ts'
import type { Drop, FlushReport } from '../../src/outbox/report.ts'
import { Sender } from '../../src/outbox/sender.ts'
import { Deadline } from '../../src/runtime/deadline.ts'
import { Hidden } from '../../src/runtime/hidden.ts'
import { waitFor as backoffOf } from '../../src/transport/backoff.ts'
import { tries } from '../support/properties.ts'

interface Context {
  alive: boolean
  isUnwatched?: boolean
  /** Its timers, and what it waits for, come no sooner. */
  stalledUntil: number
  /** It looks for the span that it was refused for: a request goes on with the next one. */
  isSearching?: boolean
  /** When it began to send, searches included. */
  since?: number
}
const contexts = new AsyncLocalStorage<Context>()

/** A session, and what it finishes at its end. */
interface Plan {
  /** When it ends, ms. */
  at: number
  spans: number
  /** Of one span. */
  bytes: number
  carries: boolean
  /** Nobody looks at its report. */
  leaves: boolean
  /** A Durable Object's. */
  isUnwatched: boolean
  limitMs: number
  maxRequests: number
  retryAttempts?: number
  /** The status that the backend has for its first span. */
  poison?: 400 | 403 | 503
  /** So long after its end it is cut off. */
  cutAfter?: number
  /** So long after its end its timers stand still, and its answers wait. */
  stall?: { after: number; ms: number }
}
interface Fault {
  from: number
  ms: number
  kind: 503 | 429 | 'reset' | 'hang' | 'slow'
}

const plan: fc.Arbitrary<Plan> = fc.record(
  {
    at: fc.nat(6000),
    spans: fc.integer({ min: 1, max: 300 }),
    bytes: fc.constantFrom(50, 50, 500, 60_000),
    carries: fc.boolean(),
    leaves: fc.boolean(),
    isUnwatched: fc.boolean(),
    limitMs: fc.constantFrom(400, 3000, 25_000),
    maxRequests: fc.integer({ min: 1, max: 12 }),
    retryAttempts: fc.nat(3),
    poison: fc.constantFrom(400 as const, 403 as const, 503 as const),
    cutAfter: fc.nat(1500),
    stall: fc.record({ after: fc.nat(100), ms: fc.integer({ min: 300, max: 4000 }) }),
  },
  { requiredKeys: ['at', 'spans', 'bytes', 'carries', 'leaves', 'isUnwatched', 'limitMs', 'maxRequests'] },
)
const fault: fc.Arbitrary<Fault> = fc.record({
  from: fc.nat(6000),
  ms: fc.integer({ min: 1, max: 9000 }),
  kind: fc.constantFrom<Fault['kind'][]>(503, 429, 'reset', 'hang', 'slow'),
})
const jump = fc.record({ at: fc.nat(8000), ms: fc.constantFrom(-3_600_000, 700, 2000, 40_000) })

const LATENCY_MS = 30
const TIMEOUT_MS = 2000
const text = new TextEncoder()

/** A span's id with as many blanks as it has bytes, one a line. */
const wire = {
  type: 'text/plain',
  encode: (spans: readonly unknown[]) =>
    text.encode((spans as Made[]).map(({ id, bytes }) => id.padEnd(bytes)).join('\n')),
  join: (bodies: readonly Uint8Array[]) => text.encode(bodies.map((body) => new TextDecoder().decode(body)).join('\n')),
  split: (body: Uint8Array) => new TextDecoder().decode(body).split('\n'),
  merge: (pieces: readonly unknown[]) => text.encode(pieces.join('\n')),
}
interface Made {
  id: string
  bytes: number
  spanContext(): { traceId: string; spanId: string }
}

let run = 0
/** Of the run, milliseconds: no jump moves it. */
let time = 0

beforeAll(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
  vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  for (const name of ['setTimeout', 'setInterval'] as const) {
    const set = globalThis[name] as (task: () => void, ms?: number) => unknown
    vi.stubGlobal(name, (task: () => void, ms?: number) => {
      const context = contexts.getStore()
      if (!context) return set(task, ms)
      const run = (): void => {
        const stalled = context.stalledUntil - time
        if (stalled > 0) {
          if (name === 'setTimeout') contexts.exit(() => set(run, stalled))
        } else if (context.alive) contexts.run(context, task)
      }
      return set(run, ms)
    })
  }
})
afterAll(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Runs the plans to their end, and some sessions more, which find a healthy backend; gives what was wrong. */
async function play(
  plans: readonly Plan[],
  faults: readonly Fault[],
  jumps: { at: number; ms: number }[],
  seed: number,
): Promise<void> {
  // The jitter of backoffs, the same at each replay.
  let drawn = seed
  vi.spyOn(Math, 'random').mockImplementation(() => {
    drawn = (drawn * 1_103_515_245 + 12_345) % 2 ** 31
    return drawn / 2 ** 31
  })

  const url = `http://backend/${++run}`
  // Of a run before, which may have failed half-way.
  vi.clearAllTimers()
  isolate().outboxes.clear()
  Object.assign(isolate(), { sent: 0, dropped: 0, pending: 0, bytes: 0 })
  time = 0
  /** What was wrong with a request: an exception would be taken for a network's. */
  const faulty: string[] = []
  /** By span: how often it was taken, how often nobody heard of it in time, and how often somebody heard of it. */
  const taken = new Map<string, { times: number; unheard: number; heard: number }>()
  const requests = new Map<Context, number>()
  const jumped = (): boolean => jumps.some(({ at }) => at <= time)
  /** Who has a request under way. */
  const open = new Set<Context>()
  const isFaulty = (): Fault | undefined => faults.find(({ from, ms }) => from <= time && time < from + ms)

  vi.stubGlobal('fetch', async (to: string, init: { body: Uint8Array; signal: AbortSignal }) => {
    const context = contexts.getStore() as Context
    if (to !== url) faulty.push(`a request to ${to}`)
    requests.set(context, (requests.get(context) ?? 0) + 1)
    const outbox = [...isolate().outboxes].find(([name]) => name.includes(`"${url}"`))?.[1]
    const isFirst = !jumped() && !context.isSearching
    if (isFirst && backoffOf(outbox?.retryAt ?? 0)) faulty.push('a request before retryAt')
    // A destination that fails is asked by one at a time. Who has stood still since it began counts as cut off.
    const isAnother = (other: Context): boolean =>
      other.alive && other !== context && other.stalledUntil <= (other.since ?? 0)
    if (outbox?.fails && isFirst && [...open].some(isAnother)) faulty.push('two ask a destination that fails')
    if (!context.isSearching) context.since = time
    const answer = isFaulty()
    const ids = wire.split(init.body).map((line) => line.trim())
    const poison = ids.map((id) => Number(/^p(\d+)/.exec(id)?.[1] ?? 0)).find(Boolean)
    if (!context.isUnwatched) open.add(context)
    const delay = answer?.kind === 'slow' ? 900 : LATENCY_MS
    const isTaken = !poison && (!answer || answer.kind === 'slow')
    const settled = new Promise<'answered' | 'aborted'>((resolve) => {
      contexts.exit(() => setTimeout(() => resolve('answered'), answer?.kind === 'hang' ? 1e6 : delay))
      init.signal.addEventListener('abort', () => resolve('aborted'))
    })
    const count = (what: 'times' | 'unheard' | 'heard'): void => {
      for (const id of isTaken ? ids : []) {
        const counts = taken.get(id) ?? { times: 0, unheard: 0, heard: 0 }
        counts[what]++
        taken.set(id, counts)
      }
    }
    count('times')
    const how = await settled
    open.delete(context)
    const stalled = context.stalledUntil - time
    if (how === 'aborted' || !context.alive || stalled > 0) count('unheard')
    if (stalled > 0) await contexts.exit(() => new Promise((resolve) => setTimeout(resolve, stalled)))
    // What belongs to a context that is gone never comes back to it.
    if (!context.alive) return new Promise<never>(() => {})
    context.isSearching = poison === 400
    // Who stood still may have given it up before the answer's turn came.
    if (how === 'aborted' || init.signal.aborted) throw new DOMException('aborted', 'AbortError')
    count('heard')
    if (answer?.kind === 'reset') throw new TypeError('reset')
    if (answer?.kind === 429) return new Response('', { status: 429, headers: { 'retry-after': '2' } })
    return new Response('{}', { status: answer?.kind === 503 ? 503 : (poison ?? 200) })
  })

  const drops: Drop[] = []
  const sessions: { plan: Plan; context: Context; report?: FlushReport; ids: string[]; ms?: number; sender: Sender }[] =
    []
  const end = (plan: Plan): void => {
    const context: Context = { alive: true, isUnwatched: plan.isUnwatched, stalledUntil: 0 }
    const traceId = `${sessions.length}`
    const ids = Array.from(
      { length: plan.spans },
      (_, n) => `${n || !plan.poison ? 's' : `p${plan.poison}`}-${sessions.length}-${n}`,
    )
    const spans = ids.map((id): Made => ({ id, bytes: plan.bytes, spanContext: () => ({ traceId, spanId: id }) }))
    const config = {
      ...{
        format: { name: 'otlp-json', wire, pack: () => ({ body: new Uint8Array(), headers: {} }) },
        compression: 'none',
      },
      destination: { url, headers: {}, hidden: new Hidden() },
      ...{
        exportTimeoutMs: TIMEOUT_MS,
        maxExportBytes: 4 << 20,
        maxExportBatchSize: 512,
        flushDeadlineMs: plan.limitMs,
      },
      ...{ maxRequests: plan.maxRequests, retryAttempts: plan.retryAttempts },
    }
    contexts.run(context, () => {
      const sender = new Sender(config as never, {
        isUnwatched: plan.isUnwatched,
        requests: { left: plan.maxRequests },
        onDrop: (drop) => drops.push(drop),
      })
      const session: (typeof sessions)[number] = { plan, context, ids, sender }
      sessions.push(session)
      sender.report.pending = spans.length
      const from = time
      const deadline = new Deadline(Date.now() + plan.limitMs)
      const carries = plan.carries && !plan.isUnwatched
      const leaves = carries && plan.leaves
      void sender.run({ deadline, waits: true, carries, leaves, rest: 'leave' }, [spans as never]).then(() => {
        session.report = { ...sender.report }
        session.ms = time - from
      })
    })
  }

  const healthy: Plan = {
    at: 0,
    spans: 1,
    bytes: 50,
    carries: true,
    leaves: false,
    isUnwatched: false,
    limitMs: 25_000,
    maxRequests: 12,
  }
  const over = Math.max(0, ...plans.map(({ at }) => at), ...faults.map(({ from, ms }) => from + ms)) + 65_000
  const steps = [
    ...plans.map((plan) => ({ at: plan.at, do: () => end(plan) })),
    ...jumps.map(({ at, ms }) => ({ at, do: () => vi.setSystemTime(Date.now() + ms) })),
    // Others pass, so that it shows who is to blame; then each finds what was left.
    ...Array.from({ length: 40 }, (_, n) => ({ at: over + n * 1500, do: () => end(healthy) })),
  ]
  for (const plan of plans) {
    const { at, cutAfter, stall } = plan
    const running = (): Context | undefined => sessions.find((one) => one.plan === plan && !one.report)?.context
    if (cutAfter !== undefined) {
      steps.push({
        at: at + cutAfter,
        do() {
          const context = running()
          if (context) context.alive = false
        },
      })
    }
    if (stall) {
      steps.push({
        at: at + stall.after,
        do() {
          const context = running()
          if (context) context.stalledUntil = time + stall.ms
        },
      })
    }
  }
  steps.sort((a, b) => a.at - b.at)
  const check = (): void => {
    const all = isolate()
    const made = sessions.reduce((sum, { plan }) => sum + plan.spans, 0)
    expect(all.sent + all.dropped + all.pending).toBe(made)
    for (const { sender, plan } of sessions) {
      const { sent, dropped, pending } = sender.report
      expect([sent + dropped + pending, sent >= 0, dropped >= 0, pending >= 0]).toEqual([plan.spans, true, true, true])
    }
    expect(all.bytes).toBeLessThanOrEqual(16 << 20)
    expect(faulty).toEqual([])
  }
  for (const step of [...steps, { at: over + 130_000, do: () => {} }]) {
    while (time < step.at) {
      const ms = Math.min(step.at - time, time < over - 60_000 ? 250 : 2500)
      await vi.advanceTimersByTimeAsync(ms)
      time += ms
      check()
    }
    step.do()
  }

  const all = isolate()
  expect(all).toMatchObject({ pending: 0, bytes: 0 })
  for (const session of sessions) {
    const { plan, context, report, ids, ms, sender } = session
    expect(requests.get(context) ?? 0).toBeLessThanOrEqual(plan.maxRequests)
    for (const id of ids) {
      const { times = 0, unheard = 0 } = taken.get(id) ?? {}
      // Once, and once more for each time that nobody heard of.
      expect(times).toBeLessThanOrEqual(1 + unheard)
    }
    const those = (what: 'times' | 'heard'): number => ids.filter((id) => (taken.get(id)?.[what] ?? 0) > 0).length
    const lost = drops.filter(({ traceId }) => traceId === `${sessions.indexOf(session)}`)
    // Who stood still may hear of what had no room any more, and was given up, meanwhile.
    const pushedOut = lost.reduce((sum, { spans, reason }) => sum + (reason === 'queue-full' ? spans : 0), 0)
    // Whatever was counted as sent was taken, and nothing that was taken, and heard of, is counted as anything else.
    expect(sender.report.sent).toBeLessThanOrEqual(those('times'))
    expect(sender.report.sent).toBeGreaterThanOrEqual(those('heard') - (plan.stall ? pushedOut : 0))
    expect(lost.reduce((sum, { spans }) => sum + spans, 0)).toBe(sender.report.dropped)
    // For what was in it only what holds poison is lost.
    const reasons = new Set(lost.map(({ reason }) => reason))
    if (!plan.poison) expect(reasons).not.toContain('rejected')
    if (!plan.poison && plan.retryAttempts === undefined) expect(reasons).not.toContain('undelivered')
    if (!context.alive) continue
    expect(report).toBeDefined()
    if (!jumps.length) expect(ms).toBeLessThanOrEqual(plan.limitMs + 251 + (plan.stall?.ms ?? 0))
  }
}

/** One of many that end at about the same time, most of which nobody looks at: they hand over, and are done. */
const crowded = fc
  .tuple(plan, fc.nat(100))
  .map(([one, n]): Plan => ({ ...one, at: 1000 + n, carries: n % 8 > 0, leaves: n % 4 > 0 }))

test.each([
  ['one after the other', plan, 25, 60],
  ['many at once', crowded, 40, 25],
] as const)(
  'the books are right: %s',
  async (_, kind, maxLength, runs) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(kind, { minLength: 1, maxLength, size: 'max' }),
        fc.array(fault, { maxLength: 3 }),
        fc.array(jump, { maxLength: 1 }),
        fc.nat(),
        play,
      ),
      tries(runs),
    )
  },
  300_000,
)
