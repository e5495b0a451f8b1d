/** A Worker whose endpoint answers 503 and its Tail Worker, which the same endpoint takes everything from. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createAgentOps } from '../../src/index.ts'
import { drainTail, tailSpool } from '../../src/spool/index.ts'
import type { Said } from '../fixtures/tail-worker.ts'
import { startLedger } from '../support/ledger.ts'
import type { Answer } from '../support/scripted.ts'
import { type Scripted, script, scripted } from '../support/scripted-client.ts'
import { acceptedOf } from '../support/spool.ts'
import { waitFor } from '../support/wait.ts'
import { type RunningWorker, startWorker, type WorkerOptions } from '../support/workerd.ts'

const FROM_TAIL: Answer = { header: 'x-from' }
const DOWN: Answer = { status: 503 }

interface TailWorker extends RunningWorker {
  ask(...texts: (string | number)[]): Promise<string>
  said(): Said[]
}

async function start(
  backend: Scripted,
  options: object = {},
  bindings: Record<string, string> = {},
  more: Partial<WorkerOptions> = {},
): Promise<TailWorker> {
  const entry = 'test/fixtures/tail-worker.ts'
  const worker = await startWorker({
    entry,
    tailEntry: entry,
    compatibilityFlags: ['nodejs_compat'],
    bindings: { OPTIONS: JSON.stringify({ endpoint: `${backend.url}/v1/traces`, ...options }), ...bindings },
    ...more,
  })
  onTestFinished(() => worker.stop())
  return {
    ...worker,
    said: () => worker.logs.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Said),
    async ask(...texts) {
      const response = await fetch(`${worker.url}/ask`, { method: 'POST', body: JSON.stringify(texts) })
      return response.text()
    },
  }
}

const namesOf = async (backend: Scripted): Promise<string[]> => [...(await acceptedOf(backend)).values()].flat().sort()
const arrived = (backend: Scripted, spans: number): Promise<string[]> =>
  waitFor(`${spans} spans`, async () => {
    const names = await namesOf(backend)
    return names.length >= spans && names
  })
/** Requests that the Worker made itself, and those of its Tail Worker. */
async function requests(backend: Scripted): Promise<{ own: number; tail: number }> {
  const received = await backend.received()
  const tail = received.filter(({ headers }) => 'x-from' in headers).length
  return { own: received.length - tail, tail }
}

describe('what the Worker cannot send, its Tail Worker sends', () => {
  test('each span once, after one attempt, with no further request of the Worker', async () => {
    const backend = await scripted(FROM_TAIL, DOWN)
    const worker = await start(backend)
    await worker.ask('a', 'b')
    expect(await arrived(backend, 3)).toEqual(['POST /ask.session', 'tool a.tool', 'tool b.tool'])
    expect(await requests(backend)).toEqual({ own: 1, tail: 1 })
    const said = await waitFor('the reports', () => worker.said().length >= 2 && worker.said())
    expect(said).toEqual([
      { report: { sent: 0, dropped: 0, spooled: 3, pending: 0 } },
      { drained: { sent: 3, dropped: 0, spooled: 0, pending: 0 } },
    ])
  })

  test('what had finished before a throw, too', async () => {
    const backend = await scripted(FROM_TAIL, DOWN)
    const worker = await start(backend)
    expect((await fetch(`${worker.url}/throw`)).status).toBe(500)
    const names = await arrived(backend, 3)
    expect(names).toEqual(['GET.session', 'tool one.tool', 'tool two.tool'])
    expect(await requests(backend)).toEqual({ own: 1, tail: 1 })
  })

  test('of an invocation that is thrown away, what was published before', async () => {
    const backend = await scripted(FROM_TAIL, DOWN)
    const worker = await start(backend, { exportIntervalMs: 100 })
    await fetch(`${worker.url}/abort`)
    expect(await arrived(backend, 1)).toEqual(['tool published.tool'])
    await waitFor('the tail', () => worker.said().some(({ drained }) => drained))
    expect(await namesOf(backend)).toEqual(['tool published.tool'])
  })

  test('and of one that has no request left but its root’s, what it had finished', async () => {
    const backend = await scripted({})
    const worker = await start(backend, { exportIntervalMs: 100, maxRequests: 1 })
    await fetch(`${worker.url}/abort`)
    expect(await arrived(backend, 1)).toEqual(['tool published.tool'])
    expect(await requests(backend)).toEqual({ own: 0, tail: 1 })
  })

  test('while the destination is left alone, what others finish is published at once, with no request', async () => {
    const backend = await scripted(FROM_TAIL, { ...DOWN, headers: { 'retry-after': '20' } })
    const worker = await start(backend)
    await worker.ask('a')
    await arrived(backend, 2)
    await worker.ask('b')
    expect(await arrived(backend, 4)).toEqual([...Array(2).fill('POST /ask.session'), 'tool a.tool', 'tool b.tool'])
    expect(await requests(backend)).toEqual({ own: 1, tail: 2 })
  })

  test('from a backend that answers, nothing is published', async () => {
    const backend = await scripted()
    const worker = await start(backend)
    await worker.ask('a')
    await arrived(backend, 2)
    await waitFor('the tail', () => worker.said().some(({ drained }) => drained))
    expect(await requests(backend)).toEqual({ own: 1, tail: 0 })
  })

  test('AgentOps v2: the session is created, filled and updated', async () => {
    const backend = await scripted()
    const endpoints = ['create_session', 'create_events', 'update_session']
    for (const endpoint of endpoints) await script(`${backend.url}-${endpoint}`, [FROM_TAIL, DOWN])
    const options = { apiKey: '22222222-2222-4222-8222-222222222222', apiEndpoint: backend.url }
    const worker = await start(backend, options, { V2: 'true' })
    await worker.ask('a')
    await waitFor('the update', async () => (await requests(backend)).tail === 3)
    const paths = (await backend.received()).map(({ path, answered }) => `${path} ${answered}`)
    expect(paths).toEqual(['/v2/create_session 503', ...endpoints.map((endpoint) => `/v2/${endpoint} 200`)])
  })
})

