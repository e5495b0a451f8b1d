/** What metrics are called: as the destination has it beside whose traces they go. In Node, at a receiver over HTTP. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AgentOpsOptions, createAgentOps } from '../../src/index.ts'
import { llmCalls } from '../../src/instrumentation/index.ts'
import { sessionMetrics } from '../../src/metrics/index.ts'
import { genAi } from '../../src/semconv/index.ts'
import { type RunningReplies, startReplies } from '../support/replies.ts'
import { type RunningSink, startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'

let sink: RunningSink
let models: RunningReplies
beforeAll(async () => {
  sink = await startSink()
  models = await startReplies()
})
afterAll(() => Promise.all([sink.close(), models.close()]))

interface Point {
  attributes: { key: string; value: object }[]
  asDouble?: number
  asInt?: string
  count?: string
  sum?: number
}
interface Metric {
  name: string
  unit: string
  sum?: { dataPoints: Point[] }
  histogram?: { dataPoints: Point[] }
}
type Found = Record<string, { unit: string; points: [attributes: Record<string, unknown>, value: number][] }>

const CHAT = '/v1/chat/completions'
const stream = (usage: object): string =>
  [
    { model: 'm-2026', choices: [{ index: 0, delta: { content: 'hi' } }] },
    { model: 'm-2026', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    { model: 'm-2026', choices: [], usage },
  ]
    .map((event) => `data: ${JSON.stringify(event)}\n\n`)
    .join('')

/** An agent with a streamed call, a refused one, and two tools of which one throws; embeddings outside. */
async function measured(options: AgentOpsOptions): Promise<Found> {
  sink.received.length = 0
  const client = createAgentOps({
    endpoint: `${sink.url}/v1/traces`,
    metrics: sessionMetrics({ exportIntervalMs: 50 }),
    instrumentations: { llm: llmCalls() },
    mode: 'multi',
    ...options,
  })
  const post = async (path: string, body: object): Promise<string> =>
    (await fetch(`${models.url}${path}`, { method: 'POST', body: JSON.stringify({ model: 'm', ...body }) })).text()
  await client.withSession({ name: 'job' }, async (session) => {
    await session.agent('planner', async () => {
      const details = { cached_tokens: 4, cache_write_tokens: 2, audio_tokens: 3 }
      const usage = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17, prompt_tokens_details: details }
      const bytes = stream({ ...usage, completion_tokens_details: { reasoning_tokens: 1 } })
      models.next({ bytes, piece: 60 })
      await post(CHAT, { stream: true, messages: [] })
      models.next({ status: 429, bytes: JSON.stringify({ error: { type: 'rate_limit', message: 'slow' } }) })
      await post(CHAT, { messages: [] })
      session.tool('search', {}, () => 1)
      await session.tool('book', {}, async () => Promise.reject(new RangeError('full'))).catch(() => 0)
    })
    models.next({ bytes: JSON.stringify({ model: 'e', data: [], usage: { prompt_tokens: 5, total_tokens: 5 } }) })
    await post('/v1/embeddings', { input: 'x' })
  })
  await client.flush?.()
  const posts = await waitFor('the metrics', () => {
    const all = sink.received.filter(({ path }) => path === '/v1/metrics')
    return all.length ? all : undefined
  })
  const metrics: Metric[] = (posts as { body: string }[]).flatMap(({ body }) =>
    JSON.parse(body).resourceMetrics[0].scopeMetrics.flatMap((scope: { metrics: Metric[] }) => scope.metrics),
  )
  const found: Found = {}
  for (const { name, unit, sum, histogram } of metrics) {
    if (!/^(gen_ai|mcp)\./.test(name)) continue
    const points = (sum ?? histogram)?.dataPoints ?? []
    found[name] = {
      unit,
      points: points.map(({ attributes, asDouble, asInt, count, sum }) => [
        Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
        Number(asDouble ?? asInt ?? (unit === 's' ? count : sum)),
      ]),
    }
  }
  return found
}

