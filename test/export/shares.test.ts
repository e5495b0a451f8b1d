/** What several destinations share of a session: its requests, and the sizes of its buffer. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type AgentOpsOptions, createAgentOps, type FlushReport } from '../../src/index.ts'
import type { SpanExporter } from '../../src/runtime/sdk.ts'
import { scripted } from '../support/scripted-client.ts'

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}))
afterEach(() => vi.restoreAllMocks())

/** A session that works for a while, each of its `events` an export. */
async function work(options: AgentOpsOptions, events: number): Promise<FlushReport> {
  const session = createAgentOps({ mode: 'multi', ...options }).startSession()
  for (let n = 0; n < events; n++) {
    session.tool(`t${n}`, () => n)
    await session.flush()
  }
  return session.end()
}

const foreign: SpanExporter = { export: (_, done) => done({ code: 0 }), shutdown: async () => {} }

describe('maxRequests', () => {
  test.each([
    [1, [1, 0, 0]],
    [5, [2, 2, 1]],
    [6, [2, 2, 2]],
  ])('%i for three: %j, the first has what remains', async (maxRequests, expected) => {
    const backends = [await scripted(), await scripted(), await scripted()]
    const [first, ...exporters] = backends.map(({ url }) => ({ endpoint: `${url}/v1/traces` }))
    const errors = new Set<string | undefined>()
    const onExport = ({ error }: FlushReport): void => void (error && errors.add(error))
    await work({ ...first, exporters, maxRequests, onExport }, 3)
    expect(await Promise.all(backends.map(async (backend) => (await backend.received()).length))).toEqual(expected)
    expect([...errors]).toEqual([`maxRequests (${maxRequests}) is used up; raise it`])
  })

  test('somebody else’s exporter has no share', async () => {
    const backend = await scripted()
    const endpoint = `${backend.url}/v1/traces`
    await work({ endpoint, exporters: [foreign, foreign], maxRequests: 4 }, 3)
    expect(await backend.received()).toHaveLength(4)
  })

  test('by default it is enough for both', async () => {
    const [one, two] = [await scripted(), await scripted()]
    const exporters = [{ endpoint: `${two.url}/v1/traces` }]
    const report = await work({ endpoint: `${one.url}/v1/traces`, exporters }, 3)
    expect(report).toMatchObject({ sent: 8, dropped: 0 })
  })
})

test('the sizes of the buffer hold for every destination', async () => {
  const [one, two] = [await scripted(), await scripted()]
  const session = createAgentOps({
    endpoint: `${one.url}/v1/traces`,
    exporters: [{ endpoint: `${two.url}/v1/traces` }],
    maxExportBatchSize: 4,
  }).startSession()
  for (let n = 0; n < 7; n++) session.tool(`t${n}`, () => n)
  await session.end()
  for (const backend of [one, two]) expect((await backend.spans()).map(({ spans }) => spans.length)).toEqual([4, 4])
})
