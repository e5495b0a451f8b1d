/** Keeps the newest sessions in memory, each with its spans in the order of their start. */
import { SESSION_ID, SPAN_KIND } from '../runtime/semconv.ts'
import type { CollectedSpan } from './otlp.ts'

/** A session as it arrived: its spans in the order of their start. */
export interface CollectedSession {
  /** `session.id`, or the trace id for spans of other makers. */
  id: string
  traceId: string
  /** Present once the session has ended: the root is sent last. */
  root?: CollectedSpan
  spans: CollectedSpan[]
}

/** The newest sessions in memory, by `session.id`; what a test reads. */
export class SessionStore {
  readonly #sessions: Map<string, CollectedSession> = new Map()
  readonly #limit: number

  /** `limit`: sessions kept; the oldest goes first. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** All sessions, oldest first. */
  list(): CollectedSession[] {
    return [...this.#sessions.values()]
  }

  get(id: string): CollectedSession | undefined {
    return this.#sessions.get(id)
  }

  clear(): void {
    this.#sessions.clear()
  }

  /** Adds spans; returns the sessions that ended with them. */
  add(spans: readonly CollectedSpan[]): CollectedSession[] {
    const ended: CollectedSession[] = []
    for (const span of spans) {
      const session = this.#sessionOf(span)
      session.spans.push(span)
      if (span.attributes[SPAN_KIND] !== 'session' || session.root) continue
      session.root = span
      ended.push(session)
    }
    for (const { spans } of ended) spans.sort((a, b) => Number(a.start - b.start))
    return ended
  }

  #sessionOf({ attributes, traceId }: CollectedSpan): CollectedSession {
    const id = String(attributes[SESSION_ID] ?? traceId)
    let session = this.#sessions.get(id)
    if (!session) {
      session = { id, traceId, spans: [] }
      this.#sessions.set(id, session)
      const [oldest] = this.#sessions.keys()
      if (this.#sessions.size > this.#limit && oldest !== undefined) this.#sessions.delete(oldest)
    }
    return session
  }
}
