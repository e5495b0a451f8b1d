/** Property: whatever is recorded and however the backend behaves, no span is unaccounted for. */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type AgentOpsOptions, createAgentOps, type Drop } from '../../src/index.ts'
import { spoolTo } from '../../src/spool/index.ts'
import { tries } from '../support/properties.ts'
import type { Answer } from '../support/scripted.ts'
import { scripted } from '../support/scripted-client.ts'

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}))
afterEach(() => vi.restoreAllMocks())

const answer: fc.Arbitrary<Answer> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Answer>({}) },
  fc.constantFrom(400, 401, 403, 404, 413, 429, 500, 502, 503, 504, 302).map((status) => ({ status })),
  fc.constant<Answer>({ status: 429, headers: { 'retry-after': '0' } }),
  fc.constant<Answer>({ reset: 'before' }),
  fc.constant<Answer>({ reset: 'after' }),
  fc.constant<Answer>({ hang: true }),
  fc.constant<Answer>({ truncate: true }),
  fc.constant<Answer>({ body: '<html>' }),
  fc.nat(20).map((n) => ({ body: JSON.stringify({ partialSuccess: { rejectedSpans: n } }) })),
  fc.constant<Answer>({ when: 'e3.tool', status: 400 }),
  fc.integer({ min: 2000, max: 50_000 }).map((maxBytes) => ({ maxBytes, status: 413 })),
)

const options = fc.record<AgentOpsOptions>(
  {
    maxQueueSize: fc.integer({ min: 1, max: 60 }),
    maxExportBatchSize: fc.integer({ min: 1, max: 40 }),
    maxExportBytes: fc.integer({ min: 1000, max: 100_000 }),
    maxRequests: fc.integer({ min: 1, max: 15 }),
    retryAttempts: fc.nat(2),
    exportIntervalMs: fc.integer({ min: 1, max: 50 }),
    compression: fc.constantFrom('auto', 'gzip', 'none'),
    spool: fc.constantFrom(
      spoolTo({ put: async () => {} }),
      spoolTo({ put: async () => {}, maxBytes: 1500 }),
      spoolTo({
        put: () => {
          throw new Error('full')
        },
      }),
    ),
  },
  { requiredKeys: [] },
)

/** What the agent does: records an event with so many characters, lets others run, or flushes. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('event' as const), size: fc.nat(3000) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'error' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'wait' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'flush' as const }) },
)

test('every span ends as sent, spooled or dropped with a reason, or is pending, and is accepted at most once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(answer, { maxLength: 8 }),
      options,
      fc.array(step, { maxLength: 30 }),
      fc.nat(3),
      async (answers, given, steps, late) => {
        const backend = await scripted(...answers)
        const drops: Drop[] = []
        const kept: Promise<unknown>[] = []
        const client = createAgentOps({
          endpoint: `${backend.url}/v1/traces`,
          // An answer that comes later is taken for none, and its spans are sent twice.
          exportTimeoutMs: 500,
          flushDeadlineMs: 700,
          onDrop: (drop) => drops.push(drop),
          waitUntil: (promise) => void kept.push(promise),
          ...given,
        })
        const session = client.startSession()
        let spans = 1
        for (const [n, { kind, ...rest }] of steps.entries()) {
          if (kind === 'wait') await new Promise((resolve) => setTimeout(resolve, 3))
          else if (kind === 'flush') await session.flush()
          else if (kind === 'error') session.recordError(new Error(`e${n}`))
          else session.tool(`e${n}`, 'x'.repeat((rest as { size: number }).size), () => n)
          if (kind === 'event' || kind === 'error') spans++
        }
        await session.end()
        for (let n = 0; n < late; n++) session.tool(`late${n}`, () => n)
        // A second end resolves to the first report; a flush to what has become of the late ones.
        const report = await session.flush()
        expect(report.sent + report.spooled + report.dropped + report.pending).toBe(spans + late)
        if (given.spool) expect(report.pending).toBe(0)
        expect(drops.reduce((sum, drop) => sum + drop.spans, 0)).toBe(report.dropped)
        expect(drops.every(({ reason, error }) => reason && error)).toBe(true)
        const requests = await backend.spans()
        if (given.maxRequests) expect(requests.length).toBeLessThanOrEqual(given.maxRequests)
        const accepted = requests.filter((request) => request.accepted).flatMap((request) => request.spans)
        expect(new Set(accepted.map(({ spanId }) => spanId)).size).toBe(accepted.length)
        // Spans of the attempts whose answer never came are the ambiguous ones.
        expect(accepted.length).toBeLessThanOrEqual(spans + late)
        await Promise.all(kept)
      },
    ),
    tries(30),
  )
}, 120_000)
