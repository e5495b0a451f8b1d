/** Several copies of OpenTelemetry's API in one app, and what a user does about them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import { copies, type Installed, install, pack } from '../support/install.ts'
import { WHOLE } from './neighbours.ts'

// Installing takes as long as the registry does.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const backend = useBackend()
const files = 'test/neighbours/apps'
let packed = ''
let tarball = ''
let older: Installed
beforeAll(async () => {
  packed = await mkdtemp(join(tmpdir(), 'agentops-edge-packed-'))
  tarball = await pack(packed)
  older = await install({ commands: [['@opentelemetry/api@1.9', tarball]], files })
})
afterAll(async () => {
  await older?.remove()
  await rm(packed, { recursive: true, force: true })
})
const env = (): Record<string, string> => ({ OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url })

describe('API 1.9 has registered first', () => {
  test.each([
    ['a provider', 'trace'],
    ['a logger alone', 'diag'],
  ])('%s: one line says so and what to do, where warnings go; sessions are as ever', async (_, what) => {
    const { stdout, stderr } = await older.run('older-api.js', env(), what)
    const [said, silent] = what === 'diag' ? [stdout, stderr] : [stderr, stdout]
    expect(said).toMatch(/^agentops-edge: @opentelemetry\/api 1\.9\.\d .*Update it to \^1\.10\.0 .*\n$/)
    expect(silent).toBe('')
    const sessions = backend.collector.store.list()
    expect(sessions.map(({ root }) => root?.name).sort()).toEqual(['first.session', 'second.session'])
    for (const { root, spans } of sessions) {
      const agent = named(spans, 'planner.agent')
      expect(named(spans, 'search.tool').parentSpanId).toBe(agent.spanId)
      expect(agent.parentSpanId).toBe(root?.spanId)
      expect(root?.attributes['agentops.session.end_state']).toBe('Success')
    }
  })
})

if (WHOLE) {
  test('with npm’s `overrides` one copy is left, and a tracer taken before the first session lands in it', async () => {
    const app = await install({
      commands: [['@opentelemetry/sdk-trace-base@2', tarball]],
      files,
      settings: { overrides: { '@opentelemetry/api': '^1.10.0' } },
    })
    onTestFinished(app.remove)
    expect(app.said.filter((line) => /peer|ERESOLVE/i.test(line))).toEqual([])
    const api = (await copies(app.folder)).filter((copy) => copy.includes('/api '))
    expect(api).toEqual([expect.stringMatching(/^node_modules\/@opentelemetry\/api 1\.10\.\d+$/)])
    expect(await app.run('early.js', env())).toEqual({ stdout: '', stderr: '' })
    const { root, spans } = await backend.session()
    expect(named(spans, 'early').parentSpanId).toBe(root?.spanId)
  })
}
