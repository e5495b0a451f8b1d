/** Outgoing requests of a Worker in workerd: what `fetch` still is, when it has spans, and when it has none. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { type RunningSink, startSink } from '../support/sink.ts'
import type { RunningWorker } from '../support/workerd.ts'

const backend = useBackend()
let worker: RunningWorker
let sink: RunningSink
beforeAll(async () => {
  sink = await startSink()
  worker = await backend.start({ entry: 'test/fixtures/outgoing-worker.ts', miniflare: { r2Buckets: ['BUCKET'] } })
})
afterAll(() => sink.close())

const ask = async (path: string): Promise<string> => (await fetch(`${worker.url}${path}?url=${sink.url}/page`)).text()
const names = ({ spans }: CollectedSession): string[] => spans.map(({ name }) => name)

test('the patched fetch looks and fails like the platform’s, and is patched once', async () => {
  const { same, patched, native } = JSON.parse(await ask('/shape'))
  expect(same).toBe(false)
  expect(patched).toEqual(native)
})

test('outside a session it is the platform’s', async () => {
  expect(JSON.parse(await ask('/outside'))).toEqual({ status: 200, session: false })
  expect(sink.received.at(-1)?.text).not.toContain('traceparent')
})

describe('toggles', () => {
  test.each([
    ['/off', 0],
    ['/llm-only', 0],
    ['/traced', 1],
    ['/hono', 1],
  ])('%s has %i spans of requests', async (path, count) => {
    expect(await ask(path)).toBe('{}')
    const session = await backend.session()
    expect(names(session).filter((name) => name === 'GET 127.0.0.1')).toHaveLength(count)
  })

  test('the exporter’s own requests have none, and cost the session none', async () => {
    await ask('/on')
    const { spans } = await backend.session()
    expect(spans.filter(({ name }) => name.startsWith('POST '))).toEqual([])
    expect(spans.every(({ attributes }) => !`${attributes['url.full'] ?? ''}`.includes('/v1/traces'))).toBe(true)
  })
})

test('@hono/otel’s span is in the session, and the request inside of it', async () => {
  await ask('/hono')
  const { spans, root } = await backend.session()
  const own = spans.find(({ scope }) => scope.name === '@hono/otel')
  expect(own).toMatchObject({ parentSpanId: root?.spanId, attributes: { 'http.response.status_code': 200 } })
  expect(spans.find(({ name }) => name === 'GET 127.0.0.1')?.parentSpanId).toBe(own?.spanId)
})

test('the response keeps its URL, its type, its clone and its readers; one that nobody reads ends with its headers', async () => {
  const answer = JSON.parse(await ask('/on'))
  const url = `${sink.url}/page`
  expect(answer).toEqual({ url: [url, url, url], text: true, bytes: 2, type: 'default' })
  const { spans, root } = await backend.session()
  const calls = spans.filter(({ name }) => name === 'GET 127.0.0.1')
  expect(calls).toHaveLength(3)
  for (const { attributes, status, end } of calls) {
    expect(status.code).toBe(1)
    expect(attributes['agentops.incomplete']).toBeUndefined()
    expect(end).toBeLessThanOrEqual(root?.end ?? 0n)
  }
})

test('what only looks like a model’s API is a request, and its body is its own', async () => {
  expect(JSON.parse(await ask('/look-alikes'))).toEqual(Array(7).fill(200))
  const { spans } = await backend.session()
  expect(spans.filter(({ name }) => name.startsWith('POST '))).toHaveLength(7)
  expect(spans.filter(({ name }) => name.endsWith('.llm'))).toEqual([])
})

test('a session that is not sampled says so to whom it calls, and sends nothing', async () => {
  expect(JSON.parse(await ask('/unsampled'))).toEqual({})
  expect(sink.received.at(-1)?.text).toMatch(/traceparent 00-[0-9a-f]{32}-[0-9a-f]{16}-02/)
  await ask('/on')
  const { root } = await backend.session()
  expect(root?.name).toBe('GET /on.session')
  expect(backend.collector.store.list()).toHaveLength(1)
})

test('the platform takes the body as its own: R2, HTMLRewriter, transforms, tee, pipes', async () => {
  expect(JSON.parse(await ask('/bodies'))).toEqual([2, 2 << 20, '{}', '{}', '{}', '{}', '{}'])
  const { spans } = await backend.session()
  const calls = spans.filter(({ name }) => name === 'GET 127.0.0.1')
  expect(calls.map(({ status, attributes }) => [status.code, attributes['agentops.incomplete']])).toEqual(
    Array(6).fill([1, undefined]),
  )
})