describe('limits', () => {
  test('a batch larger than a message goes as several, up to what an invocation may publish', async () => {
    const backend = await scripted(FROM_TAIL, DOWN)
    const worker = await start(backend)
    await worker.ask(...Array(20).fill(10_000))
    expect(await arrived(backend, 21)).toHaveLength(21)
    const { own, tail } = await requests(backend)
    expect(own).toBe(1)
    expect(tail).toBeGreaterThan(1)
    expect(worker.logs.join()).not.toContain('tailSpool')
  })

  test('what is more is said and goes the usual way', async () => {
    const backend = await scripted(FROM_TAIL, DOWN, {})
    const worker = await start(backend)
    await worker.ask(...Array(40).fill(10_000))
    expect(await arrived(backend, 41)).toHaveLength(41)
    const { own, tail } = await requests(backend)
    expect(own).toBe(2)
    expect(tail).toBeGreaterThan(0)
    const line = /tailSpool: \d+ spans are sent as if there were no spool: .*240000 bytes at most/
    expect(worker.logs.filter((said) => line.test(said))).toHaveLength(1)
    const reports = worker.said().flatMap(({ report }) => report ?? [])
    const { sent = 0, spooled = 0, dropped } = reports.at(-1) ?? {}
    expect(sent + spooled).toBe(41)
    expect(sent).toBeGreaterThan(0)
    expect(spooled).toBeGreaterThan(0)
    expect(dropped).toBe(0)
  })

  test('one span that is larger than a message goes the usual way alone', async () => {
    const backend = await scripted(FROM_TAIL, DOWN, {})
    const worker = await start(backend)
    await worker.ask('a', 200_000, 'b')
    expect(await arrived(backend, 4)).toHaveLength(4)
    const own = (await backend.received()).filter(({ headers }) => !('x-from' in headers))
    expect(own).toHaveLength(2)
    expect(own[1]?.body.match(/"name":/g)).toHaveLength(2)
    expect(worker.logs.join()).toMatch(/tailSpool: 1 spans are sent .*180000 bytes/)
  })

  test('the sessions of one invocation share what it may publish', async () => {
    const backend = await scripted(FROM_TAIL, DOWN, DOWN, DOWN, {})
    const worker = await start(
      backend,
      {},
      {},
      {
        queueProducers: { WORK: 'work' },
        queueConsumers: { work: { maxBatchSize: 3, maxBatchTimeout: 0.2 } },
      },
    )
    const messages = Array(3).fill(Array(12).fill(10_000))
    await fetch(`${worker.url}/work`, { method: 'POST', body: JSON.stringify(messages) })
    // Three messages, and the request that sent them.
    expect((await arrived(backend, 40)).filter((name) => name.startsWith('tool'))).toHaveLength(36)
    expect(worker.logs.join()).toMatch(/tailSpool: \d+ spans are sent as if there were no spool/)
    expect(worker.logs.join()).not.toContain('more than 256 KiB')
  })

  test('what the platform drops, as the Worker has logged too much, is said by the Tail Worker', async () => {
    const backend = await scripted(FROM_TAIL, DOWN, {})
    const worker = await start(backend, {}, { TAIL_SPOOL: '{ "maxInvocationBytes": 400000 }' })
    await worker.ask(...Array(40).fill(10_000))
    const line = (): boolean => worker.logs.some((said) => said.includes('drainTail: an invocation has logged'))
    await waitFor('a word', line)
  })
})

describe('where there is no channel, or nobody listens', () => {
  test('a Worker without nodejs_compat works; it is said once, and everything goes the usual way', async () => {
    const backend = await scripted(FROM_TAIL, DOWN, {})
    const worker = await start(backend, {}, {}, { compatibilityFlags: ['nodejs_als'] })
    await worker.ask('a')
    await worker.ask('b')
    expect(await arrived(backend, 4)).toHaveLength(4)
    expect((await requests(backend)).tail).toBe(0)
    const lines = worker.logs.filter((line) => line.includes('node:diagnostics_channel is missing'))
    expect(lines).toEqual([expect.stringContaining('nodejs_compat')])
  })

  test('in Node nobody listens: it is said, and everything goes the usual way', async () => {
    const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    onTestFinished(() => said.mockRestore())
    const backend = await scripted(DOWN, {})
    const one = createAgentOps({ endpoint: `${backend.url}/v1/traces`, spool: tailSpool() }).startSession()
    one.tool('t', () => 1)
    expect(await one.end()).toEqual({ sent: 2, dropped: 0, spooled: 0, pending: 0 })
    expect(said.mock.calls.join()).toContain('only Cloudflare has Tail Workers')
  })
})

