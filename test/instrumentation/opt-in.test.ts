/** The environment asks for the standard's names: what it takes to send them is said where they are not. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { type AgentOpsOptions, createAgentOps } from '../../src/index.ts'
import { llmCalls } from '../../src/instrumentation/index.ts'
import { genAi } from '../../src/semconv/index.ts'
import { toCollector } from '../support/collected.ts'
import { type RunningReplies, startReplies } from '../support/replies.ts'

let server: RunningReplies
beforeAll(async () => {
  server = await startReplies()
})
afterEach(() => vi.unstubAllEnvs())
afterAll(() => server.close())

async function said(optIn: string, options: AgentOpsOptions = {}): Promise<string[]> {
  vi.stubEnv('OTEL_SEMCONV_STABILITY_OPT_IN', optIn)
  const lines: string[] = []
  const debug = vi.spyOn(console, 'debug').mockImplementation((line) => void lines.push(line))
  server.next({ bytes: '{"choices":[]}' })
  const client = createAgentOps(toCollector({ debug: true, instrumentations: { llm: llmCalls() }, ...options }))
  await client.withSession({}, async () => {
    await (await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', body: '{"model":"m"}' })).text()
  })
  debug.mockRestore()
  return lines.filter((line) => line.includes('OPT_IN'))
}

test('one line under debug says how; none where it is done, or another convention is asked for', async () => {
  expect(await said('http')).toEqual([])
  expect(await said('http,gen_ai_latest_experimental', { semconv: genAi })).toEqual([])
  expect(await said('http,gen_ai_latest_experimental')).toEqual([
    "agentops-edge: OTEL_SEMCONV_STABILITY_OPT_IN: AgentOps' names are sent; for the standard's give a destination semconv: genAi of agentops-edge/semconv",
  ])
  expect(await said('gen_ai_latest_experimental')).toEqual([])
})
