/** Where sessions are kept: what any store of traces has to offer to ingest and page. A file of SQLite (`sqlite.ts`), Cloudflare's D1 (`d1.ts`), ClickHouse (`clickhouse.ts`). */
import type { SpanType } from './conventions.ts'
import type { CollectedSpan, RawSpan, ReadSpans } from './otlp.ts'

/** `Running`: its root has not come, and spans have lately. `Unfinished`: its root has not come, and nothing comes any more. */
export type SessionState = 'Success' | 'Fail' | 'Indeterminate' | 'Running' | 'Unfinished'

/** A session in a list. One trace is one session. */
export interface SessionRow {
  traceId: string
  /** `session.id`, which the sessions of a conversation share; the trace id where there is none. */
  sessionId: string
  name: string
  service?: string
  /** `deployment.environment.name`. */
  environment?: string
  route?: string
  state: SessionState
  reason?: string
  /** Microseconds since the Unix epoch. */
  start: number
  /** Microseconds. */
  duration: number
  spans: number
  errors: number
  modelCalls: number
  toolCalls: number
  inputTokens: number
  outputTokens: number
  /** US dollars. */
  cost: number
  tags: string[]
  models: string[]
}

/** A span in a list: what a waterfall draws. */
export interface SpanRow {
  spanId: string
  parentId?: string
  type: SpanType
  name: string
  label: string
  /** OTLP's code: 0 unset, 1 ok, 2 error. */
  status: number
  /** Microseconds since the Unix epoch. */
  start: number
  /** Microseconds. */
  duration: number
  model?: string
  inputTokens?: number
  outputTokens?: number
  /** US dollars. */
  cost?: number
  note?: string
  callId?: string
  service?: string
  incomplete?: boolean
}

/** What a session has any number of, or any of its spans may say. */
export const LABELS = ['tag', 'route', 'model', 'tool', 'service', 'environment'] as const
export type Label = (typeof LABELS)[number]

/** A session whose root has not come is running while spans come; the library sends them every 15 s at the latest. */
export const RUNNING_MS = 60_000

/** Which sessions are listed: those that fit all that is given. Times are microseconds since the Unix epoch. */
export interface SessionFilter extends Partial<Record<Label, string>> {
  state?: SessionState
  /** Words that one span of the session has, all of them; the last one may be the beginning of a word. */
  text?: string
  sessionId?: string
  /** Only those that began before, in microseconds since the Unix epoch: the next page. */
  before?: number
  /** Only those that began then or later. */
  after?: number
  /** Only those that took as long, in microseconds, or longer. */
  took?: number
  /** At most. Default 50. */
  limit?: number
  /** Oldest first. */
  ascending?: boolean
}

/** One value of a label, and how many sessions have it. */
export interface Facet {
  value: string
  sessions: number
}

/** For each label the 100 values of which there is most. */
export interface Facets extends Record<Label, Facet[]> {
  /** All that are kept. */
  sessions: number
}

export function noFacets(): Record<Label, Facet[]> {
  return { tag: [], route: [], model: [], tool: [], service: [], environment: [] }
}

/** Values of each label that a list offers, and models and tools of an overview: those that there is most of. */
export const MAX_LISTED = 100

export interface SumsFilter {
  /** Microseconds since the Unix epoch, whole quarters of an hour; `to` is not part of it. */
  from: number
  to: number
  /** Microseconds of a point: so many quarters of an hour. */
  step: number
  service?: string
  environment?: string
}

/** What began within one point. */
export interface Sum {
  /** Where the point begins: `from` and a multiple of `step`. */
  at: number
  type: 'session' | 'model' | 'tool'
  /** The model's or tool's; empty of sessions. */
  name: string
  /** Sessions, calls of the model or tool. */
  calls: number
  errors: number
  inputTokens: number
  outputTokens: number
  /** US dollars. */
  cost: number
}

/** Durations of the sessions that began within one point and have ended, microseconds; a twentieth off at most. */
export interface Latency {
  at: number
  p50: number
  p95: number
  p99: number
}

export interface Sums {
  /** Only points with something in them. */
  calls: Sum[]
  latencies: Latency[]
}

/** What has been stored by one commit. */
export interface Stored {
  /** Trace ids with new spans. */
  changed: string[]
  /** Of those, the ones whose root came with them. */
  ended: string[]
}

/** Where a backend keeps spans: SQLite, D1, ClickHouse, or one of your own. */
export interface TraceStore extends Readings {
  /**
   * Resolves when the spans would survive the process. A span that is there already (the same trace and span id) stays
   * as it is. Rejects with `BusyError` where they have to come again later.
   */
  write(read: Pick<ReadSpans, 'spans' | 'raw'>): Promise<void>
  /** Called after each commit, or soon after it where others write, too. Gives what ends it. */
  subscribe(listener: (stored: Stored) => void): () => void
  /** Everything that was written is kept. */
  close(): Promise<void>
}

export interface Readings {
  /** By start, newest first. */
  sessions(filter: SessionFilter): Promise<SessionRow[]>
  session(traceId: string): Promise<SessionRow | undefined>
  /** By start; `limit` spans at most. */
  spans(traceId: string, limit: number): Promise<SpanRow[]>
  /** As they came, by start. */
  raw(traceId: string, which?: { spanId?: string; types?: SpanType[]; limit?: number }): Promise<RawSpan[]>
  /** A span whose trace is not known. */
  find(spanId: string): Promise<CollectedSpan | undefined>
  /** Of each the `MAX_LISTED` with the most sessions. */
  facets(): Promise<Facets>
  /** What the overview shows; of models and tools the `MAX_LISTED` with the most calls. */
  sums(filter: SumsFilter): Promise<Sums>
}
