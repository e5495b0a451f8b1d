/** What the workerd process of each subject costs: a request, a cold start, a heap. */
import { load } from './load.ts'
import type { Sink } from './sink.ts'
import { type BySubject, type Cpu, type Spread, spreadOf } from './statistics.ts'
import type { Bundle } from './subject.ts'
import { type Process, startProcess } from './workerd.ts'

export interface Load {
  label: string
  path: string
  /** In a round. */
  requests: number
  atOnce: number
}

/** Of the time of a measurement. */
const WARM_UP_SHARE = 0.3

/** Rounds are taken until the time is up, so that a slow machine measures less and not longer. */
export interface Effort {
  warmUp: number
  /** Requests whose POSTs and spans are counted, before the rounds. */
  counted: number
  minRounds: number
  maxRounds: number
  /** Of all, the warm-up too. */
  seconds: number
}

/** Each round begins with another one, so that none always follows the same. */
export function rotated<T>(list: readonly T[], round: number): T[] {
  const from = round % list.length
  return [...list.slice(from), ...list.slice(0, from)]
}

/** Of each load, by its label; rounds interleaved between subjects. */
export async function measureLoads(
  processes: readonly Process[],
  sink: Sink,
  loads: readonly Load[],
  { warmUp, counted, minRounds, maxRounds, seconds }: Effort,
): Promise<Record<string, BySubject<Cpu>>> {
  const until = performance.now() + seconds * 1000
  const warmUpMs = (seconds * 1000 * WARM_UP_SHARE) / (loads.length * processes.length)
  const results: Record<string, BySubject<Cpu>> = {}
  const rows = loads.map((each) => ({ ...each, ms: {} as BySubject<number[]>, sent: {} as BySubject<Cpu> }))
  for (const { path, atOnce, sent } of rows) {
    for (const { url, bundle } of processes) {
      await load(url, [path], warmUp, atOnce, warmUpMs)
      await sink.quiet(bundle.id)
      await sink.readBodies(true)
      await load(url, [path], counted, atOnce)
      // Twice: a busy machine may keep a delivery back for longer than one of them.
      for (let n = 0; n < 2 && counted > 0; n++) await sink.quiet(bundle.id)
      const { posts, spans } = (await sink.counts())[bundle.id] ?? { posts: 0, spans: 0 }
      await sink.readBodies(false)
      const asked = Math.max(1, counted)
      const none = spreadOf([])
      sent[bundle.id] = { us: none, ratio: none, posts: posts / asked, spans: spans / asked }
    }
  }
  for (let round = 0; round < minRounds || (round < maxRounds && performance.now() < until); round++) {
    for (const { path, requests, atOnce, ms } of rows) {
      for (const { url, bundle, cpuMs } of rotated(processes, round)) {
        const before = await cpuMs()
        await load(url, [path], requests, atOnce)
        await sink.quiet(bundle.id)
        ms[bundle.id] ??= []
        ms[bundle.id]?.push((await cpuMs()) - before)
      }
    }
  }
  for (const { label, requests, ms, sent } of rows) {
    const over = overNothing(ms)
    const usOf = (id: string): number[] => (over[id] ?? []).map((each) => (each / requests) * 1000)
    // Of the run's median: in a single round the floor may be lost in what else the machine does.
    const floor = spreadOf(usOf('floor')).median
    results[label] = {}
    for (const [id, cpu] of Object.entries(sent)) {
      const us = usOf(id)
      results[label][id] = { ...cpu, us: spreadOf(us), ratio: spreadOf(us.map((each) => each / floor)) }
    }
  }
  return results
}

/** Round by round. */
export function overNothing(values: BySubject<number[]>): BySubject<number[]> {
  const over: BySubject<number[]> = {}
  for (const [id, each] of Object.entries(values)) {
    over[id] = each.map((value, round) => value - (values.nothing?.[round] ?? 0))
  }
  return over
}

/** A process from its start to the end of its first request's delivery: milliseconds of CPU over `nothing`. */
export async function measureColdStarts(
  bundles: readonly Bundle[],
  sink: Sink,
  starts: number,
): Promise<BySubject<Spread>> {
  const ms: BySubject<number[]> = {}
  for (let round = 0; round < starts; round++) {
    for (const bundle of rotated(bundles, round)) {
      const process = await startProcess(bundle, sink.url(bundle.id))
      try {
        await load(process.url, ['/plain'], 1, 1)
        await sink.quiet(bundle.id)
        ms[bundle.id] ??= []
        ms[bundle.id]?.push(await process.cpuMs())
      } finally {
        await process.stop()
      }
    }
  }
  return Object.fromEntries(Object.entries(overNothing(ms)).map(([id, values]) => [id, spreadOf(values)]))
}

export interface Heap {
  before: number
  after: number
  /** Between the two: all that were to be made, or those that there was time for. */
  requests: number
}

const HEAP_PATHS = ['/plain', '/plain', '/plain', '/agent', '/plain', '/plain', '/plain', '/stream']
/** What fills lazily: caches, feedback of the compiler. */
const HEAP_WARM_UP = 2000
const HEAP_AT_ONCE = 10

export async function measureHeaps(
  bundles: readonly Bundle[],
  sink: Sink,
  requests: number,
  seconds: number,
): Promise<BySubject<Heap>> {
  /** At a time: the clock counts for nothing here. */
  const side = 3
  const eachMs = (seconds * 1000) / Math.ceil(bundles.length / side)
  const one = async (bundle: Bundle): Promise<Heap> => {
    const process = await startProcess(bundle, sink.url(bundle.id), true)
    try {
      await load(process.url, HEAP_PATHS, HEAP_WARM_UP, HEAP_AT_ONCE, eachMs * WARM_UP_SHARE)
      await sink.quiet(bundle.id)
      const before = await process.heapUsed()
      const left = eachMs * (1 - WARM_UP_SHARE)
      const made = await load(process.url, HEAP_PATHS, requests, HEAP_AT_ONCE, left)
      await sink.quiet(bundle.id)
      return { before, after: await process.heapUsed(), requests: made }
    } finally {
      await process.stop()
    }
  }
  const found: BySubject<Heap> = {}
  const waiting = [...bundles]
  const worker = async (): Promise<void> => {
    for (let bundle = waiting.shift(); bundle; bundle = waiting.shift()) found[bundle.id] = await one(bundle)
  }
  await Promise.all(Array.from({ length: side }, worker))
  return Object.fromEntries(bundles.map(({ id }) => [id, found[id] as Heap]))
}