describe('the Tail Worker’s own outage', () => {
  test('what it cannot send waits in its isolate for its next invocation', async () => {
    const backend = await scripted(DOWN)
    const worker = await start(backend, { retryAttempts: 0 })
    await worker.ask('a')
    await waitFor('a drain', () => worker.said().some(({ drained }) => drained?.pending === 2))
    await script(backend.url, [{}])
    await worker.ask('b')
    expect(await arrived(backend, 4)).toEqual([...Array(2).fill('POST /ask.session'), 'tool a.tool', 'tool b.tool'])
    await waitFor('the last', () => worker.said().some(({ drained }) => drained?.pending === 0))
    expect(
      worker
        .said()
        .flatMap(({ drained }) => drained ?? [])
        .at(-1),
    ).toMatchObject({ pending: 0, dropped: 0 })
    expect(worker.logs.filter((line) => line.includes('drainTail: 2 spans wait'))).toHaveLength(1)
  })

  test('it tries again inside its time', async () => {
    const backend = await scripted(DOWN, DOWN, {})
    const worker = await start(backend)
    await worker.ask('a')
    expect(await arrived(backend, 2)).toHaveLength(2)
    expect(await requests(backend)).toEqual({ own: 1, tail: 2 })
  })

  test('what was tried least goes first: a batch that always fails holds up no other', async (t) => {
    const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const messages: unknown[] = []
    const keep = (message: unknown): void => void messages.push(message)
    subscribe('agentops-edge.spool', keep)
    t.onTestFinished(() => {
      unsubscribe('agentops-edge.spool', keep)
      said.mockRestore()
    })
    let failsFor = /session/
    const ledger = await startLedger(t, ({ spans }) => ({
      status: spans.some(({ name }) => failsFor.test(name)) ? 503 : 200,
    }))
    const options = { endpoint: `${ledger.url}/v1/traces`, retryAttempts: 0, mode: 'multi' as const }
    for (const name of ['poison', 'a', 'b']) {
      await createAgentOps({ ...options, spool: tailSpool() })
        .startSession({ name })
        .end()
    }
    failsFor = /poison/
    const drain = (...published: unknown[]): ReturnType<typeof drainTail> => {
      const events = published.map((message) => ({ channel: 'agentops-edge.spool', message }))
      return drainTail([{ diagnosticsChannelEvents: events }], options)
    }
    expect(await drain(...messages)).toMatchObject({ sent: 0, pending: 3 })
    expect(await drain()).toMatchObject({ sent: 2, pending: 1 })
    expect(ledger.traces().size).toBe(2)
    failsFor = /nothing/
    expect(await drain()).toMatchObject({ sent: 1, pending: 0 })
  })

  test('it goes to a spool of its own, where it has one', async () => {
    const backend = await scripted(DOWN)
    const worker = await start(backend, { retryAttempts: 0 }, { TAIL_OPTIONS: '{ "keeps": true }' })
    await worker.ask('a')
    await waitFor('a spool', () => worker.said().some(({ kept }) => kept === 2))
    const drained = await waitFor('a drain', () => worker.said().find(({ drained }) => drained))
    expect(drained.drained).toMatchObject({ sent: 0, dropped: 0, spooled: 2, pending: 0 })
  })

  test('for a destination that its configuration does not name there is no way', async () => {
    const [backend, other] = [await scripted(DOWN), await scripted()]
    const TAIL_OPTIONS = JSON.stringify({ endpoint: `${other.url}/v1/traces` })
    const worker = await start(backend, { retryAttempts: 0 }, { TAIL_OPTIONS })
    await worker.ask('a')
    const drained = await waitFor('a drain', () => worker.said().find(({ drained }) => drained))
    expect(drained.drained).toMatchObject({ sent: 0, dropped: 2, pending: 0 })
    expect(worker.logs.join()).toContain(`no destination is configured for ${backend.url}/v1/traces`)
    expect(await other.received()).toEqual([])
  })

  test('what is on the channel and no message of a spool is dropped alone', async () => {
    const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    onTestFinished(() => said.mockRestore())
    const backend = await scripted()
    const events = [1, 'text', null, { version: 1, spans: 1e8 }].map((message) => ({
      channel: 'agentops-edge.spool',
      message,
    }))
    const items = [{ diagnosticsChannelEvents: [...events, { channel: 'another', message: {} }] }, {}]
    expect(await drainTail(items, { endpoint: `${backend.url}/v1/traces` })).toMatchObject({ sent: 0, dropped: 4 })
  })
})
