/** A real queue's consumer: what became of each message, and one trace from the Worker that sent it. */
import { describe, expect, onTestFinished, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import type { CollectedSpan } from '../../src/collector/otlp.ts'
import type { Job, TriggersState } from '../fixtures/triggers-worker.ts'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import { waitFor } from '../support/wait.ts'

const backend = useBackend()

interface QueueWorker {
  url: string
  logs: string[]
  post(path: string, body: unknown): Promise<unknown>
  seen(deliveries: number): Promise<TriggersState['seen']>
  state(): Promise<TriggersState>
}

async function start(bindings: Record<string, string> = {}): Promise<QueueWorker> {
  const worker = await backend.start({
    entry: 'test/fixtures/triggers-worker.ts',
    bindings: { GREETING: 'x', ...bindings },
    queueProducers: { JOBS: 'jobs', OTHER: 'other' },
    queueConsumers: { jobs: { maxBatchSize: 10, maxBatchTimeout: 0.2, maxRetries: 5 } },
  })
  onTestFinished(() => worker.stop())
  const { url, logs } = worker
  const state = async (): Promise<TriggersState> => (await fetch(`${url}/state`)).json() as Promise<TriggersState>
  return {
    url,
    logs,
    state,
    post: async (path, body) => (await fetch(url + path, { method: 'POST', body: JSON.stringify(body) })).text(),
    seen: (deliveries) =>
      waitFor(`${deliveries} deliveries`, async () => {
        const { seen } = await state()
        return seen.length >= deliveries && seen
      }),
  }
}

/** Sessions of the consumer that have ended, by the start of their roots. */
function sessions(count: number): Promise<CollectedSession[]> {
  return waitFor(`${count} sessions of the consumer`, () => {
    const found = backend.collector.store.list().filter(({ root }) => root?.name === 'process jobs.session')
    return found.length >= count && found.sort((a, b) => ((a.root?.start ?? 0n) < (b.root?.start ?? 0n) ? -1 : 1))
  })
}

function messagesOf({ spans }: CollectedSession): CollectedSpan[] {
  return spans.filter(({ name }) => name === 'process jobs')
}

function outcomesOf(spans: readonly CollectedSpan[]): unknown[] {
  return spans.map(({ attributes }) => [
    attributes['agentops.message.outcome'],
    attributes['agentops.message.implicit'] ?? false,
    attributes['agentops.message.retry_delay'],
  ])
}

describe('a batch', () => {
  test('is one session with a span a message, each with its outcome', async () => {
    const worker = await start()
    const jobs: Job[] = [{ do: 'ack', n: 1 }, { do: 'retry', n: 2 }, { do: 'retry later', n: 3 }, { n: 4 }]
    await worker.post('/send', jobs)
    const seen = await worker.seen(6)
    // The platform did what the handler asked for.
    expect(seen.map(({ n, attempts }) => [n, attempts]).sort()).toEqual([
      [1, 1],
      [2, 1],
      [2, 2],
      [3, 1],
      [3, 2],
      [4, 1],
    ])
    for (const { keys, batchKeys } of seen) expect([...keys, ...batchKeys]).not.toContain('ack')

    const [first, second, third] = await sessions(3)
    const { root, spans } = first as CollectedSession
    expect(root).toMatchObject({ kind: 5, status: { code: 1 } })
    expect(root?.attributes).toMatchObject({
      'faas.trigger': 'pubsub',
      'messaging.system': 'cloudflare_queues',
      'messaging.destination.name': 'jobs',
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'process',
      'messaging.batch.message_count': 4,
      'agentops.tags': ['queue'],
    })
    const messages = messagesOf(first as CollectedSession)
    expect(outcomesOf(messages)).toEqual([
      ['ack', false, undefined],
      ['retry', false, undefined],
      ['retry', false, 1],
      ['ack', true, undefined],
    ])
    for (const message of messages) {
      expect(message).toMatchObject({ kind: 5, parentSpanId: root?.spanId, status: { code: 1 } })
      expect(message.attributes).toMatchObject({
        'agentops.message.attempts': 1,
        'messaging.system': 'cloudflare_queues',
      })
      expect(message.attributes['messaging.message.id']).toMatch(/^[0-9a-f]+$/)
      expect(message.attributes).not.toHaveProperty('agentops.incomplete')
    }
    // Acknowledged on the way, the last one at the end of the handler.
    expect(messages[0]?.end).toBeLessThanOrEqual(named(spans, 'job 2.tool').start)
    expect(messages[0]?.start).toBeLessThan(named(spans, 'job 1.tool').start)
    expect(messages[3]?.end).toBeGreaterThanOrEqual(named(spans, 'job 4.tool').end)
    // What ctx.waitUntil was given holds the session, not the messages.
    expect(named(spans, 'late.tool').end).toBeLessThanOrEqual(root?.end ?? 0n)
    expect(messages[3]?.end).toBeLessThan(named(spans, 'late.tool').start)
    for (const later of [second, third]) {
      const [message] = messagesOf(later as CollectedSession)
      expect(message?.attributes['agentops.message.attempts']).toBe(2)
    }
    expect((await worker.state()).triggers.filter((kind) => kind !== 'fetch')).toEqual(Array(3).fill('queue batch'))
  })

  test('ackAll and retryAll are the outcome of each message that has none', async () => {
    const worker = await start()
    await worker.post('/send', [
      { do: 'retry', n: 1 },
      { do: 'ackAll', n: 2 },
    ])
    await worker.seen(3)
    const [acked] = await sessions(1)
    expect(outcomesOf(messagesOf(acked as CollectedSession))).toEqual([
      ['retry', false, undefined],
      ['ack', false, undefined],
    ])
    await sessions(2)
    backend.collector.store.clear()

    await worker.post('/send', [{ n: 3 }, { do: 'retryAll', n: 4 }])
    await worker.seen(7)
    const [retried, again] = await sessions(2)
    expect(outcomesOf(messagesOf(retried as CollectedSession))).toEqual([
      ['retry', false, 1],
      ['retry', false, 1],
    ])
    expect(outcomesOf(messagesOf(again as CollectedSession))).toEqual([
      ['ack', true, undefined],
      ['ack', true, undefined],
    ])
  })

  test('whose handler throws is delivered again, and its session says why', async () => {
    const worker = await start()
    await worker.post('/send', [{ do: 'throw', n: 1 }, { n: 2 }])
    expect((await worker.seen(4)).map(({ attempts }) => attempts)).toEqual([1, 1, 2, 2])
    const [failed, again] = await sessions(2)
    expect(failed?.root?.attributes).toMatchObject({
      'agentops.session.end_state': 'Fail',
      'agentops.session.end_state_reason': 'queue boom',
    })
    const messages = messagesOf(failed as CollectedSession)
    expect(outcomesOf(messages)).toEqual(Array(2).fill(['retry', true, undefined]))
    for (const { status } of messages) expect(status).toEqual({ code: 2, message: 'queue boom' })
    expect(again?.root?.status.code).toBe(1)
  })

  test('is processed where the options throw', async () => {
    const worker = await start({ FAIL_OPTIONS: '1' })
    await worker.post('/send', [{ n: 1 }])
    await worker.seen(1)
    await sessions(1)
    expect(worker.logs.join()).toContain('the options function failed')
  })
})

describe('with queueSessions: message', () => {
  test('each message has a session, and one that throws takes no other with it', async () => {
    const worker = await start({ QUEUE_SESSIONS: 'message' })
    await worker.post('/send', [
      { do: 'throw', n: 1 },
      { do: 'ack', n: 2 },
      { do: 'retryAll', n: 3 },
      { do: 'ackAll', n: 4 },
      { n: 5 },
    ])
    const seen = await worker.seen(7)
    expect(seen.map(({ messages }) => messages)).toEqual(Array(7).fill(1))
    expect(seen.slice(0, 5).map(({ n, attempts }) => [n, attempts])).toEqual([1, 2, 3, 4, 5].map((n) => [n, 1]))
    expect(
      seen
        .slice(5)
        .map(({ n, attempts }) => [n, attempts])
        .sort(),
    ).toEqual([
      [1, 2],
      [3, 2],
    ])
    expect(seen[0]?.batchKeys.slice(0, 2)).toEqual(['queue', 'messages'])

    const found = await sessions(7)
    const first = [1, 2, 3, 4, 5].map((n) => {
      const [delivery] = found.filter(
        ({ root, spans }) =>
          root?.attributes['agentops.message.attempts'] === 1 && spans.some(({ name }) => name === `job ${n}.tool`),
      )
      return delivery as CollectedSession
    })
    const roots = first.map(({ root }) => root as CollectedSpan)
    expect(outcomesOf(roots)).toEqual([
      ['retry', true, undefined],
      ['ack', false, undefined],
      ['retry', false, 1],
      ['ack', false, undefined],
      ['ack', true, undefined],
    ])
    const ends = roots.map(({ attributes }) => attributes['agentops.session.end_state'])
    expect(ends).toEqual(['Fail', 'Success', 'Success', 'Success', 'Success'])
    expect(roots[0]?.attributes['agentops.session.end_state_reason']).toBe('queue boom')
    expect(roots[1]?.attributes).not.toHaveProperty('messaging.batch.message_count')
    for (const session of found) {
      expect(messagesOf(session)).toEqual([])
      expect(session.spans.filter(({ name }) => name.startsWith('job '))).toHaveLength(1)
    }
    // One after the other: the second message's handler takes 5 ms.
    const [second, third] = [2, 3].map((n) => named(first[n - 1]?.spans ?? [], `job ${n}.tool`).start)
    expect((third ?? 0n) - (second ?? 0n)).toBeGreaterThan(4_000_000n)
    expect(worker.logs.join()).toContain(
      'queue jobs: the handler threw, and the message is delivered again (RangeError at ',
    )
    expect((await worker.state()).triggers).toContain('queue message')
  })

  test.each(['continue', 'link', 'ignore'] as const)('inbound: %s', async (inbound) => {
    const worker = await start({ QUEUE_SESSIONS: 'message', INBOUND: inbound })
    await worker.post('/send-traced', { n: 7 })
    await worker.seen(1)
    const consumer = await waitFor('the consumer’s root', () =>
      spans().find(({ name }) => name === 'process jobs.session'),
    )
    const producer = await waitFor('the producer’s span', () => spans().find(({ name }) => name === 'produce.tool'))
    if (inbound === 'continue')
      expect(consumer).toMatchObject({ traceId: producer.traceId, parentSpanId: producer.spanId })
    else {
      expect(consumer.traceId).not.toBe(producer.traceId)
      expect(consumer.parentSpanId ?? '').toBe('')
      expect(linksOf(consumer)).toEqual(inbound === 'link' ? [producer.spanId] : [])
    }
  })
})

describe('sendTraced', () => {
  test('links the message’s span to the span that sent it, and gives what the queue gives', async () => {
    const worker = await start()
    expect(JSON.parse((await worker.post('/send-traced', { n: 1, nested: [1] })) as string)).toEqual({
      metadata: 'object',
      logs: 'sent',
    })
    const [delivered] = (await worker.seen(1)) as { body: unknown }[]
    const [consumer] = await sessions(1)
    const producer = await waitFor('the producer’s span', () => spans().find(({ name }) => name === 'produce.tool'))
    expect(delivered?.body).toEqual({ n: 1, nested: [1], traceparent: `00-${producer.traceId}-${producer.spanId}-03` })
    const [message] = messagesOf(consumer as CollectedSession)
    expect(linksOf(message)).toEqual([producer.spanId])
    expect(message?.traceId).not.toBe(producer.traceId)
  })

  test('tracedBody does the same for a sendBatch; messageContext makes a session of that trace', async () => {
    const worker = await start()
    await worker.post('/send-traced-batch', [
      { n: 1 },
      { n: 2, do: 'child' },
      { n: 3, traceparent: 'stale', tracestate: 'a=b' },
    ])
    const seen = await worker.seen(3)
    const [consumer] = await sessions(1)
    const producer = await waitFor('the producer’s span', () => spans().find(({ name }) => name === 'produce.tool'))
    expect(messagesOf(consumer as CollectedSession).map(linksOf)).toEqual(Array(3).fill([producer.spanId]))
    expect(seen[2]?.body).not.toHaveProperty('tracestate')
    const job = await waitFor('the child', () => spans().find(({ name }) => name === 'job.session'))
    expect(job).toMatchObject({ traceId: producer.traceId, parentSpanId: producer.spanId })
  })

  test('sends a body that is no object as it is, and says so once', async () => {
    const worker = await start()
    for (const body of ['text', [1, 2], 7]) await worker.post('/send-traced', body)
    expect((await worker.seen(3)).map(({ body }) => body)).toEqual(['text', [1, 2], 7])
    const logs = await waitFor('the line', () => worker.logs.length > 0 && worker.logs)
    expect(logs.filter((line) => line.includes('expected a plain object'))).toHaveLength(1)
  })
})

describe('waitUntil without a context', () => {
  test('holds the session of the request', async () => {
    const worker = await start()
    expect(await (await fetch(`${worker.url}/wait`)).text()).toBe('waited')
    const { root, spans } = await backend.session(({ root }) => root?.attributes['url.path'] === '/wait')
    expect(named(spans, 'late.tool').end).toBeLessThanOrEqual(root?.end ?? 0n)
    expect(named(spans, 'late.tool').attributes).not.toHaveProperty('agentops.incomplete')
  })

  test('is the platform’s outside a session', async () => {
    const worker = await backend.start({ entry: 'test/fixtures/late-worker.ts' })
    expect(await (await fetch(worker.url)).text()).toBe('waited')
    expect(await waitFor('the late line', () => worker.logs.length > 0 && worker.logs)).toEqual(['late'])
  })

  test('never throws, whatever it is given', async () => {
    const worker = await start()
    expect(await (await fetch(`${worker.url}/wait-nothing`)).text()).toBe('waited')
    await backend.session()
  })
})

function spans(): CollectedSpan[] {
  return backend.collector.store.list().flatMap((session) => session.spans)
}

function linksOf(span: CollectedSpan | undefined): string[] {
  return (span?.links ?? []).map(({ spanId }) => spanId)
}
