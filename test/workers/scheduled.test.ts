/** What a cron trigger, an email and other Workers' invocations start, as the platform starts it. */
import { beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import type { RunningWorker } from '../support/workerd.ts'

const backend = useBackend()
const entry = 'test/fixtures/triggers-worker.ts'

async function schedule(worker: RunningWorker, cron: string): Promise<unknown> {
  const query = new URLSearchParams({ cron, time: '1700000000000', format: 'json' })
  return (await fetch(`${worker.url}/cdn-cgi/local/scheduled?${query}`)).json()
}

async function mail(worker: RunningWorker, to: string): Promise<string> {
  const query = new URLSearchParams({ from: 'ada@example.com', to })
  const lines = ['From: ada@example.com', `To: ${to}`, 'Message-ID: <1@example.com>', 'Subject: secret', '', 'Hello']
  const response = await fetch(`${worker.url}/cdn-cgi/local/email?${query}`, {
    method: 'POST',
    body: lines.join('\r\n'),
  })
  return `${response.status} ${await response.text()}`
}

describe('a cron trigger', () => {
  let worker: RunningWorker
  beforeAll(async () => {
    worker = await backend.start({ entry, bindings: { GREETING: 'world' } })
  })

  test('gets a session that says what fired and when, and waits for what ctx.waitUntil was given', async () => {
    expect(await schedule(worker, '*/5 * * * *')).toMatchObject({ outcome: 'ok' })
    const { root, spans } = await backend.session()
    expect(root).toMatchObject({ name: 'scheduled.session', kind: 1, status: { code: 1 } })
    expect(root?.attributes).toMatchObject({
      'faas.trigger': 'timer',
      'faas.cron': '*/5 * * * *',
      'faas.time': '2023-11-14T22:13:20.000Z',
      'agentops.tags': ['scheduled'],
      'agentops.session.end_state': 'Success',
    })
    expect(named(spans, 'cleanup.tool').attributes['tool.result']).toBe('hello world */5 * * * *')
    expect(named(spans, 'late.tool').parentSpanId).toBe(root?.spanId)
    expect(named(spans, 'late.tool').end).toBeLessThanOrEqual(root?.end ?? 0n)
  })

  test('whose handler throws fails on the platform, too, and its session says why', async () => {
    expect(await schedule(worker, '1 1 1 1 1')).toMatchObject({ outcome: 'exception' })
    const { root } = await backend.session()
    expect(root?.attributes).toMatchObject({
      'agentops.session.end_state': 'Fail',
      'agentops.session.end_state_reason': 'scheduled boom',
      'error.type': 'RangeError',
    })
  })
})

test('options that throw do not keep a cron trigger from running', async () => {
  const worker = await backend.start({ entry, bindings: { GREETING: 'you', FAIL_OPTIONS: '1' } })
  expect(await schedule(worker, '* * * * *')).toMatchObject({ outcome: 'ok' })
  const { root, spans } = await backend.session()
  expect(root?.resource['service.name']).toBe('unknown_service')
  expect(named(spans, 'cleanup.tool').attributes['tool.result']).toBe('hello you * * * * *')
})

test('an email gets a session that knows its size and no address', async () => {
  const worker = await backend.start({ entry, bindings: { GREETING: 'x' } })
  expect(await mail(worker, 'desk@example.com')).toMatch(/^200/)
  const { root, spans } = await backend.session()
  const size = root?.attributes['agentops.email.size']
  expect(root).toMatchObject({ name: 'email.session', attributes: { 'faas.trigger': 'other' } })
  expect(size).toBeGreaterThan(80)
  expect(named(spans, 'read.tool').attributes['tool.result']).toBe(String(size))
  expect(JSON.stringify(spans.map(({ attributes }) => attributes))).not.toMatch(/example\.com|secret/)

  backend.collector.store.clear()
  expect(await mail(worker, 'nobody@example.com')).toMatch(/^400.*unknown/s)
  expect((await backend.session()).root?.attributes['agentops.session.end_state']).toBe('Success')
})

test('a tail Worker gets a session that counts what it was told', async () => {
  const worker = await backend.start({
    entry: 'test/fixtures/plain-worker.ts',
    tailEntry: entry,
    bindings: { GREETING: 'x' },
  })
  await fetch(`${worker.url}/this`)
  const { root, spans } = await backend.session(({ root }) => root?.name === 'tail.session')
  expect(root?.attributes).toMatchObject({
    'agentops.tail.items': 1,
    'faas.trigger': 'other',
    'agentops.tags': ['tail'],
  })
  expect(named(spans, 'count.tool').attributes['tool.result']).toBe('1')
})
