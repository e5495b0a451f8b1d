/** A session lives as long as its work, and the client notices nothing: each route is called plain and instrumented. */
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import { leastGrowth } from '../support/heap.ts'
import { waitFor } from '../support/wait.ts'
import type { RunningWorker, WorkerOptions } from '../support/workerd.ts'

const backend = useBackend()
const DATE = '2025-09-01'
const start = (
  entry: 'plain' | 'worker',
  options: object = {},
  more: Partial<WorkerOptions> = {},
): Promise<RunningWorker> =>
  backend.start({
    entry: `test/fixtures/lifetime-${entry}.ts`,
    compatibilityDate: DATE,
    bindings: { OPTIONS: JSON.stringify({ workDeadlineMs: 1000, ...options }) },
    ...more,
  })

let plain: RunningWorker
let worker: RunningWorker
beforeAll(async () => {
  plain = await start('plain')
  worker = await start('worker')
})

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const msOf = ({ start, end }: { start: bigint; end: bigint }): number => Number(end - start) / 1e6
const bodyEnd = ({ root }: CollectedSession): unknown => root?.attributes['agentops.response.body_end']

/** What a client sees, byte by byte, below `fetch`, which decodes and joins. */
interface Seen {
  status: number
  headers: Record<string, unknown>
  body: string
  /** When each chunk came, ms after the request. */
  at: number[]
}

function ask(url: string, method = 'GET'): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const sent = httpRequest(url, { method, headers: { 'accept-encoding': 'gzip' } }, (response) => {
      const chunks: Buffer[] = []
      const at: number[] = []
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        at.push(performance.now() - started)
      })
      response.on('end', () => {
        const { date, ...headers } = response.headers
        resolve({ status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks).toString('base64'), at })
      })
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** A raw client that has got some of the response. */
function dial(url: string, path: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`)
  return new Promise((resolve) => {
    let got = ''
    socket.on('data', (chunk) => {
      got += chunk
      if (got.includes('data: 0')) resolve(socket)
    })
  })
}

describe('streams', () => {
  test('SSE of 20 chunks over 3 s: bytes and pace as without us, the spans made meanwhile are whole', async () => {
    const [expected, seen] = await Promise.all([ask(`${plain.url}/sse`), ask(`${worker.url}/sse`)])
    const { at, ...rest } = seen
    expect({ ...expected, at: [] }).toEqual({ ...rest, at: [] })
    expect(Buffer.from(seen.body, 'base64').toString()).toContain('data: 19')
    // The first byte comes at once, not with the others.
    expect(at[0]).toBeLessThan(1500)
    expect((at.at(-1) ?? 0) - (at[0] ?? 0)).toBeGreaterThan(2500)
    const session = await backend.session()
    expect(msOf(session.root as never)).toBeGreaterThan(2800)
    for (const n of [2, 10, 18]) expect(msOf(named(session.spans, `step ${n}.tool`))).toBeGreaterThanOrEqual(95)
    expect(session.spans).toHaveLength(4)
    expect(bodyEnd(session)).toBe('complete')
  })

  test('a stream longer than the keepalive: the session ends with it, what is finished is sent before', async () => {
    const asked = ask(`${worker.url}/sse`)
    // `workDeadlineMs` is a second here; the first export comes on its interval.
    await waitFor('an early export', () => backend.requests.length > 0)
    expect(backend.collector.store.list().some(({ root }) => root)).toBe(false)
    await asked
    expect(msOf((await backend.session()).root as never)).toBeGreaterThan(2800)
  })

  test('an invocation that the platform cuts in mid-stream has lost its tail only', async () => {
    const cut = await start('worker', { exportIntervalMs: 200 })
    const asked = ask(`${cut.url}/sse`).catch(() => 'cut')
    const spansNow = (): string[] =>
      backend.collector.store.list().flatMap(({ spans }) => spans.map(({ name }) => name))
    await waitFor('the first step', () => spansNow().includes('step 2.tool'))
    await cut.stop()
    await asked
    expect(spansNow()).toEqual(['step 2.tool'])
  })

  test('a reader that cancels', async () => {
    const response = await fetch(`${worker.url}/endless`)
    const reader = response.body?.getReader()
    for (let n = 0; n < 3; n++) await reader?.read()
    await reader?.cancel()
    const session = await backend.session()
    expect(bodyEnd(session)).toBe('cancelled')
    expect(session.root?.attributes['agentops.session.end_state']).toBe('Success')
    named(session.spans, 'endless.tool')
  })

  describe.each([
    ['without request.signal', ['nodejs_als']],
    ['with request.signal', ['nodejs_als', 'enable_request_signal']],
  ])('a TCP reset in mid-stream, %s', (_, compatibilityFlags) => {
    test.each([
      [false, 'Success'],
      [true, 'Fail'],
    ])('failOnDisconnect %s: the session is delivered as %s', async (failOnDisconnect, state) => {
      const { url } = await start('worker', { failOnDisconnect }, { compatibilityFlags })
      const socket = await dial(url, '/endless')
      await sleep(200)
      socket.resetAndDestroy()
      const session = await backend.session()
      expect(bodyEnd(session)).toBe('cancelled')
      expect(session.root?.attributes['agentops.session.end_state']).toBe(state)
      named(session.spans, 'endless.tool')
    })

    test('while the source is silent', async () => {
      const { url } = await start('worker', {}, { compatibilityFlags })
      const socket = await dial(url, '/silent')
      socket.resetAndDestroy()
      await waitFor('the finished span', () => backend.requests.length > 0)
      // Nothing is written, so that nobody but the signal can tell.
      if (compatibilityFlags.length > 1) expect(bodyEnd(await backend.session())).toBe('cancelled')
    })
  })

  test('a source that makes an event in its third pull', async () => {
    await ask(`${worker.url}/pull`)
    const { root, spans } = await backend.session()
    expect(named(spans, 'third pull.tool').parentSpanId).toBe(root?.spanId)
  })

  test('a source that breaks: the client sees it break, the session fails with its reason', async () => {
    const broken = (url: string): Promise<string> =>
      ask(`${url}/breaks`).then(
        () => 'whole',
        ({ code }) => code,
      )
    expect(await broken(worker.url)).toBe(await broken(plain.url))
    const session = await backend.session()
    expect(session.root?.attributes['agentops.session.end_state_reason']).toBe('source broke')
    expect(bodyEnd(session)).toBe('error')
  })
})

describe('responses are as without us', () => {
  test.each([
    ['GET', '/status?code=200'],
    ['GET', '/status?code=204'],
    ['GET', '/status?code=205'],
    ['GET', '/status?code=304'],
    ['HEAD', '/status?code=200'],
    ['HEAD', '/stream?parts=3&every=10'],
    ['GET', '/stream?parts=0&every=1'],
    ['GET', '/stream?parts=5&every=1'],
    ['GET', '/gzip'],
    ['GET', '/gzip-stream'],
    ['GET', '/fixed'],
    ['GET', '/bytes'],
    ['GET', '/lazy'],
    ['GET', '/detached'],
    ['GET', '/rejected'],
  ])('%s %s', async (method, path) => {
    const [expected, seen] = [await ask(plain.url + path, method), await ask(worker.url + path, method)]
    expect({ ...seen, at: 0 }).toEqual({ ...expected, at: 0 })
    expect((await backend.session()).root?.attributes['http.response.status_code']).toBe(expected.status)
  })

  test('101: the WebSocket works, its session ends with the upgrade', async () => {
    for (const { url } of [plain, worker]) {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/websocket`)
      const answer = new Promise((resolve) => socket.addEventListener('message', ({ data }) => resolve(data)))
      socket.addEventListener('open', () => socket.send('hi'))
      expect(await answer).toBe('echo hi')
      socket.close()
    }
    expect((await backend.session()).root?.attributes['http.response.status_code']).toBe(101)
  })
})

