/**
 * Models and tools' servers that want to harm: what they make us keep is bounded, and takes time in proportion to what
 * they send. The limits of time are far above that, and far below what it takes when it grows with the square.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSpan } from '../../src/collector/otlp.ts'
import { type AgentOpsOptions, createAgentOps, type Session } from '../../src/index.ts'
import { traced } from '../../src/instrumentation/fetch.ts'
import { llmCalls } from '../../src/instrumentation/index.ts'
import { ProviderQuotes } from '../../src/instrumentation/quotes.ts'
import { readerFor } from '../../src/instrumentation/streams.ts'
import { chat } from '../../src/instrumentation/wires/openai.ts'
import { Answer } from '../../src/instrumentation/wires/wire.ts'
import { sessionMetrics } from '../../src/metrics/index.ts'
import { spansOf, toCollector } from '../support/collected.ts'
import { type RunningReplies, startReplies } from '../support/replies.ts'
import { startSink } from '../support/sink.ts'

let server: RunningReplies
beforeAll(async () => {
  server = await startReplies()
})
afterAll(() => server.close())

async function run(options: AgentOpsOptions, work: (session: Session) => unknown): Promise<CollectedSpan[]> {
  const client = createAgentOps(toCollector({ instrumentations: { llm: llmCalls() }, ...options, mode: 'multi' }))
  const session = await client.withSession({ name: 'job' }, async (running) => {
    await work(running)
    return running
  })
  return spansOf(session)
}
const ask = async (body: object = {}): Promise<string> => {
  const asked = { method: 'POST', body: JSON.stringify({ model: 'm', messages: [], ...body }) }
  return (await fetch(`${server.url}/v1/chat/completions`, asked)).text()
}
const timed = (work: () => unknown): number => {
  const begun = performance.now()
  work()
  return performance.now() - begun
}
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const kept = ({ choices }: Answer): number =>
  choices
    .flatMap(({ content, calls }) => [content, ...calls.flatMap((call) => [call.id, call.name, call.arguments])])
    .reduce((sum, text) => sum + (text?.length ?? 0), 0)

test('frames of 4 MB that come in parts of 1 KB', () => {
  const body = utf8(JSON.stringify({ text: 'x'.repeat(4_000_000) }))
  const frame = new Uint8Array(16 + body.length)
  new DataView(frame.buffer).setUint32(0, frame.length)
  frame.set(body, 12)
  let events = 0
  const reader = readerFor('', () => events++)
  const took = timed(() => {
    for (let n = 0; n < 3; n++)
      for (let at = 0; at < frame.length; at += 1024) reader.push(frame.subarray(at, at + 1024))
  })
  expect(events).toBe(3)
  expect(took).toBeLessThan(4000)
})

test('an event of 4 MB that comes in parts of 16 bytes', () => {
  const bytes = utf8(`data: ${JSON.stringify({ text: 'x'.repeat(4_000_000) })}\n\n`)
  let events = 0
  const reader = readerFor('', () => events++)
  const took = timed(() => {
    for (let at = 0; at < bytes.length; at += 16) reader.push(bytes.subarray(at, at + 16))
  })
  expect(events).toBe(1)
  expect(took).toBeLessThan(8000)
})

test('8 MB of tiny deltas behind 64 KB of text and tools: one budget', () => {
  const answer = new Answer(true)
  const reader = readerFor('text/event-stream', (part) => chat.read(part, answer))
  const delta = (more: object): string => `data: ${JSON.stringify({ choices: [{ index: 0, delta: more }] })}\n\n`
  reader.push(utf8(delta({ content: 'x'.repeat(40_000) })))
  reader.push(
    utf8(delta({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: 'y'.repeat(40_000) } }] })),
  )
  const tiny = utf8(
    Array.from({ length: 1000 }, (_, n) =>
      delta(
        n % 2
          ? { content: 'x' }
          : { tool_calls: [{ index: n, id: `id${n}`, function: { name: 'g', arguments: '{' } }] },
      ),
    ).join(''),
  )
  const took = timed(() => {
    for (let sent = 0; sent < 8e6; sent += tiny.length) reader.push(tiny)
  })
  expect(kept(answer)).toBeLessThanOrEqual(65_536)
  expect(answer.choices.flatMap(({ calls }) => calls).length).toBeLessThanOrEqual(128)
  expect(took).toBeLessThan(15_000)
})

test('256 tool calls with arguments of 60 KB: later tools cost nothing more', async () => {
  const args = JSON.stringify({ q: 'z'.repeat(60_000) })
  const tool_calls = Array.from({ length: 256 }, (_, index) => ({
    index,
    id: `call_${index}`,
    function: { name: 'search', arguments: args },
  }))
  const bytes = JSON.stringify({
    choices: [{ message: { tool_calls: tool_calls.slice(0, 60) }, finish_reason: 'tool_calls' }],
  })
  const toolsAfter = async (asked: boolean): Promise<number> => {
    let took = 0
    await run({ maxQueueSize: 5000 }, async (session) => {
      server.next({ bytes })
      if (asked) for (let n = 0; n < 5; n++) await ask()
      took = timed(() => {
        for (let n = 0; n < 500; n++) session.tool('search', { q: n }, () => n)
      })
    })
    return took
  }
  await toolsAfter(false)
  const without = await toolsAfter(false)
  expect(await toolsAfter(true)).toBeLessThan(10 * without + 500)
})

test('a stub among a tool’s parameters: none of its methods is called', async () => {
  const called: unknown[] = []
  const method =
    (name: unknown): (() => unknown) =>
    () =>
      called.push(name)
  const stub = new Proxy({}, { get: (_, name) => (typeof name === 'symbol' ? undefined : method(name)) })
  const tool_calls = [1, 2].map((q) => ({
    id: `c${q}`,
    function: { name: 'search', arguments: JSON.stringify({ q }) },
  }))
  server.next({ bytes: JSON.stringify({ choices: [{ message: { tool_calls } }] }) })
  const spans = await run({}, async (session) => {
    await ask()
    session.tool('search', { q: 2, stub }, () => 1)
    session.tool('search', stub, () => 1)
  })
  expect(called).toEqual([])
  expect(spans.filter(({ name }) => name === 'search.tool').map(({ links }) => links.length)).toEqual([1, 1])
})

describe('what a refusal says, looked for in every text afterwards', () => {
  const crafted = [
    'a'.repeat(28_000),
    'ab'.repeat(14_000),
    'the quick brown fox jumps over '.repeat(900),
    '\\'.repeat(28_000),
    '\\u0061'.repeat(4_600),
    Array.from({ length: 1400 }, (_, n) => `${n} ${'x '.repeat(8)}`).join(''),
  ]
  test.each(crafted.map((text, n) => [n, text] as const))('crafted text %i', (_, text) => {
    const quotes = new ProviderQuotes()
    quotes.add(text)
    quotes.add(`${text.slice(0, 500)}!`)
    quotes.add(text.slice(7))
    const took = timed(() => {
      for (let n = 0; n < 50; n++) quotes.from(text)
    })
    expect(took / 50).toBeLessThan(50)
    if (text.includes(' ')) expect(quotes.from(`${text}`)).toContain('[hidden]')
  })

  test('five refusals of 4 MB: kilobytes are kept, and the call ends at once', async () => {
    const messages = Array.from({ length: 4000 }, (_, n) => `message ${n} ${'w '.repeat(500)}`)
    const bytes = JSON.stringify({ error: { message: 'no such thing as this one is', type: 'bad', details: messages } })
    let took = 0
    const spans = await run({}, async (session) => {
      server.next({ status: 400, bytes })
      for (let n = 0; n < 5; n++) await ask()
      took = timed(() => {
        for (let n = 0; n < 200; n++)
          session.record({ eventType: 'actions', actionType: 'said: no such thing as this one is' })
      })
    })
    expect(took).toBeLessThan(2000)
    const said = JSON.stringify(spans.map(({ name, attributes }) => [name, attributes]))
    expect(said).not.toContain('no such thing')
    expect(spans.filter(({ status }) => status.code === 2)).toHaveLength(5)
  })
})

test('statuses are cut, contents on or off', async () => {
  for (const captureContent of [false, true]) {
    server.next({
      status: 400,
      bytes: JSON.stringify({ error: { message: 'long '.repeat(100_000), type: 't'.repeat(500) } }),
    })
    const spans = await run({ captureContent }, () => ask())
    const failed = spans.filter(({ status }) => status.code === 2)
    expect(failed).toHaveLength(1)
    expect(failed[0]?.status.message?.length).toBeLessThan(1100)
    expect(failed[0]?.attributes['error.type']).toBe('error')
  }
})

test('usage of 1e308 and 3,000 names of one model: the metrics of others stay right', async () => {
  const sink = await startSink()
  const options = {
    endpoint: `${sink.url}/v1/traces`,
    metrics: sessionMetrics(),
    instrumentations: { llm: llmCalls() },
  }
  const client = createAgentOps({ ...options, mode: 'multi', maxQueueSize: 10_000 })
  const of = (model: string, prompt: number): object => ({
    model,
    usage: { prompt_tokens: prompt, completion_tokens: 1 },
  })
  await client.withSession({ name: 'job' }, async (session) => {
    const call = async (model: string, answer: object): Promise<void> => {
      const send = async (): Promise<Response> => Response.json(answer)
      const init = { method: 'POST', body: JSON.stringify({ model, messages: [] }) }
      await (await traced(send as typeof fetch, session, 'http://127.0.0.1/v1/chat/completions', init, false)).text()
    }
    for (let n = 0; n < 3000; n++) await call('m', of(`name-${n}`, n === 0 ? 1e308 : 1))
    for (let n = 0; n < 3; n++) await call('honest', of('honest-2026', 12))
  })
  await client.flush()
  const points = sink.received
    .filter(({ path }) => path === '/v1/metrics')
    .flatMap(({ body }) => JSON.parse(`${body}`).resourceMetrics)
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap(({ metrics }) => metrics)
    .filter(({ name }) => name === 'gen_ai.client.token.usage')
    .flatMap(({ histogram }) => histogram.dataPoints)
  await sink.close()
  const honest = points.filter((point) => JSON.stringify(point.attributes).includes('honest-2026'))
  expect(honest.map(({ sum, count }) => [Number(count), sum])).toEqual([
    [3, 36],
    [3, 3],
  ])
  expect(points.length).toBeLessThan(60)
  expect(JSON.stringify(points)).not.toMatch(/null|e\+30/)
})
