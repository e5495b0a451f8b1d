/** A client of a model that uses no `fetch` is named once, with what to do; what somebody sees is not. */
import { resolve } from 'node:path'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { installClients } from '../support/clients.ts'
import { bundleFunction, installRuntimeClient, type RunningFunction, startFunction } from '../support/lambda.ts'

const backend = useBackend()
const started: RunningFunction[] = []
let module = ''
beforeAll(async () => {
  await Promise.all([installClients(), installRuntimeClient()])
  module = await bundleFunction('test/fixtures/unseen.ts')
}, 300_000)
afterEach(() => Promise.all(started.splice(0).map((running) => running.stop())))

async function logsOf(call: string): Promise<string[]> {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url, CLIENTS: resolve('.cache/clients') }
  const running = await startFunction({ handler: `${module}.handler`, env, timeoutMs: 20_000 })
  started.push(running)
  for (let n = 0; n < 2; n++) expect((await running.invoke({ call })).error).toBeUndefined()
  expect(backend.collector.store.list()).toHaveLength(2)
  return running.logs
}

test.each([
  ['sdk', 'bedrock-runtime.eu-central-1.amazonaws.com'],
  ['axios', 'api.openai.com'],
  ['undici', 'api.openai.com'],
])('%s: said once', async (call, host) => {
  const logs = await logsOf(call)
  expect(logs).toHaveLength(1)
  expect(logs[0]).toContain(`agentops-edge: a model at ${host} is called by a client that does not use fetch`)
  expect(logs[0]).toContain('bedrockCalls(client)')
})

test.each(['wrapped', 'fetch', 'llm', 'files', 'other'])('%s: nothing is said', async (call) => {
  expect(await logsOf(call)).toEqual([])
})