const MODEL = { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'gen_ai.request.model': 'm' }

describe('metrics', () => {
  test('of a destination with the standard’s names have its newest', async () => {
    const found = await measured({ semconv: genAi })
    const server = { 'server.address': '127.0.0.1', 'server.port': expect.anything() }
    const answered = { ...MODEL, 'gen_ai.response.model': 'm-2026', ...server }
    const refused = { ...MODEL, ...server }
    const planner = { 'gen_ai.agent.name': 'planner' }
    const function_ = { 'gen_ai.tool.type': 'function' }
    const unknown = { 'gen_ai.token.modality': 'unknown' }
    expect(found).toEqual({
      'gen_ai.client.inference.duration': {
        unit: 's',
        points: [
          [answered, 1],
          [{ ...refused, 'error.type': 'rate_limit' }, 1],
        ],
      },
      'gen_ai.client.inference.time_to_first_chunk': { unit: 's', points: [[answered, 1]] },
      // The client may be given several pieces at once.
      'gen_ai.client.inference.time_per_output_chunk': { unit: 's', points: [[answered, expect.any(Number)]] },
      'gen_ai.client.operation.duration': {
        unit: 's',
        points: [
          [
            {
              ...MODEL,
              ...server,
              'gen_ai.operation.name': 'embeddings',
              'gen_ai.response.model': 'e',
            },
            1,
          ],
        ],
      },
      'gen_ai.client.inference.usage.input_tokens': {
        unit: '{token}',
        points: [
          [{ ...answered, 'gen_ai.token.modality': 'audio' }, 3],
          [{ ...answered, ...unknown }, 9],
          [{ ...refused, ...unknown }, 0],
        ],
      },
      'gen_ai.client.inference.usage.output_tokens': {
        unit: '{token}',
        points: [
          [{ ...answered, ...unknown }, 5],
          [{ ...refused, ...unknown }, 0],
        ],
      },
      'gen_ai.client.inference.usage.cache_read.input_tokens': {
        unit: '{token}',
        points: [[{ ...answered, ...unknown }, 4]],
      },
      'gen_ai.client.inference.usage.cache_write.input_tokens': {
        unit: '{token}',
        points: [[{ ...answered, ...unknown }, 2]],
      },
      'gen_ai.client.inference.usage.reasoning.output_tokens': {
        unit: '{token}',
        points: [[{ ...answered, ...unknown }, 1]],
      },
      'gen_ai.client.inference.operation.input_tokens': { unit: '{token}', points: [[answered, 12]] },
      'gen_ai.client.inference.operation.output_tokens': { unit: '{token}', points: [[answered, 5]] },
      'gen_ai.invoke_agent.duration': { unit: 's', points: [[planner, 1]] },
      'gen_ai.invoke_agent.inference_calls': { unit: '{inference_call}', points: [[planner, 2]] },
      'gen_ai.invoke_agent.tool_calls': { unit: '{tool_call}', points: [[planner, 2]] },
      'gen_ai.execute_tool.duration': {
        unit: 's',
        points: [
          [{ 'gen_ai.tool.name': 'search', ...function_, ...planner }, 1],
          [{ 'gen_ai.tool.name': 'book', ...function_, ...planner, 'error.type': 'RangeError' }, 1],
        ],
      },
    })
  })

  test('of any other have the older ones, also where a destination beside has the standard’s', async () => {
    const other = await measured({ exporters: [{ endpoint: `${sink.url}/other/v1/traces`, semconv: genAi }] })
    expect(Object.keys(other).sort()).toEqual(['gen_ai.client.operation.duration', 'gen_ai.client.token.usage'])
    const points = other['gen_ai.client.token.usage']?.points.map(([of, sum]) => [of['gen_ai.token.type'], sum])
    expect(points).toEqual([
      ['input', 12],
      ['output', 5],
      ['input', 5],
    ])
  })
})
