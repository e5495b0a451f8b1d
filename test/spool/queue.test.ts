import { type AddressInfo, connect as connectTo, createServer, type Server, type Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import type { SpoolMessage } from '../../src/spool/index.ts'
import type { Answer } from '../support/scripted.ts'
import { type Scripted, script, scripted } from '../support/scripted-client.ts'
import { accepted, acceptedOf, type SpoolWorker, startSpoolWorker, tracesOf } from '../support/spool.ts'
import { waitFor } from '../support/wait.ts'

const KEY = '22222222-2222-4222-8222-222222222222'
const DOWN: Answer[] = [{ status: 503 }]
const UP: Answer[] = [{}]
/** A queue takes its time. */
const QUEUE_LIMIT_MS = 20_000

/** Waits until every message has been delivered to the consumer at least so often. */
async function delivered(worker: SpoolWorker, messages: number, times: number): Promise<number[]> {
  return waitFor(
    `delivery ${times} of ${messages} messages`,
    async () => {
      const attempts = Object.values((await worker.state()).attempts)
      return attempts.length >= messages && Math.min(...attempts) >= times && attempts
    },
    QUEUE_LIMIT_MS,
  )
}

/** Waits until the backend has accepted so many spans. */
async function arrived(backend: Scripted, spans: number): Promise<Map<string, string[]>> {
  return waitFor(
    `${spans} spans`,
    async () => {
      const names = await acceptedOf(backend)
      return [...names.values()].flat().length >= spans && names
    },
    QUEUE_LIMIT_MS,
  )
}

/** Sessions, some at a time; gives their ids and the median of their latencies. */
async function askMany(worker: SpoolWorker, count: number): Promise<{ sessions: string[]; medianMs: number }> {
  const sessions: string[] = []
  const latencies: number[] = []
  const askOne = async (): Promise<void> => {
    const start = performance.now()
    // Throws where the answer is not 200.
    const session = await worker.ask('cats')
    latencies.push(performance.now() - start)
    sessions.push(session)
  }
  while (sessions.length < count) await Promise.all(Array.from({ length: 6 }, askOne))
  latencies.sort((a, b) => a - b)
  return { sessions, medianMs: latencies[count >> 1] ?? Number.NaN }
}

/** How often a message is delivered again within an hour by `drainSpool`'s own schedule: 10, 20, 40… up to 600 s. */
function deliveriesInAnHour(): number {
  let deliveries = 1
  for (let delay = 10, time = delay; time <= 3600; time += delay) {
    deliveries++
    delay = Math.min(delay * 2, 600)
  }
  return deliveries
}

/** A port where nobody listens until `open`, which leads to the scripted backend. */
async function closedPort(): Promise<{ origin: string; open(): Promise<void> }> {
  const { hostname, port: target } = new URL(inject('backendUrl'))
  const sockets = new Set<Socket>()
  const listen = (port: number): Promise<Server> =>
    new Promise((resolve, reject) => {
      const server = createServer((socket) => {
        const onward = connectTo(Number(target), hostname)
        for (const end of [socket, onward]) {
          sockets.add(end)
          end.on('error', () => {
            socket.destroy()
            onward.destroy()
          })
        }
        socket.pipe(onward).pipe(socket)
      })
      server.once('error', reject)
      server.listen(port, '127.0.0.1', () => resolve(server))
    })
  const first = await listen(0)
  const { port } = first.address() as AddressInfo
  await new Promise((resolve) => first.close(resolve))
  return {
    origin: `http://127.0.0.1:${port}`,
    async open() {
      const server = await listen(port)
      onTestFinished(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
    },
  }
}

describe('an outage of an hour loses nothing and shows nowhere in the responses', () => {
  const SESSIONS = 60
  const SPANS_EACH = 3

  test('the hour is eleven deliveries', () => expect(deliveriesInAnHour()).toBe(11))

  test.each(['503', 'connection refused', 'hang'])('%s', async (fault) => {
    const backend = await scripted(fault === 'hang' ? { hang: true } : { status: 503 })
    const healthy = await scripted()
    const port = await closedPort()
    const endpoint =
      fault === 'connection refused' ? backend.url.replace(inject('backendUrl'), port.origin) : backend.url
    const toAll = { endpoint: `${endpoint}/v1/traces`, exportTimeoutMs: fault === 'hang' ? 150 : 5000 }
    // Sessions that wait for the same backend are not each tried. A drain as short would be cut off in the middle of a request.
    const options = { ...toAll, flushDeadlineMs: 1000 }
    const worker = await startSpoolWorker({ options, drainOptions: toAll })
    const usual = await startSpoolWorker({ options: { ...options, endpoint: `${healthy.url}/v1/traces` } })

    const { sessions, medianMs } = await askMany(worker, SESSIONS)
    const attempts = await delivered(worker, SESSIONS, deliveriesInAnHour())
    expect(attempts).toHaveLength(SESSIONS)
    expect(await acceptedOf(backend)).toEqual(new Map())
    if (fault === 'connection refused') {
      expect(await backend.received()).toEqual([])
      await script(backend.url, UP)
      await port.open()
    } else {
      // A timeout as short as a hang needs here would give up on a busy machine's answers, too, and send those spans twice.
      await script(backend.url, DOWN)
      await worker.bePatient()
      await delivered(worker, SESSIONS, Math.max(...Object.values((await worker.state()).attempts)) + 2)
      await script(backend.url, UP)
    }

    const names = await arrived(backend, SESSIONS * SPANS_EACH)
    expect([...names.keys()].sort()).toEqual(tracesOf(sessions))
    for (const spans of names.values()) expect(spans).toEqual(['POST /ask.session', 'chat.llm', 'tool cats.tool'])

    // Each span is counted once by its session and once by the consumer, and nothing is left behind.
    const { reports, drops, drainDrops, drained } = await waitFor('the end of the last batch', async () => {
      const state = await worker.state()
      return state.drained.reduce((sum, { sent }) => sum + sent, 0) >= SESSIONS * SPANS_EACH && state
    })
    expect(reports).toEqual(Array(SESSIONS).fill({ sent: 0, dropped: 0, spooled: SPANS_EACH, pending: 0 }))
    expect([...drops, ...drainDrops]).toEqual([])
    expect(drained.reduce((sum, { sent }) => sum + sent, 0)).toBe(SESSIONS * SPANS_EACH)
    expect(drained.at(-1)).toMatchObject({ dropped: 0, spooled: 0, pending: 0 })
    const requests = (await backend.received()).length
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await backend.received()).toHaveLength(requests)

    const { medianMs: usualMs } = await askMany(usual, SESSIONS)
    expect(medianMs).toBeLessThan(usualMs * 3 + 100)
  })
})

test('without a spool the same outage loses every span', async () => {
  const backend = await scripted(...DOWN)
  const options = { endpoint: `${backend.url}/v1/traces`, retryAttempts: 1, spool: null }
  const worker = await startSpoolWorker({ options })
  await worker.ask('cats')
  const { reports } = await waitFor('a report', async () => {
    const state = await worker.state()
    return state.reports.length > 0 && state
  })
  expect(reports).toMatchObject([{ sent: 0, dropped: 3, spooled: 0, pending: 0 }])
})

describe('what a message may hold', () => {
  test('a batch that is larger than a message goes as several; a span that alone is larger is dropped', async () => {
    const backend = await scripted(...DOWN)
    const options = { endpoint: `${backend.url}/v1/traces`, retryAttempts: 0 }
    const worker = await startSpoolWorker({ options })
    const session = await worker.ask(30_000, 30_000, 64_000, 30_000, 'small', 30_000, 30_000)
    const { reports, drops, bodies } = await waitFor('the messages', async () => {
      const state = await worker.state()
      return state.bodies.length > 1 && state.reports.length > 0 && state
    })
    expect(bodies.length).toBeGreaterThan(1)
    for (const body of bodies) expect(body.length).toBeLessThanOrEqual(128_000)
    expect(reports).toMatchObject([{ sent: 0, dropped: 1, spooled: 8, pending: 0 }])
    // The limit is the message's, less its envelope and base64's third.
    expect(drops).toMatchObject([{ spans: 1, reason: 'rejected', error: expect.stringMatching(/\d+ bytes .* 94875/) }])
    await script(backend.url, UP)
    const names = await arrived(backend, 8)
    expect([...names]).toEqual([
      [
        session.replaceAll('-', ''),
        ['POST /ask.session', 'chat.llm', ...Array(5).fill('tool 30000.tool'), 'tool small.tool'],
      ],
    ])
  })

  test('no key, token or configured header', async () => {
    const backend = await scripted(...DOWN)
    await script(`${backend.url}-auth`, [{ body: JSON.stringify({ token: 'secret-token' }) }])
    const options = {
      apiKey: KEY,
      apiEndpoint: backend.url,
      endpoint: `${backend.url}/v1/traces`,
      headers: { 'x-team-secret': 'secret-header' },
      retryAttempts: 0,
    }
    const worker = await startSpoolWorker({ options })
    await worker.ask('cats')
    const { bodies } = await waitFor('the message', async () => {
      const state = await worker.state()
      return state.bodies.length > 0 && state
    })
    // The request that failed had all of them.
    expect((await backend.received()).find(({ path }) => path === '/v1/traces')?.headers).toMatchObject({
      authorization: 'Bearer secret-token',
      'x-team-secret': 'secret-header',
    })
    const message = JSON.parse(bodies[0] ?? '') as SpoolMessage
    const { id, body, headers, ...others } = message
    expect(others).toEqual({ version: 1, url: `${backend.url}/v1/traces`, format: 'otlp-json', spans: 3 })
    const bytes = Buffer.from(body, 'base64')
    const text = (headers['content-encoding'] ? gunzipSync(bytes) : bytes).toString()
    expect(text).toContain('resourceSpans')
    for (const secret of [KEY, 'secret-token', 'x-team-secret', 'secret-header', 'authorization']) {
      expect((bodies.join() + text).toLowerCase()).not.toContain(secret)
    }
  })
})

describe('the consumer', () => {
  test.each(['json', 'protobuf'] as const)(
    'drops the one span that the backend refuses of a batch, as %s',
    async (format) => {
      const backend = await scripted(...DOWN)
      const options = { endpoint: `${backend.url}/v1/traces`, retryAttempts: 0 }
      const worker = await startSpoolWorker({ options, ...(format === 'protobuf' && { format }) })
      await worker.ask('a', 'b', 'poison', 'c', 'd')
      await delivered(worker, 1, 2)
      await script(backend.url, [{ when: 'poison', status: 400 }, ...UP])
      const names = await arrived(backend, 6)
      expect([...names.values()]).toEqual([
        ['POST /ask.session', 'chat.llm', 'tool a.tool', 'tool b.tool', 'tool c.tool', 'tool d.tool'],
      ])
      // The last request of the consumer is the one that is refused.
      const { drops, drainDrops, drained } = await waitFor('the end of the drain', async () => {
        const state = await worker.state()
        return state.drained.at(-1)?.sent === 6 && state
      })
      expect(drops).toEqual([])
      expect(drainDrops).toMatchObject([{ spans: 1, reason: 'rejected', error: expect.stringContaining('400') }])
      expect(drained.at(-1)).toMatchObject({ sent: 6, dropped: 1, spooled: 0, pending: 0 })
      expect(worker.logs.filter((line) => line.includes('1 spans were lost'))).toHaveLength(1)
      // A part is a whole request: it names the service.
      for (const { body } of (await backend.received()).filter(accepted)) expect(body).toContain('service.name')
    },
  )

  test('takes apart what is larger than the backend may be sent', async () => {
    const backend = await scripted(...DOWN)
    const endpoint = `${backend.url}/v1/traces`
    const worker = await startSpoolWorker({
      options: { endpoint, retryAttempts: 0 },
      drainOptions: { endpoint, maxExportBytes: 9000 },
      format: 'protobuf',
    })
    await worker.ask(2000, 2000, 2000, 2000)
    await delivered(worker, 1, 1)
    await script(backend.url, UP)
    const names = await arrived(backend, 6)
    expect([...names.values()].flat()).toHaveLength(6)
    const sizes = (await backend.received()).filter(accepted).map(({ base64 }) => Buffer.from(base64, 'base64').length)
    expect(sizes.length).toBeGreaterThan(1)
    for (const size of sizes) expect(size).toBeLessThanOrEqual(9000)
  })

  test('acknowledges what no spool has sent, says so and counts it', async () => {
    const backend = await scripted()
    const worker = await startSpoolWorker({ options: { endpoint: `${backend.url}/v1/traces` } })
    await worker.put([{ hello: 'you' }, 'no JSON', null])
    const { drainDrops, attempts } = await waitFor('three messages', async () => {
      const state = await worker.state()
      return state.drainDrops.length >= 3 && state
    })
    expect(Object.values(attempts)).toEqual([1, 1, 1])
    for (const drop of drainDrops) {
      expect(drop).toMatchObject({ spans: 1, reason: 'rejected', error: expect.stringContaining('no spooled batch') })
    }
    await new Promise((resolve) => setTimeout(resolve, 600))
    const { attempts: later, drained } = await worker.state()
    expect(Object.values(later)).toEqual([1, 1, 1])
    expect(drained.reduce((sum, { dropped }) => sum + dropped, 0)).toBe(3)
    expect(worker.logs.filter((line) => line.includes('expected a message of queueSpool'))).toHaveLength(1)
    expect(await backend.received()).toEqual([])
  })

  test('leaves in the queue what its configuration does not name, and sends nothing anywhere for it', async () => {
    const [named, other] = [await scripted(...DOWN), await scripted()]
    const worker = await startSpoolWorker({
      options: { endpoint: `${named.url}/v1/traces`, retryAttempts: 0 },
      drainOptions: {
        endpoint: `${other.url}/v1/traces`,
        apiKey: KEY,
        apiEndpoint: other.url,
        headers: { 'x-team-secret': 'secret-header' },
      },
    })
    await worker.ask('cats')
    await delivered(worker, 1, 3)
    expect(await other.received()).toEqual([])
    // The session's own.
    const received = await named.received()
    expect(received).toHaveLength(1)
    expect(JSON.stringify(received)).not.toContain('secret')
    const said = `no destination is configured for ${named.url}/v1/traces as otlp-json; its batches stay in the queue`
    expect(worker.logs.filter((line) => line.includes(said))).toHaveLength(1)
    const { drained, drainDrops } = await worker.state()
    expect(drained[0]).toMatchObject({ sent: 0, dropped: 0, spooled: 3, error: expect.stringContaining(said) })
    expect(drainDrops).toEqual([])
  })

  test('leaves in the queue what it could take for either of two destinations', async () => {
    const backend = await scripted(...DOWN)
    const endpoint = `${backend.url}/v1/traces`
    const worker = await startSpoolWorker({
      options: { endpoint, retryAttempts: 0 },
      drainOptions: { endpoint, headers: { 'x-team': 'a' }, exporters: [{ endpoint, headers: { 'x-team': 'b' } }] },
    })
    await worker.ask('cats')
    await delivered(worker, 1, 2)
    expect(await backend.received()).toHaveLength(1)
    expect(worker.logs.filter((line) => line.includes('several destinations are configured'))).toHaveLength(1)
  })

  test('sends with a token for its own key, and with a new one after a 401', async () => {
    const backend = await scripted(...DOWN)
    const options = { apiKey: KEY, apiEndpoint: backend.url, endpoint: `${backend.url}/v1/traces`, retryAttempts: 0 }
    const worker = await startSpoolWorker({ options })
    const session = await worker.ask('cats')
    await delivered(worker, 1, 1)
    await script(backend.url, [{ status: 401 }, ...UP])
    const names = await arrived(backend, 3)
    expect([...names.keys()]).toEqual(tracesOf([session]))
    const requests = (await backend.received()).map(
      ({ path, headers, answered }) => `${path} ${headers.authorization ?? ''} ${answered}`,
    )
    expect(requests.slice(0, 2)).toEqual(['/v3/auth/token  200', '/v1/traces Bearer token-1 503'])
    expect(requests.slice(-3)).toEqual([
      '/v1/traces Bearer token-1 401',
      '/v3/auth/token  200',
      '/v1/traces Bearer token-2 200',
    ])
  })
})

describe('every format goes through the queue', () => {
  test('protobuf arrives as protobuf, each span once', async () => {
    const backend = await scripted(...DOWN)
    const options = { endpoint: `${backend.url}/v1/traces`, retryAttempts: 0 }
    const worker = await startSpoolWorker({ options, format: 'protobuf' })
    const sessions = [await worker.ask('a'), await worker.ask('b')]
    await delivered(worker, 2, 2)
    await script(backend.url, UP)
    const names = await arrived(backend, 6)
    expect([...names.keys()].sort()).toEqual(tracesOf(sessions))
    const requests = (await backend.received()).filter(accepted)
    expect(requests.map(({ headers }) => headers['content-type'])).toEqual(Array(2).fill('application/x-protobuf'))
  })

  test('AgentOps v2: each session is created, filled and updated, in that order', async () => {
    const backend = await scripted()
    const down = (answers: Answer[]): Promise<void> => script(`${backend.url}-create_session`, answers)
    await down(DOWN)
    const options = { apiKey: KEY, apiEndpoint: backend.url, retryAttempts: 0 }
    const worker = await startSpoolWorker({ options, format: 'v2' })
    const sessions = [await worker.ask('a', 'b'), await worker.ask('c'), await worker.ask('d')]
    await delivered(worker, 3, 2)
    expect((await backend.received()).map(({ path }) => path)).not.toContain('/v2/create_events')
    await down(UP)
    const updates = await waitFor('three updates', async () => {
      const all = (await backend.received()).filter(accepted)
      return all.filter(({ path }) => path === '/v2/update_session').length >= 3 && all
    })
    const calls = updates.map(({ path, body, headers }) => {
      const { session, events = [] } = JSON.parse(body) as {
        session?: { session_id: string }
        events?: { session_id: string; event_type: string }[]
      }
      const id = session?.session_id ?? events[0]?.session_id ?? ''
      const types = events.map(({ event_type }) => event_type).join()
      return { id, call: `${path.slice(4)} ${types}`.trim(), jwt: headers.authorization }
    })
    for (const [i, session] of sessions.entries()) {
      const own = calls.filter(({ id }) => id === session)
      const [first, ...rest] = own.map(({ call }) => call)
      expect([first, rest.pop()]).toEqual(['create_session', 'update_session'])
      expect(rest.sort()).toEqual(['create_events llms', `create_events ${i === 0 ? 'tools,tools' : 'tools'}`])
      expect(own.slice(1).map(({ jwt }) => jwt)).toEqual(Array(3).fill(`Bearer jwt-${session}-1`))
    }
    expect((await worker.state()).drainDrops).toEqual([])
  })
})
