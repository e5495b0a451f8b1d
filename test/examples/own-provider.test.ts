/** The example, installed as a user would, in a provider of SDK 2 and of SDK 3: started, called, and told to end. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import { install, ownEnvironment, pack } from '../support/install.ts'
import { waitFor } from '../support/wait.ts'

// Installing takes as long as the registry does.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const backend = useBackend()
const example = 'examples/own-provider'
let packed = ''
let tarball = ''
beforeAll(async () => {
  packed = await mkdtemp(join(tmpdir(), 'agentops-edge-packed-'))
  tarball = await pack(packed)
})
afterAll(() => rm(packed, { recursive: true, force: true }))

const SDK_2 = {
  sdk: '@opentelemetry/sdk-trace-base 2',
  packages: JSON.parse(await readFile(`${example}/package.json`, 'utf8')).dependencies as Record<string, string>,
  // As it stands.
  tracing: (code: string) => code,
}
const SDK_3 = {
  sdk: '@opentelemetry/sdk-trace 3',
  packages: {
    '@opentelemetry/api': '^1.10.0',
    '@opentelemetry/context-async-hooks': '^3.0.0',
    '@opentelemetry/resources': '^3.0.0',
    '@opentelemetry/sdk-trace': '^3.0.0',
  },
  tracing: (code: string) => code.replaceAll('BasicTracerProvider', 'TracerProvider').replace('-trace-base', '-trace'),
}

test.each([SDK_2, SDK_3])('own-provider in one of $sdk', async ({ packages, tracing }) => {
  const dependencies = { ...packages, 'agentops-edge': `file:${tarball}` }
  const app = await install({ commands: [[]], files: example, settings: { dependencies } })
  onTestFinished(app.remove)
  const { folder } = app
  await writeFile(join(folder, 'src/tracing.ts'), tracing(await readFile(join(folder, 'src/tracing.ts'), 'utf8')))
  const tsc = ['-p', folder, '--typeRoots', resolve('node_modules/@types')]
  await promisify(execFile)(resolve('node_modules/.bin/tsc'), tsc).catch(({ stdout }) => expect.fail(stdout))

  const env = ownEnvironment({ PORT: '0', OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url })
  const server = spawn(resolve('node_modules/.bin/node'), ['src/server.ts'], { cwd: folder, env })
  onTestFinished(() => void server.kill('SIGKILL'))
  let said = ''
  for (const stream of [server.stdout, server.stderr]) stream.setEncoding('utf8').on('data', (data) => (said += data))
  const url = await waitFor('the server', () => /^http:\S+(?=\n)/.exec(said)?.[0])

  const ask = async (body: string): Promise<[number, string]> => {
    const response = await fetch(`${url}/ask`, { method: 'POST', body })
    return [response.status, await response.text()]
  }
  expect(await ask('Ada')).toEqual([200, '2 orders\n'])
  const { root, spans } = await backend.session()
  expect(root).toMatchObject({
    name: 'POST /ask',
    attributes: { 'http.response.status_code': 200 },
    resource: { 'service.name': 'order-desk' },
  })
  expect(named(spans, 'search').parentSpanId).toBe(root?.spanId)

  expect(await ask('')).toEqual([500, ''])
  const failed = await backend.session(({ root }) => root?.status.code === 2)
  expect(failed.traceId).not.toBe(root?.traceId)

  server.kill('SIGTERM')
  const [code] = await once(server, 'exit')
  expect([code, said]).toEqual([0, `${url}\n`])
  const all = backend.collector.store.list().flatMap((session) => session.spans)
  expect(all.map(({ name }) => name).sort()).toEqual(['POST /ask', 'POST /ask', 'drain', 'search', 'search'])
})
