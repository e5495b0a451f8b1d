/**
 * Cloudflare's Agents SDK as a user has it: the example, installed and bundled by wrangler, in workerd, called by the SDK's
 * own client, a chat's client and an MCP client.
 */
import { cp } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { AgentClient } from 'agents/client'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createModelServer } from '../../examples/agents-sdk/model-server.ts'
import type { CollectedSpan } from '../../src/collector/otlp.ts'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import { runExample } from '../support/example.ts'
import { installAgentsSdk } from '../support/frameworks.ts'
import { waitFor } from '../support/wait.ts'

const backend = useBackend()
const clients: AgentClient[] = []
let url = ''
let stop: (() => Promise<void>) | undefined
let models: Server | undefined

beforeAll(async () => {
  const filter = (path: string): boolean => !/node_modules|\.wrangler/.test(path)
  const folder = await installAgentsSdk()
  await cp('examples/agents-sdk', folder, { recursive: true, filter })
  models = createModelServer().listen(0, '127.0.0.1')
  await waitFor('the model', () => models?.listening)
  const { port } = models.address() as AddressInfo
  const example = await runExample(folder, {
    OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url,
    MODEL_URL: `http://127.0.0.1:${port}/v1`,
  })
  url = example.url
  stop = example.stop
  // Bundled, and there: a client of a WebSocket waits for four seconds only.
  await (await fetch(url, { signal: AbortSignal.timeout(120_000) })).text()
}, 180_000)
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await trees()
  backend.collector.store.clear()
})
afterAll(async () => {
  await stop?.()
  models?.close()
  models?.closeAllConnections()
})

let count = 0
/** A client of an object that nobody has called before. */
async function connect(agent: string): Promise<AgentClient> {
  const client = new AgentClient({ host: new URL(url).host, protocol: 'ws', agent, name: `ada-${++count}` })
  clients.push(client)
  await client.ready
  await trees()
  backend.collector.store.clear()
  return client
}

/** The next message that `which` accepts. */
function message(client: AgentClient, which: (text: string) => boolean): Promise<string> {
  return new Promise((resolve) =>
    client.addEventListener('message', ({ data }) => which(String(data)) && resolve(String(data))),
  )
}

const spans = (): CollectedSpan[] => backend.collector.store.list().flatMap((session) => session.spans)
/** The sessions, once nothing has come for a while: a root each, and below it what has it for a parent, by start. */
async function trees(): Promise<string[]> {
  for (let before = -1; before !== spans().length; await sleep(1200)) before = spans().length
  const below = (parent: CollectedSpan, indent: string): string[] =>
    spans()
      .filter(({ parentSpanId, name }) => parentSpanId === parent.spanId && !name.endsWith('.session'))
      .sort((a, b) => Number(a.start - b.start))
      .flatMap((span) => [
        `${indent}${span.name}${span.attributes['agentops.incomplete'] ? ' (cut)' : ''}`,
        ...below(span, `${indent}  `),
      ])
  const roots = spans().filter(({ name }) => name.endsWith('.session'))
  const found = roots
    .sort((a, b) => Number(a.start - b.start))
    .map((root) => [root.name, ...below(root, '  ')].join('\n'))
  // Each span is in one of them.
  expect(found.join('\n').split('\n').filter(Boolean)).toHaveLength(spans().length)
  return found
}
const rootOf = (name: string): CollectedSpan => named(spans(), `${name}.session`)

describe('a desk', () => {
  test('a @callable method over the WebSocket', async () => {
    const client = await connect('desk')
    expect(await client.call('forecast', ['Oslo'])).toBe('sunny in Oslo')
    expect(await trees()).toEqual(['DeskAgent.forecast.session\n  DeskAgent.agent\n    get_weather.tool'])
    expect(rootOf('DeskAgent.forecast').attributes['session.id']).toBe(client.name)
  })

  test('a streaming one', async () => {
    const client = await connect('desk')
    const parts: unknown[] = []
    const last = await new Promise((resolve, reject) => {
      const stream = { onChunk: (part: unknown) => parts.push(part), onDone: resolve, onError: reject }
      client.call('forecasts', [['Oslo', 'Rome']], { stream }).catch(reject)
    })
    expect([parts, last]).toEqual([['sunny in Oslo', 'sunny in Rome'], '2 cities'])
    expect(await trees()).toEqual([
      'DeskAgent.forecasts.session\n  DeskAgent.agent\n    get_weather.tool\n    get_weather.tool',
    ])
  })

  test('a method that is not @callable is refused as without', async () => {
    const client = await connect('desk')
    await expect(client.call('note', ['Oslo'])).rejects.toThrow('Method note is not callable')
    expect(await trees()).toEqual(['DeskAgent.note.session\n  DeskAgent.agent'])
  })

  test('onMessage', async () => {
    const client = await connect('desk')
    const answer = message(client, (text) => text.startsWith('sunny'))
    client.send('Oslo')
    expect(await answer).toBe('sunny in Oslo')
    expect(await trees()).toEqual(['DeskAgent.webSocketMessage.session\n  DeskAgent.agent\n    get_weather.tool'])
  })

  test('onRequest', async () => {
    const response = await fetch(`${url}/agents/desk/req`, { method: 'POST', body: 'Oslo' })
    expect(await response.text()).toBe('sunny in Oslo')
    expect(await trees()).toEqual(['POST.session', 'POST.session\n  DeskAgent.agent\n    get_weather.tool'])
    expect(new Set(spans().map(({ traceId }) => traceId)).size).toBe(1)
  })

  test('a method that the Worker calls goes on in its trace', async () => {
    expect(await (await fetch(`${url}/forecast/Oslo`)).text()).toBe('sunny in Oslo')
    expect(await trees()).toEqual([
      'GET.session',
      'DeskAgent.forecast.session\n  DeskAgent.agent\n    get_weather.tool',
    ])
    expect(rootOf('DeskAgent.forecast')).toMatchObject({
      parentSpanId: rootOf('GET').spanId,
      traceId: rootOf('GET').traceId,
    })
  })

  test('what is scheduled and what is queued comes with an alarm', async () => {
    const client = await connect('desk')
    const due = ['report', 'noted'].map((start) => message(client, (text) => text.startsWith(start)))
    await client.call('remind', ['Oslo'])
    expect(await Promise.all(due)).toEqual(['report: sunny in Oslo', 'noted: Oslo'])
    expect(await trees()).toEqual([
      'DeskAgent.remind.session\n  DeskAgent.agent\n    schedule:create.operation\n    queue:create.operation',
      'DeskAgent.alarm.session\n  DeskAgent.agent\n    note.tool',
      'DeskAgent.alarm.session\n  DeskAgent.agent\n    schedule:execute.operation\n    get_weather.tool',
    ])
  })
})

