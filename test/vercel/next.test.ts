import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import { waitFor } from '../support/wait.ts'

const run = promisify(execFile)
const backend = useBackend()
const logs: string[] = []
let folder = ''
let server: ChildProcess | undefined
let url = ''
let model: Server

// A project of its own, as a user's: outside the repository, with the packed library.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agentops-edge-next-'))
  await cp('examples/vercel-next', folder, { recursive: true, filter: (path) => !/node_modules|\.next/.test(path) })
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder])
  const tarball = (await readdir(folder)).find((file) => file.endsWith('.tgz')) as string
  await run('npm', ['pkg', 'set', `dependencies.agentops-edge=file:./${tarball}`], { cwd: folder })
  await run('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund', '@vercel/otel@2.1.3'], { cwd: folder })
  model = createServer((_, response) => {
    const chunk = (delta: object, more: object = {}): string =>
      `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'desk-model', choices: [{ index: 0, delta, finish_reason: null, ...more }] })}\n\n`
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunk({ role: 'assistant', content: 'Cats ' }))
    setTimeout(() => {
      response.write(chunk({ content: 'sleep.' }))
      response.write(chunk({}, { finish_reason: 'stop' }))
      response.end('data: [DONE]\n\n')
    }, 300)
  }).listen(0, '127.0.0.1')
  await waitFor('the model', () => model.listening)
  const env = {
    ...process.env,
    NODE_ENV: 'production' as const,
    NEXT_TELEMETRY_DISABLED: '1',
    OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url,
    MODEL_URL: `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1`,
  }
  const next = [resolve('node_modules/.bin/node'), join(folder, 'node_modules/next/dist/bin/next')] as const
  await run(next[0], [next[1], 'build'], { cwd: folder, env, maxBuffer: 1 << 24 }).catch(({ stdout, stderr }) =>
    expect.fail(`${stdout}\n${stderr}`),
  )
  server = spawn(next[0], [next[1], 'start', '-p', '0', '-H', '127.0.0.1'], { cwd: folder, env })
  for (const stream of [server.stdout, server.stderr]) {
    stream?.setEncoding('utf8').on('data', (data: string) => logs.push(...data.split('\n').filter(Boolean)))
  }
  url = await waitFor('the server', () => logs.join('\n').match(/http:\/\/127\.0\.0\.1:[1-9]\d*/)?.[0], 60_000)
  await waitFor(
    'the server',
    () =>
      fetch(url).then(
        () => true,
        () => false,
      ),
    60_000,
  )
  backend.collector.store.clear()
}, 400_000)
afterAll(async () => {
  server?.kill('SIGKILL')
  model?.close()
  await rm(folder, { recursive: true, force: true })
})

const W3C = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

/** The one session in which `span` happened, when all have arrived. */
async function sessionWith(span: string): Promise<CollectedSession> {
  const find = (): CollectedSession[] =>
    backend.collector.store.list().filter((session) => names(session).includes(span))
  await waitFor(`a session with ${span}`, () => find()[0]?.root)
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(find().map(names)).toHaveLength(1)
  return find()[0] as CollectedSession
}
const names = ({ spans }: CollectedSession): string[] => spans.map(({ name }) => name)
const ofNext = ({ spans }: CollectedSession): string[] =>
  spans.filter(({ scope }) => scope.name === 'next.js').map(({ name }) => name)

test('a Node route: one session, in its caller’s trace, with Next.js’ own spans inside', async () => {
  const response = await fetch(`${url}/api/node?q=cats`, { headers: { traceparent: W3C } })
  expect(await response.json()).toEqual({ hits: ['a page about cats'] })
  const session = await sessionWith('search.tool')
  expect(session.root).toMatchObject({
    name: 'GET /api/node.session',
    traceId: W3C.slice(3, 35),
    attributes: {
      'http.response.status_code': 200,
      'http.route': '/api/node',
      'agentops.session.end_state': 'Success',
    },
    resource: { 'service.name': 'next-desk', 'deployment.environment.name': 'production' },
  })
  const tool = named(session.spans, 'search.tool')
  expect(tool.attributes['agent.name']).toBe('planner')
  expect(ofNext(session)).toContain('executing api route (app) /api/node')
  expect(ofNext(session)[0]).toBe('GET /api/node')
  expect(logs.join()).toContain('answered cats')
  expect(JSON.stringify(session.root?.attributes)).not.toContain('cats')
  // The proxy ran first: the caller's span is its parent, and its own are the route's.
  const proxy = await sessionWith('check visitor.operation')
  expect(proxy.root).toMatchObject({ traceId: W3C.slice(3, 35), parentSpanId: W3C.slice(36, 52) })
  expect(proxy.spans.map(({ spanId }) => spanId)).toContain(session.root?.parentSpanId)
  expect(backend.collector.store.list().filter(({ traceId }) => traceId === W3C.slice(3, 35))).toHaveLength(2)
})

