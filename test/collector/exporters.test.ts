/** Exporters that are not ours, as processes of their own: what they send is kept and shown like ours. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Backend, startBackend } from '../../src/collector/index.ts'
import { installPackage } from '../support/package.ts'

let backend: Backend
let home: string
beforeAll(async () => {
  ;[backend, home] = await Promise.all([startBackend(), installPackage('exporters')])
}, 300_000)
afterAll(() => backend?.close())

test.each([
  ['@opentelemetry/exporter-trace-otlp-http', 'http'],
  ['@opentelemetry/exporter-trace-otlp-proto', 'proto'],
  ['@vercel/otel', 'vercel'],
])('%s', async (_, which) => {
  const file = `${home}/client.js`
  const { stdout } = await promisify(execFile)('node_modules/.bin/node', [file, which, backend.url], {
    timeout: 50_000,
  })
  const traceId = stdout.trim()
  expect(await backend.store.session(traceId)).toMatchObject({
    name: 'GET /theirs',
    state: 'Success',
    spans: 2,
    errors: 1,
    modelCalls: 1,
    inputTokens: 12,
    outputTokens: 5,
    models: ['gpt-4o'],
  })
  const raw = await backend.store.raw(traceId)
  const call = raw.find(({ span }) => span.name === 'chat gpt-4o')
  expect(call?.scope).toMatchObject({ name: 'their-agent', version: '1.2.3' })
  const spans = await backend.store.spans(traceId, 10)
  expect(spans.find(({ type }) => type === 'span')).toMatchObject({ label: 'GET /theirs' })
  expect(spans.find(({ type }) => type === 'model')).toMatchObject({ label: 'gpt-4o', status: 2, note: 'too long' })
  const panel = await (await fetch(`${backend.url}/traces/${traceId}?span=${call?.span.spanId}`)).text()
  for (const part of ['Grüße ✓', 'Hallo', 'first token', 'too long', '0.25', '-7']) expect(panel).toContain(part)
})
