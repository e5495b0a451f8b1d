/** Medians and quartiles, and the shape of a run's results. */

export interface Spread {
  q1: number
  median: number
  q3: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => {
    const place = (sorted.length - 1) * share
    const [below, above] = [sorted[Math.floor(place)] ?? 0, sorted[Math.ceil(place)] ?? 0]
    return below + (above - below) * (place % 1)
  }
  return { q1: at(0.25), median: at(0.5), q3: at(0.75) }
}

export interface Cpu {
  /** Microseconds a request over `nothing`. */
  us: Spread
  /** Of the floor's median in the same run. */
  ratio: Spread
  /** A request. */
  posts: number
  spans: number
}

export interface Size {
  minified: number
  gzipped: number
  /** With the conditions of Cloudflare's Vite plugin, which prefer ES modules. */
  vite: number
  /** By `wrangler deploy --minify` itself; 0 where it was not asked. */
  wrangler: number
}

/** By subject. */
export type BySubject<T> = Record<string, T>

export interface JavaScriptCost {
  /** Microseconds of the JavaScript thread, and of all threads, over `nothing`. */
  thread: Spread
  process: Spread
}

export interface Results {
  date: string
  mode: string
  seconds: Record<string, number>
  machine: string
  versions: Record<string, string>
  titles: BySubject<string>
  kinds: BySubject<string>
  /** By path. */
  cpu: Record<string, BySubject<Cpu>>
  /** Bytes, over `nothing`. */
  size: BySubject<Size>
  /** Milliseconds of CPU from the start to the end of the first request and its delivery, over `nothing`. */
  cold: BySubject<Spread>
  /** Bytes of live heap before and after that many requests. */
  heap: BySubject<{ before: number; after: number; requests: number }>
  javascript: { session: BySubject<JavaScriptCost>; step: BySubject<JavaScriptCost> }
  /** Microseconds a request over `nothing`: by spans of a session, by requests at once. */
  growth: { spans: Record<string, BySubject<Cpu>>; atOnce: Record<string, BySubject<Cpu>> }
}
