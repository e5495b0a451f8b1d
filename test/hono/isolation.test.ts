import { expect, test } from 'vitest'
import type { CollectedSpan } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { waitFor } from '../support/wait.ts'

const backend = useBackend()
const KEY = '11111111-1111-4111-8111-111111111111'
const REQUESTS = 500

test('500 concurrent requests to a fresh isolate, half of them with one traceparent, stay apart', async () => {
  const { url } = backend.collector
  const worker = await backend.start({
    entry: 'test/fixtures/hono-app.ts',
    bindings: { AGENTOPS_API_KEY: KEY, AGENTOPS_API_ENDPOINT: url, AGENTOPS_EXPORTER_ENDPOINT: `${url}/v1/traces` },
  })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const sleeps = new Map<string, number>()
  // The very first requests of the isolate: they race for AsyncLocalStorage and for the token.
  const answers = await Promise.all(
    Array.from({ length: REQUESTS }, async (_, n) => {
      const tenant = `tenant-${n}`
      const ms = 10 + ((n * 37) % 200)
      sleeps.set(tenant, ms)
      const headers: Record<string, string> = n % 2 === 0 ? { traceparent } : {}
      const response = await fetch(`${worker.url}/sleep/${ms}?tenant=${tenant}`, { headers })
      return response.text()
    }),
  )
  expect(answers).toEqual(Array.from({ length: REQUESTS }, (_, n) => `tenant-${n}`))
  await waitFor(
    'all sessions',
    () => backend.collector.store.list().filter(({ root }) => root).length === REQUESTS,
    45_000,
  )

  const sessions = backend.collector.store.list()
  expect(sessions).toHaveLength(REQUESTS)
  const tenants = new Set<unknown>()
  for (const { id, spans, root } of sessions) {
    const tenant = String(root?.attributes.tenant)
    tenants.add(tenant)
    // The root, the agent, its tool and model call, and the library's span: none missing, none of another request.
    expect(spans.map(({ name }) => name).sort()).toEqual(
      [
        'GET /sleep/:ms.session',
        `agent-${tenant}.agent`,
        'chat.llm',
        `library-${tenant}`,
        `tool-${tenant}.tool`,
      ].sort(),
    )
    for (const span of spans) expect([span.attributes.tenant, span.attributes['session.id']]).toEqual([tenant, id])
    const tool = spans.find(({ name }) => name.endsWith('.tool')) as CollectedSpan
    const ms = Number(tool.end - tool.start) / 1e6
    const asked = sleeps.get(tenant) ?? 0
    // A timer may fire late on a busy machine, never early; another request's end would cut it short.
    expect(ms).toBeGreaterThanOrEqual(asked - 2)
    expect(Number((root?.end ?? 0n) - (root?.start ?? 0n)) / 1e6).toBeGreaterThanOrEqual(asked + 8)
    expect(new Set(spans.map(({ start }) => start)).size).toBe(spans.length)
    expect(spans.every(({ traceId }) => traceId === root?.traceId)).toBe(true)
  }
  expect(tenants.size).toBe(REQUESTS)
  expect(sessions.filter(({ traceId }) => traceId === '0af7651916cd43dd8448eb211c80319c')).toHaveLength(REQUESTS / 2)
  expect(backend.requests.filter((request) => request.includes('/v3/auth/token'))).toHaveLength(1)
  expect(worker.logs).toEqual([])
})
