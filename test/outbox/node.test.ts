/** The outbox in Node: no timer of it decides when something is over. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createAgentOps, type FlushReport } from '../../src/index.ts'
import { startLedger } from '../support/ledger.ts'
import { scripted } from '../support/scripted-client.ts'
import { waitFor } from '../support/wait.ts'

const SENT: FlushReport = { sent: 1, dropped: 0, spooled: 0, pending: 0 }

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

test('two awaited ends settle under fake timers, with one key as with none', async (t) => {
  const ledger = await startLedger(t, () => ({ delayMs: 50 }))
  vi.useFakeTimers()
  for (const key of [undefined, crypto.randomUUID()]) {
    const options = { endpoint: `${ledger.url}/v1/traces`, apiKey: key, apiEndpoint: ledger.url }
    const agentops = createAgentOps({ ...options, mode: 'multi' })
    const sessions = [agentops.startSession(), agentops.startSession()]
    expect(await Promise.all(sessions.map((session) => session.end()))).toEqual([SENT, SENT])
    // Those that may go together wait for each other, and are woken.
    const carried = createAgentOps({ ...options, mode: 'multi', waitUntil: () => {} })
    const several = Array.from({ length: 20 }, () => carried.startSession())
    expect(await Promise.all(several.map((session) => session.end()))).toEqual(Array(20).fill(SENT))
  }
  vi.useRealTimers()
  expect(ledger.traces().size).toBe(44)
  expect(ledger.posts().length).toBeLessThan(15)
})

describe('a script ends with its own exit code', () => {
  beforeAll(async () => {
    await build({
      entryPoints: ['test/fixtures/outbox-script.ts'],
      bundle: true,
      outfile: '.cache/scripts/outbox-script.mjs',
      format: 'esm',
      platform: 'node',
      target: 'node22',
    })
  })
  const run = async (endpoint: string, how: string): Promise<{ code: number; stdout: string; ms: number }> => {
    const begun = performance.now()
    const args = ['.cache/scripts/outbox-script.mjs', endpoint, how]
    const { code = 0, stdout } = (await promisify(execFile)(process.execPath, args, { timeout: 20_000 }).catch(
      (error: { code: number; stdout: string }) => error,
    )) as { code?: number; stdout: string }
    return { code, stdout, ms: performance.now() - begun }
  }

  test.each([
    ['end', 0],
    ['code', 3],
    ['throw', 1],
  ])('%s: %i, with a backend and without', async (how, code) => {
    const { url: nobody, shut } = await startLedger({ onTestFinished })
    await shut()
    const backend = await scripted()
    const sent = await run(`${backend.url}/v1/traces`, how)
    expect(sent).toMatchObject({ code, stdout: `${JSON.stringify(SENT)}\n` })
    expect(await backend.spans()).toHaveLength(2)
    for (const [endpoint, error] of [
      [`${nobody}/v1/traces`, 'ECONNREFUSED'],
      [`${(await scripted({ hang: true })).url}/v1/traces`, 'did not answer in time'],
    ] as const) {
      const left = await run(endpoint, how)
      expect(left.code).toBe(code)
      expect(JSON.parse(left.stdout)).toMatchObject({
        sent: 0,
        dropped: 0,
        pending: 1,
        error: expect.stringContaining(error),
      })
      // Half a second of its own, and what a process takes.
      expect(left.ms).toBeLessThan(6000)
    }
  })
})

test('a server sends what was left behind when its backend is back, with no request of its own', async (t) => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const ledger = await startLedger(t, ({ at }) => ({ status: at < 1000 ? 503 : 200 }))
  const agentops = createAgentOps({ endpoint: `${ledger.url}/v1/traces`, flushDeadlineMs: 200, mode: 'multi' })
  const reports = await Promise.all(Array.from({ length: 5 }, () => agentops.startSession().end()))
  expect(reports.map(({ pending }) => pending)).toEqual(Array(5).fill(1))
  await waitFor('what was left', () => ledger.traces().size === 5)
  expect(Math.max(...ledger.taken().values())).toBe(1)
})

test('sessions that end together are sent in a bounded number of requests at a time', async (t) => {
  const ledger = await startLedger(t, () => ({ delayMs: 100 }))
  const agentops = createAgentOps({ endpoint: `${ledger.url}/v1/traces`, mode: 'multi' })
  const reports = await Promise.all(Array.from({ length: 2000 }, () => agentops.startSession().end()))
  expect(reports.every(({ sent }) => sent === 1)).toBe(true)
  expect(ledger.mostOpen).toBeLessThanOrEqual(36)
})

test('a fetch of one’s own sends its own sessions, and never later', async (t) => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const ledger = await startLedger(t)
  const drops: unknown[] = []
  const endpoint = `${ledger.url}/v1/traces`
  const options = { endpoint, flushDeadlineMs: 300, retryAttempts: 0, onDrop: (drop: unknown) => drops.push(drop) }
  const failing = (): Promise<Response> => Promise.reject(new TypeError('fetch failed'))
  const lost = createAgentOps({ ...options, fetch: failing }).startSession()
  expect(await lost.end()).toMatchObject({ sent: 0, dropped: 1, pending: 0 })
  expect(await createAgentOps(options).startSession().end()).toEqual(SENT)
  expect(ledger.taken().size).toBe(1)
  expect(drops).toEqual([expect.objectContaining({ spans: 1, reason: 'undelivered', traceId: lost.traceId })])
})