test('an edge route: its session is its own', async () => {
  expect(await (await fetch(`${url}/api/edge?q=cats`)).json()).toEqual({ hits: ['a page about cats'] })
  const session = await sessionWith('search.tool')
  expect(session.root?.attributes).toMatchObject({ 'http.response.status_code': 200, 'url.path': '/api/edge' })
})

test('a stream of the AI SDK: the model’s answer is in the session, which lasts as long as the stream', async () => {
  const response = await fetch(`${url}/api/stream?q=cats`)
  expect(await response.text()).toBe('Cats sleep.')
  const session = await sessionWith('chat.llm')
  expect(session.root?.name).toBe('GET /api/stream.session')
  expect(named(session.spans, 'chat.llm').attributes['gen_ai.request.model']).toBe('desk-model')
  const { start = 0n, end = 0n } = session.root ?? {}
  expect(Number(end - start) / 1e6).toBeGreaterThanOrEqual(250)
  expect(ofNext(session)).toContain('executing api route (app) /api/stream')
})

test('the proxy: a session, with Next.js’ span of it inside', async () => {
  const response = await fetch(`${url}/api/node`, { headers: { 'x-banned': '1' } })
  expect([response.status, await response.text()]).toEqual([403, 'banned'])
  const session = await sessionWith('check visitor.operation')
  expect(ofNext(session)).toContain('middleware GET')
  expect(session.root?.attributes['http.response.status_code']).toBe(403)
})

test('twenty requests at once stay apart', async () => {
  const asked = Array.from({ length: 20 }, (_, i) => fetch(`${url}/api/node?q=${i}`).then((found) => found.json()))
  await Promise.all(asked)
  const found = await waitFor('20 sessions', () => {
    const list = backend.collector.store
      .list()
      .filter((session) => session.root && names(session).includes('search.tool'))
    return list.length === 20 && list
  })
  for (const session of found) expect(names(session).filter((name) => name === 'search.tool')).toHaveLength(1)
})

test('a server that is told to end sends what it has', async () => {
  const asked = fetch(`${url}/api/stream?q=cats`).catch(() => undefined)
  await waitFor('the proxy', () => backend.collector.store.list().length > 0)
  await new Promise((resolve) => setTimeout(resolve, 100))
  server?.kill('SIGTERM')
  await asked
  await waitFor('the spans', () =>
    backend.collector.store
      .list()
      .some(
        (session) =>
          ofNext(session).includes('AppRouteRouteHandlers.runHandler') ||
          names(session).some((name) => name.includes('/api/stream')),
      ),
  )
})

test('beside @vercel/otel: it registers first, and our processor takes its spans', async () => {
  const code = `
    import { registerOTel } from '@vercel/otel'
    import { SessionExporter, SessionSpanProcessor } from 'agentops-edge'
    import { registerAgentOps } from 'agentops-edge/vercel'
    import { trace } from '@opentelemetry/api'
    const exporter = new SessionExporter({ endpoint: '${backend.collector.url}/v1/traces' })
    const processor = new SessionSpanProcessor(exporter)
    registerOTel({ serviceName: 'theirs', spanProcessors: [processor] })
    registerAgentOps()
    const attributes = { 'next.span_type': 'BaseServer.handleRequest' }
    trace.getTracer('next.js').startActiveSpan('GET /x', { attributes }, (span) => span.end())
    await processor.forceFlush()
    console.log(JSON.stringify(processor.report()))`
  const { stdout } = await run(resolve('node_modules/.bin/node'), ['--input-type=module', '-e', code], { cwd: folder })
  expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual({ sent: 1, dropped: 0, spooled: 0, pending: 0 })
  const found = backend.collector.store.list().flatMap(({ spans }) => spans.filter(({ name }) => name === 'GET /x'))
  expect(found).toMatchObject([{ resource: { 'service.name': 'theirs' } }])
})