describe('waitUntil', () => {
  test('a span in it belongs to the session, which ends after it', async () => {
    const asked = await ask(`${worker.url}/wait-until`)
    expect(asked.at[0]).toBeLessThan(1000)
    const { root, spans } = await backend.session()
    const span = named(spans, 'in waitUntil.tool')
    expect(span.parentSpanId).toBe(root?.spanId)
    expect(root?.end).toBeGreaterThanOrEqual(span.end)
    expect(root?.attributes['agentops.incomplete']).toBeUndefined()
  })

  test('nested', async () => {
    await ask(`${worker.url}/nested`)
    const { root, spans } = await backend.session()
    expect(root?.end).toBeGreaterThanOrEqual(named(spans, 'inner.tool').end)
    named(spans, 'outer.tool')
  })

  test('one that hangs: what is finished goes out at once, the root at the deadline', async () => {
    await ask(`${worker.url}/hung`)
    await waitFor('the finished span', () => backend.requests.length > 0)
    expect(backend.collector.store.list().some(({ root }) => root)).toBe(false)
    const { root, spans } = await backend.session()
    expect(msOf(root as never)).toBeGreaterThan(900)
    named(spans, 'finished.tool')
  })

  test('a span after the session has ended is still sent', async () => {
    const { url } = await start('worker', { workDeadlineMs: 200 })
    await ask(`${url}/late`)
    const { spans } = await backend.session(({ spans }) => spans.length === 2)
    named(spans, 'late.tool')
  })

  test('a context that is used for 1,000 calls keeps nothing of them', async () => {
    const { url, heapUsed } = await start('worker', {}, { inspect: true })
    const settled = async (): Promise<number> => {
      await ask(`${url}/reuse?calls=1000&path=/status?code=200`)
      const count = (): number => backend.requests.length
      // Sessions that wait for each other look again within a second.
      for (let before = -1; before < count(); await sleep(1500)) before = count()
      return heapUsed()
    }
    await settled()
    // A session that was kept would be 10 KB.
    expect((await leastGrowth(settled)) / 1000).toBeLessThan(200)
  })

  test('a context that is used for many calls has one session a call', async () => {
    const { url, logs } = await start('worker')
    await ask(`${url}/reuse?calls=20&path=/pull`)
    const pulled = (): CollectedSession[] =>
      backend.collector.store.list().filter(({ root }) => root?.attributes['url.path'] === '/pull')
    await waitFor('all sessions', () => pulled().length === 20)
    for (const { spans } of pulled()) named(spans, 'third pull.tool')
    expect(logs).toEqual([])
  })
})
