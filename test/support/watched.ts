/** Clients whose sessions are watched: whatever a test does to them, in the end each span is accounted for. */
import { afterEach, beforeEach, expect, vi } from 'vitest'
import { type AgentOps, type AgentOpsOptions, createAgentOps, type Drop, type Session } from '../../src/index.ts'

export const KEY = '11111111-1111-4111-8111-111111111111'

export interface Watched {
  /** What was said during the test. */
  said: string[]
  /** What `onDrop` was given during the test. */
  drops: Drop[]
  /** A client with this key, of whose sessions each span is counted. `destinations`: so many get each span. */
  client(options: AgentOpsOptions, destinations?: number): AgentOps
}

/** Registers the hooks of a test file: silences the console and, after each test, accounts for its spans. */
export function watched(): Watched {
  const said: string[] = []
  const drops: Drop[] = []
  const made = new Map<Session, number>()

  /** Every span is started by a tracer of the session, the root before anybody can see it. */
  const watch = (session: Session, destinations: number): Session => {
    if (made.has(session)) return session
    made.set(session, destinations)
    const { tracer } = session
    const start = tracer.startSpan.bind(tracer)
    tracer.startSpan = (...args) => {
      made.set(session, (made.get(session) ?? 0) + destinations)
      return start(...args)
    }
    return session
  }

  beforeEach(() => {
    said.length = drops.length = 0
    made.clear()
    vi.spyOn(console, 'warn').mockImplementation((line) => void said.push(String(line)))
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    let dropped = 0
    for (const [session, spans] of made) {
      const first = await session.end()
      // What was recorded after the end, too.
      const report = await session.flush()
      expect(report.sent + report.dropped + report.spooled + report.pending, session.name).toBe(spans)
      expect(report.pending).toBe(0)
      expect(JSON.stringify([first, report])).not.toContain(KEY)
      dropped += report.dropped
    }
    expect(drops.reduce((sum, { spans }) => sum + spans, 0)).toBe(dropped)
    expect(said.join() + JSON.stringify(drops)).not.toContain(KEY)
  })

  return {
    said,
    drops,
    client(options, destinations = 1) {
      const client = createAgentOps({ apiKey: KEY, onDrop: (drop) => drops.push(drop), ...options })
      const { startSession, withSession } = client
      client.startSession = (init) => watch(startSession(init), destinations)
      client.withSession = (init, fn) => withSession(init, (session) => fn(watch(session, destinations)))
      return client
    },
  }
}
