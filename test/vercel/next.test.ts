/** Next.js, built and served as on a server of one's own: with the bundler that it has by default. The rest: `npm run test:next`. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import { createNextApp, type NextApp, type NextServer, startModel } from '../support/next.ts'
import { waitFor } from '../support/wait.ts'
import { ask, names, testRows } from './next-rows.ts'

const backend = useBackend()
let app: NextApp
let server: NextServer
let model: { url: string; close(): void }
let built = ''

beforeAll(async () => {
  model = await startModel()
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url, MODEL_URL: model.url }
  app = await createNextApp(['examples/vercel-next', 'test/vercel/next-app'], ['@ai-sdk/otel@1.0.173'], env)
  built = await app.build('turbopack')
  server = await app.serve('start', 'turbopack')
}, 400_000)
afterAll(async () => {
  await app?.remove()
  model?.close()
})

test('building says nothing, records nothing, and leaves static what is', () => {
  expect(built).not.toContain('agentops-edge:')
  expect(backend.collector.store.list()).toEqual([])
  for (const route of ['/isr', '/static', '/static-auto']) expect(built).toMatch(new RegExp(`○ ${route}\\s`))
})

testRows(backend, () => server, false)

test('the example: an agent in a route handler, the edge, a stream of the AI SDK', async () => {
  const node = await ask(backend, server, '/api/node?q=cats')
  expect(JSON.parse(node.text)).toEqual({ hits: ['a page about cats'] })
  expect(named(node.session.spans, 'search.tool').attributes['agent.name']).toBe('planner')
  expect(JSON.parse((await ask(backend, server, '/api/edge?q=cats')).text)).toEqual({ hits: ['a page about cats'] })
  const { session, text } = await ask(backend, server, '/api/stream?q=cats')
  expect(text).toBe('Cats sleep.')
  expect(named(session.spans, 'chat.llm').attributes['gen_ai.request.model']).toBe('desk-model')
  const { start = 0n, end = 0n } = session.root ?? {}
  expect(Number(end - start) / 1e6).toBeGreaterThanOrEqual(250)
})

test('a static route is static still, and is rendered again in the session of who asked', async () => {
  await new Promise((resolve) => setTimeout(resolve, 1100))
  expect(names((await ask(backend, server, '/static-auto')).session)).toContain('again.tool')
  expect(names((await ask(backend, server, '/static')).session)).toHaveLength(1)
})

test('SIGTERM right after a burst, while one still streams, and with after() to come: all is delivered', async () => {
  const first = server
  backend.collector.store.clear()
  const stream = fetch(`${first.url}/probe/stream`).then((response) => response.text())
  const burst = Array.from({ length: 20 }, () => fetch(`${first.url}/probe/tool`).then((response) => response.text()))
  const after = fetch(`${first.url}/probe/after`).then((response) => response.text())
  await Promise.all([...burst, after])
  expect(await first.end('SIGTERM')).toEqual([143, null])
  expect(await stream).toContain('data: 7')
  const found = backend.collector.store.list()
  expect(found.filter(({ root }) => root)).toHaveLength(22)
  expect(found.flatMap(names).filter((name) => name.startsWith('part'))).toHaveLength(8)
  expect(found.flatMap(names)).toContain('late.tool')
})

test('SIGTERM right after the only answer', async () => {
  server = await app.serve('start', 'turbopack')
  backend.collector.store.clear()
  await (await fetch(`${server.url}/probe/tool`)).text()
  expect(await server.end('SIGTERM')).toEqual([143, null])
  expect(backend.collector.store.list().map(({ root }) => root?.name)).toEqual(['GET /probe/[kind].session'])
})

test('withAgentOps alone: named by its route', async () => {
  server = await app.serve('start', 'turbopack', { PROBE: 'off', OTEL_SERVICE_NAME: 'alone' })
  const alone = async (path: string): Promise<unknown[]> => {
    backend.collector.store.clear()
    await (await fetch(`${server.url}${path}`, { redirect: 'manual' })).text()
    const found = await waitFor('a session', () => backend.collector.store.list().find(({ root }) => root))
    const { name, attributes } = found.root ?? { attributes: {} as Record<string, unknown> }
    return [name, attributes['http.response.status_code'], attributes['agentops.session.end_state']]
  }
  expect(await alone('/wrapped/tool')).toEqual(['GET /wrapped/[kind].session', 200, 'Success'])
  expect(await alone('/wrapped/redirect')).toEqual(['GET /wrapped/[kind].session', 307, 'Success'])
  expect(await alone('/api/wrapped/7')).toEqual(['GET /api/wrapped/[id].session', 200, 'Success'])
  expect(await alone('/api/wrapped/throw')).toEqual(['GET /api/wrapped/[id].session', 500, 'Fail'])
  expect(await alone('/edge-wrapped')).toEqual(['GET /edge-wrapped.session', 200, 'Success'])
  await server.end('SIGKILL')
})