describe('a chat', () => {
  const BEGUN = ['task:accepted', 'task:attempt:started', 'task:step:started', 'stream:opened']
  const OVER = ['stream:closed', 'stream:deleted', 'task:step:completed', 'task:completed']
  const actions = (names: string[]): string[] => names.map((name) => `    ${name}.operation`)
  /** What the SDK says of a turn, around what is called in it. */
  const turn = (method: string, asked: string[], ...calls: string[]): string =>
    [
      `ChatAgent.${method}.session`,
      '  ChatAgent.agent',
      ...actions([...asked, ...BEGUN]),
      ...calls.map((name) => `    ${name}`),
      ...actions(['message:response', 'session:message:appended', ...OVER]),
    ].join('\n')
  const ASKED = ['session:message:appended', 'message:request']
  const CALLS = ['chat.llm', 'get_weather.tool', 'chat.llm']
  const isDone = (text: string): boolean => text.includes('cf_agent_use_chat_response') && /"done":true/.test(text)
  const ask = (client: AgentClient, text: string, more: object = {}): void => {
    const messages = [{ id: 'message-1', role: 'user', parts: [{ type: 'text', text }] }]
    const init = { method: 'POST', body: JSON.stringify({ messages, ...more }) }
    client.send(JSON.stringify({ type: 'cf_agent_use_chat_request', id: 'request-1', init }))
  }

  test('a turn is one session, as long as its stream, with each model call, tool and token', async () => {
    const client = await connect('chat')
    const said: string[] = []
    client.addEventListener('message', ({ data }) => said.push(String(data)))
    const done = message(client, isDone)
    ask(client, 'How is it in Oslo?')
    await done
    expect(said.join()).toContain('sunny')
    expect(await trees()).toEqual([turn('webSocketMessage', ASKED, ...CALLS)])
    const calls = spans().filter(({ name }) => name === 'chat.llm')
    expect(calls.map(({ attributes }) => attributes['gen_ai.usage.total_tokens'])).toEqual([25, 48])
    const root = rootOf('ChatAgent.webSocketMessage')
    for (const { end } of spans()) expect(end).toBeLessThanOrEqual(root.end)
    expect(root.attributes['session.id']).toBe(client.name)
  })

  test('a turn that a Worker starts', async () => {
    const response = await fetch(`${url}/tell/ada`, { method: 'POST', body: 'How is it in Oslo?' })
    expect(await response.text()).toBe('completed')
    expect(await trees()).toEqual(['POST.session', turn('saveMessages', ['session:message:appended'], ...CALLS)])
    const root = rootOf('ChatAgent.saveMessages')
    for (const { end, name } of spans()) if (/llm|tool/.test(name)) expect(end).toBeLessThanOrEqual(root.end)
  })

  test('a turn that goes on with what the page answers', async () => {
    const client = await connect('chat')
    const clientTools = [{ name: 'get_city', description: 'Where the user is', parameters: { type: 'object' } }]
    const asked = message(client, isDone)
    ask(client, 'how is it here?', { clientTools })
    await asked
    expect(await trees()).toEqual([turn('webSocketMessage', ASKED, 'chat.llm')])
    backend.collector.store.clear()
    const done = message(client, isDone)
    const result = { toolCallId: 'call_1', toolName: 'get_city', output: 'Oslo', autoContinue: true, clientTools }
    client.send(JSON.stringify({ type: 'cf_agent_tool_result', ...result }))
    await done
    const resultTaken = ['tool:result', 'session:message:updated']
    expect(await trees()).toEqual([
      ['ChatAgent.webSocketMessage.session', '  ChatAgent.agent', ...actions(resultTaken)].join('\n'),
      ['ChatAgent.onChatMessage.session\n  ChatAgent.agent', ...CALLS].join('\n    '),
    ])
    const root = rootOf('ChatAgent.onChatMessage')
    for (const { end, name } of spans()) if (/llm|tool/.test(name)) expect(end).toBeLessThanOrEqual(root.end)
  })
})

test('an MCP server: a tool is in the session of the request that called it, init has none', async () => {
  const client = new Client({ name: 'desk', version: '1.0.0' })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`)))
  expect((await trees()).join()).not.toContain('WeatherServer.init')
  backend.collector.store.clear()
  try {
    const { content } = await client.callTool({ name: 'get_weather', arguments: { city: 'Oslo' } })
    expect(content).toEqual([{ type: 'text', text: 'sunny in Oslo' }])
    expect(await trees()).toEqual([
      'POST.session',
      'GET.session\n  WeatherServer.agent\n    connect.operation\n    get_weather.tool',
      'WeatherServer.webSocketClose.session\n  WeatherServer.agent\n    disconnect.operation',
    ])
  } finally {
    await client.close()
  }
})
