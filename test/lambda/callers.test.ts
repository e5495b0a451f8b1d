/** What a function's caller may say and what not: hosts that are none, X-Ray's decision, whose service it is. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { bundleFunction, installRuntimeClient, type RunningFunction, startFunction } from '../support/lambda.ts'
import { type RunningSink, startSink } from '../support/sink.ts'

const backend = useBackend()
const started: RunningFunction[] = []
let module = ''
let sink: RunningSink

beforeAll(async () => {
  await installRuntimeClient()
  module = await bundleFunction('test/fixtures/functions.ts')
  sink = await startSink()
}, 300_000)
afterEach(() => Promise.all(started.splice(0).map((running) => running.stop())))
afterAll(() => sink.close())

async function start(handler: string, more: Record<string, string> = {}): Promise<RunningFunction> {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url, ...more }
  const running = await startFunction({ handler: `${module}.${handler}`, env })
  started.push(running)
  return running
}

const balanced = (headers: object, more: object = {}): object => ({
  httpMethod: 'GET',
  path: '/alb',
  headers: { 'x-forwarded-proto': 'http', ...headers },
  requestContext: { elb: {} },
  ...more,
})

test.each([
  ['a host with a space', { host: 'a b' }, 'localhost', 80],
  ['a host with a path', { host: 'h.example.com/../x' }, 'h.example.com', 80],
  ['an empty host', { host: '' }, 'localhost', 80],
  ['a host that is half an address', { host: '[::1' }, 'localhost', 80],
  ['a port above all', { host: 'h.example.com:70000', 'x-forwarded-port': '65536' }, 'h.example.com', 80],
  ['a list of ports', { host: 'h.example.com', 'x-forwarded-port': '8080, 443' }, 'h.example.com', 8080],
])('%s: a session as for any other', async (_, headers, address, port) => {
  const running = await start('api')
  expect(JSON.parse((await running.invoke(balanced(headers))).body)).toMatchObject({ statusCode: 200 })
  const [session] = backend.collector.store.list()
  expect(session?.root).toMatchObject({ name: 'GET.session' })
  expect(session?.root?.attributes).toMatchObject({
    'url.path': '/alb',
    'server.address': address,
    'server.port': port,
  })
  expect(running.logs).toEqual([])
})

test.each(['a path with a question', 'a path that is another host’s'])('%s stays a path', async (which) => {
  const path = which.includes('host') ? '//evil.example.com/x' : '/a%3Fb'
  await (await start('api')).invoke(balanced({ host: 'h.example.com' }, { path }))
  const attributes = backend.collector.store.list()[0]?.root?.attributes
  expect(attributes).toMatchObject({ 'server.address': 'h.example.com', 'url.path': path })
})

test.each(['Sampled=0', 'Sampled=?', 'Self=1-1-1'])(
  'X-Ray’s %s does not keep a session from being sent',
  async (said) => {
    const header = `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;${said}`
    await (await start('buffered', { XRAY: '1' })).invoke({ n: 1 }, { headers: { 'lambda-runtime-trace-id': header } })
    const [session] = backend.collector.store.list()
    expect(session?.root).toMatchObject({ traceId: '5759e988bd862e3fe1be46a994272793' })
    expect(session?.spans).toHaveLength(3)
  },
)

test('nor does Sampled=1 decide; a traceparent’s flag does', async () => {
  const sampling = { XRAY: '1', OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }
  const running = await start('api', sampling)
  const root = '1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'
  const headers = { 'lambda-runtime-trace-id': `Root=${root}` }
  await running.invoke(balanced({}), { headers })
  expect(backend.collector.store.list()).toEqual([])
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  await running.invoke(balanced({ traceparent }), { headers })
  expect(backend.collector.store.list()[0]?.root?.traceId).toBe(traceparent.slice(3, 35))
})

test('a load balancer’s caller does not choose whom the trace goes to', async () => {
  sink.received.length = 0
  const running = await start('calls')
  const { host, port } = new URL(sink.url)
  const target = `${sink.url}/told`
  await running.invoke(balanced({ host, 'x-forwarded-port': port }, { target }))
  expect(backend.collector.store.list()).toHaveLength(1)
  expect(sink.received.map(({ path }) => path)).toEqual(['/told'])
  expect(sink.received[0]?.text).not.toMatch(/traceparent|baggage/i)
})
