/** Where sessions are kept: what any store of traces has to offer to ingest and page. SQLite is the one there is. */
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
  incomplete?: boolean
}

export interface SessionFilter {
  state?: SessionState
  tag?: string
  route?: string
  model?: string
  /** Words that one span of the session has, all of them; the last one may be the beginning of a word. */
  text?: string
  sessionId?: string
  /** Only those that began before, in microseconds since the Unix epoch: the next page. */
  before?: number
  /** At most. Default 50. */
  limit?: number
  /** Oldest first. */
  ascending?: boolean
}

export interface Facet {
  value: string
  sessions: number
}

export interface Facets {
  tag: Facet[]
  route: Facet[]
  model: Facet[]
  /** All that are kept. */
  sessions: number
}

/** What has been stored by one commit. */
export interface Stored {
  /** Trace ids with new spans. */
  changed: string[]
  /** Of those, the ones whose root came with them. */
  ended: string[]
}

export interface TraceStore {
  /**
   * Resolves when the spans would survive the process. A span that is there already (the same trace and span id) stays
   * as it is.
   */
  write(read: Pick<ReadSpans, 'spans' | 'raw'>): Promise<void>
  /** By start, newest first. */
  sessions(filter: SessionFilter): Promise<SessionRow[]>
  session(traceId: string): Promise<SessionRow | undefined>
  /** By start; `limit` spans at most. */
  spans(traceId: string, limit: number): Promise<SpanRow[]>
  /** As they came, by start. */
  raw(traceId: string, which?: { spanId?: string; types?: SpanType[]; limit?: number }): Promise<RawSpan[]>
  /** A span whose trace is not known. */
  find(spanId: string): Promise<CollectedSpan | undefined>
  facets(): Promise<Facets>
  /** Called after each commit. Gives what ends it. */
  subscribe(listener: (stored: Stored) => void): () => void
  /** Everything that was written is kept. */
  close(): Promise<void>
}
