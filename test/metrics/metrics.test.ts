/** Metrics of a Worker in workerd, at a receiver over HTTP. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningSink, startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'
import { type RunningWorker, startWorker } from '../support/workerd.ts'

interface Point {
  attributes: { key: string; value: Record<string, unknown> }[]
  asDouble?: number
  asInt?: number | string
  count?: number | string
  sum?: number
  explicitBounds?: number[]
}
interface Metric {
  name: string
  unit: string
  sum?: { aggregationTemporality: number; dataPoints: Point[] }
  histogram?: { aggregationTemporality: number; dataPoints: Point[] }
}

const running: { stop(): Promise<void> }[] = []
let sink: RunningSink
beforeAll(async () => {
  sink = await startSink()
})
afterAll(async () => {
  await Promise.all(running.map((each) => each.stop()))
  await sink.close()
})

async function start(bindings = {}): Promise<RunningWorker> {
  sink.received.length = 0
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_SERVICE_NAME: 'shop', ...bindings }
  const worker = await startWorker({ entry: 'test/fixtures/metrics-worker.ts', bindings: env })
  running.push(worker)
  return worker
}
const posts = (path: string): typeof sink.received => sink.received.filter((each) => each.path === path)
const metrics = (): Metric[] =>
  posts('/v1/metrics').flatMap(({ body }) =>
    JSON.parse(body).resourceMetrics.flatMap(({ scopeMetrics }: { scopeMetrics: { metrics: Metric[] }[] }) =>
      scopeMetrics.flatMap((scope) => scope.metrics),
    ),
  )
const pointsOf = (name: string): Point[] =>
  metrics()
    .filter((metric) => metric.name === name)
    .flatMap(({ sum, histogram }) => (sum ?? histogram)?.dataPoints ?? [])
/** The sum over all posts, of the points whose attributes are these. */
function total(name: string, pick: (point: Point) => unknown, ...having: [key: string, value: unknown][]): number {
  const fits = ({ attributes }: Point): boolean =>
    having.every(([key, value]) =>
      value === undefined
        ? attributes.every((each) => each.key !== key)
        : attributes.some((each) => each.key === key && Object.values(each.value)[0] === value),
    )
  return pointsOf(name)
    .filter(fits)
    .reduce((sum, point) => sum + Number(pick(point)), 0)
}
const value = ({ asDouble, asInt }: Point): unknown => asDouble ?? asInt
const count = (point: Point): unknown => point.count
const sum = (point: Point): unknown => point.sum

async function askAll(worker: RunningWorker, requests: number): Promise<void> {
  const next = Array.from({ length: requests }, (_, n) => n)
  const client = async (): Promise<void> => {
    for (let n = next.pop(); n !== undefined; n = next.pop()) await (await fetch(`${worker.url}/ask/${n}`)).text()
  }
  await Promise.all(Array.from({ length: 25 }, client))
}

describe('1,000 requests', () => {
  let worker: RunningWorker
  beforeAll(async () => {
    worker = await start()
    await askAll(worker, 1000)
    await waitFor('all sessions', () => total('agentops.sessions', value) === 1000)
  })

  test('go in a handful of posts', () => {
    expect(posts('/v1/metrics').length).toBeLessThan(20)
    // Sessions go together, too.
    expect(posts('/v1/traces').length).toBeLessThan(500)
  })

  test('with the right sums, as deltas', () => {
    expect(total('agentops.sessions', value, ['agentops.session.end_state', 'Fail'])).toBe(100)
    expect(total('agentops.sessions', value, ['agentops.session.end_state', 'Success'])).toBe(900)
    expect(total('agentops.events', value, ['event.type', 'tools'])).toBe(1000)
    expect(total('agentops.events', value, ['event.type', 'llms'])).toBe(1000)
    expect(total('agentops.events', value, ['event.type', 'errors'])).toBe(100)
    expect(total('gen_ai.client.token.usage', sum, ['gen_ai.token.type', 'input'])).toBe(10_000)
    expect(total('gen_ai.client.token.usage', sum, ['gen_ai.token.type', 'output'])).toBe(3000)
    expect(total('gen_ai.client.operation.duration', count, ['gen_ai.request.model', 'gpt-4o-mini'])).toBe(1000)
    const route: [string, unknown] = ['http.route', '/ask/:n']
    expect(total('requests', count, route, ['http.request.method', 'GET'])).toBe(1000)
    expect(total('requests', count, route, ['error.type', '500'])).toBe(100)
    expect(total('requests', count, route, ['error.type', undefined])).toBe(900)
    for (const { sum, histogram } of metrics()) expect((sum ?? histogram)?.aggregationTemporality).toBe(1)
  })

  test('the exporter counts itself: root, tool and model', async () => {
    await waitFor('the counts', () => total('otel.sdk.exporter.span.exported', value) === 3000)
    expect(total('otel.sdk.exporter.span.exported', value, ['error.type', undefined])).toBe(3000)
  })

  test('the resource is the session’s, and the View is in effect', () => {
    expect(JSON.parse(`${posts('/v1/metrics')[0]?.body}`).resourceMetrics[0].resource.attributes).toContainEqual({
      key: 'service.name',
      value: { stringValue: 'shop' },
    })
    expect(pointsOf('requests')[0]?.explicitBounds).toEqual([0.5, 1])
    expect(pointsOf('http.server.request.duration')).toEqual([])
    expect(metrics().find(({ name }) => name === 'requests')?.unit).toBe('s')
  })

  test('an exporter of the user’s gets the same, its own way', async () => {
    const seen = (await (await fetch(`${worker.url}/seen`)).json()) as { name: string; boundaries?: number[] }[]
    expect(seen.map(({ name }) => name)).toContain('gen_ai.client.token.usage')
    expect(seen.find(({ name }) => name === 'requests')?.boundaries).toEqual([0.5, 1])
  })
})

describe('what is not sent is counted all the same', () => {
  test('by ratio', async () => {
    const worker = await start({ RATIO: 0 })
    await askAll(worker, 20)
    await waitFor('all sessions', () => total('agentops.sessions', value) === 20)
    expect(total('agentops.events', value, ['event.type', 'tools'])).toBe(20)
    expect(posts('/v1/traces')).toEqual([])
  })

  test('by keep, which says so', async () => {
    const worker = await start({ KEEP: true })
    await askAll(worker, 20)
    await waitFor('all sessions', () => total('agentops.sessions', value) === 20)
    await waitFor(
      'the counts',
      () => total('otel.sdk.processor.span.processed', value, ['error.type', 'sampled_out']) === 60,
    )
    expect(posts('/v1/traces')).toEqual([])
  })
})
