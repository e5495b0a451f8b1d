/** What a team looks at first: how many sessions, failures, tokens and dollars there were over time, how long they took, and with which models and tools. */
import type { Context } from 'hono'
import type { Sum, SumsFilter, TraceStore } from './trace-store.ts'

export interface Point {
  /** Microseconds since the Unix epoch. */
  at: number
  sessions: number
  failed: number
  inputTokens: number
  outputTokens: number
  /** US dollars. */
  cost: number
  /** Microseconds; not there where no session has ended. */
  p50?: number
  p95?: number
  p99?: number
}

/** A model or a tool. */
export interface Named extends Pick<Sum, 'name' | 'calls' | 'errors' | 'inputTokens' | 'outputTokens' | 'cost'> {
  /** Calls of each point. */
  points: number[]
}

export interface Overview extends SumsFilter {
  /** The last one may be of less time than the others. */
  points: Point[]
  /** By calls, most first. */
  models: Named[]
  tools: Named[]
}

const QUARTER = 900_000_000
const HOUR = 4 * QUARTER
/** Points of the longest time that is asked for. */
const MAX_POINTS = 64

export const RANGES: Readonly<Record<string, { title: string; length: number; step: number }>> = {
  '6h': { title: '6 hours', length: 6 * HOUR, step: QUARTER },
  '24h': { title: '24 hours', length: 24 * HOUR, step: 2 * QUARTER },
  '7d': { title: '7 days', length: 7 * 24 * HOUR, step: 3 * HOUR },
  '30d': { title: '30 days', length: 30 * 24 * HOUR, step: 12 * HOUR },
}
export const DEFAULT_RANGE = '24h'

/** What a request asks for: `range`, or `from` and `to` (microseconds since the Unix epoch), and `step`; `service`, `environment`. */
export function sumsFilterOf(c: Context, now: number = Date.now()): SumsFilter {
  const number = (name: string): number | undefined => {
    const value = Number(c.req.query(name) || Number.NaN)
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined
  }
  const range = RANGES[c.req.query('range') ?? DEFAULT_RANGE] ?? RANGES[DEFAULT_RANGE]
  const { length, step: usual } = range as { length: number; step: number }
  const [given, end] = [number('from'), number('to')]
  const isGiven = given !== undefined && end !== undefined && end > given
  const to = ceil(isGiven ? end : now * 1000, isGiven ? QUARTER : usual)
  const from = isGiven ? Math.floor(given / QUARTER) * QUARTER : to - length
  const least = ceil((to - from) / MAX_POINTS, QUARTER)
  const step = Math.max(ceil(number('step') ?? (isGiven ? least : usual), QUARTER), least)
  return {
    from,
    to,
    step,
    service: c.req.query('service') || undefined,
    environment: c.req.query('environment') || undefined,
  }
}

export async function overviewOf(store: TraceStore, filter: SumsFilter): Promise<Overview> {
  const { from, to, step } = filter
  const { calls, latencies } = await store.sums(filter)
  const points: Point[] = Array.from({ length: Math.ceil((to - from) / step) }, (_, n) => {
    const at = from + n * step
    const latency = latencies.find((of) => of.at === at)
    const sum = calls.find((of) => of.at === at && of.type === 'session')
    return {
      at,
      sessions: sum?.calls ?? 0,
      failed: sum?.errors ?? 0,
      inputTokens: sum?.inputTokens ?? 0,
      outputTokens: sum?.outputTokens ?? 0,
      cost: sum?.cost ?? 0,
      ...latency,
    }
  })
  const named = (type: Sum['type']): Named[] => {
    const found = new Map<string, Named>()
    for (const sum of calls) {
      if (sum.type !== type || !sum.calls) continue
      const none = { calls: 0, errors: 0, inputTokens: 0, outputTokens: 0, cost: 0 }
      const of = found.get(sum.name) ?? { name: sum.name, ...none, points: points.map(() => 0) }
      found.set(sum.name, of)
      for (const is of ['calls', 'errors', 'inputTokens', 'outputTokens', 'cost'] as const) of[is] += sum[is]
      of.points[(sum.at - from) / step] = sum.calls
    }
    return [...found.values()].sort((a, b) => b.calls - a.calls)
  }
  return { ...filter, points, models: named('model'), tools: named('tool') }
}

function ceil(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit
}
