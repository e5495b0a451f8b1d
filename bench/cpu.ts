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
  rounds: number,
  warmUp: number,
): Promise<Record<string, BySubject<Cpu>>> {
  const results: Record<string, BySubject<Cpu>> = {}
  const rows = loads.map((each) => ({ ...each, ms: {} as BySubject<number[]>, sent: {} as BySubject<Cpu> }))
  for (const { path, requests, atOnce, sent } of rows) {
    for (const { url, bundle } of processes) {
      await load(url, [path], Math.min(requests, warmUp), atOnce)
      await sink.quiet()
      const asked = Math.min(requests, 50)
      await sink.readBodies(true)
      await load(url, [path], asked, Math.min(atOnce, asked))
      await sink.quiet()
      const { posts, spans } = (await sink.counts())[bundle.id] ?? { posts: 0, spans: 0 }
      await sink.readBodies(false)
      const none = spreadOf([])
      sent[bundle.id] = { us: none, ratio: none, posts: posts / asked, spans: spans / asked }
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const { path, requests, atOnce, ms } of rows) {
      for (const { url, bundle, cpuMs } of rotated(processes, round)) {
        const before = await cpuMs()
        await load(url, [path], requests, atOnce)
        await sink.quiet()
        ms[bundle.id] ??= []
        ms[bundle.id]?.push((await cpuMs()) - before)
      }
    }
  }
  for (const { label, requests, ms, sent } of rows) {
    const over = overNothing(ms)
    results[label] = {}
    for (const [id, cpu] of Object.entries(sent)) {
      const us = (over[id] ?? []).map((each) => (each / requests) * 1000)
      const ratios = (over[id] ?? []).map((each, round) => each / (over.floor?.[round] ?? Number.NaN))
      results[label][id] = { ...cpu, us: spreadOf(us), ratio: spreadOf(ratios) }
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
        await sink.quiet()
        ms[bundle.id] ??= []
        ms[bundle.id]?.push(await process.cpuMs())
      } finally {
        await process.stop()
      }
    }
  }
  return Object.fromEntries(Object.entries(overNothing(ms)).map(([id, values]) => [id, spreadOf(values)]))
}

const HEAP_PATHS = ['/plain', '/plain', '/agent', '/stream']
/** What fills lazily: caches, feedback of the compiler. */
const HEAP_WARM_UP = 2000
const HEAP_AT_ONCE = 10

export async function measureHeaps(
  bundles: readonly Bundle[],
  sink: Sink,
  requests: number,
): Promise<BySubject<{ before: number; after: number; requests: number }>> {
  const one = async (bundle: Bundle): Promise<[string, { before: number; after: number; requests: number }]> => {
    const process = await startProcess(bundle, sink.url(bundle.id), true)
    try {
      await load(process.url, HEAP_PATHS, Math.min(requests, HEAP_WARM_UP), HEAP_AT_ONCE)
      await sink.quiet()
      const before = await process.heapUsed()
      await load(process.url, HEAP_PATHS, requests, HEAP_AT_ONCE)
      await sink.quiet()
      return [bundle.id, { before, after: await process.heapUsed(), requests }]
    } finally {
      await process.stop()
    }
  }
  const found: BySubject<{ before: number; after: number; requests: number }> = {}
  // Two at a time: time counts for nothing here, and what is quiet is quiet for both.
  const waiting = [...bundles]
  const worker = async (): Promise<void> => {
    for (let bundle = waiting.shift(); bundle; bundle = waiting.shift()) {
      const [id, heap] = await one(bundle)
      found[id] = heap
    }
  }
  await Promise.all([worker(), worker()])
  return Object.fromEntries(bundles.map(({ id }) => [id, found[id] as (typeof found)[string]]))
}
