/** Whoever looks at a session or a client, in a log or among a tool's parameters, sees no key, no header and nothing hidden. */
import { inspect } from 'node:util'
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { agentopsV2 } from '../../src/formats/index.ts'
import { agentops } from '../../src/hono/index.ts'
import { type AgentOps, type AgentOpsOptions, createAgentOps, type Session, SessionExporter } from '../../src/index.ts'
import { llmCalls } from '../../src/instrumentation/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'
import { scripted } from '../support/scripted-client.ts'
import { secretFinder, secretKey, secretText } from '../support/secrets.ts'

const KEY = '9f1d2c3b-7777-4aaa-8bbb-0123456789ab'
const PARENT = '8e0c1b2a-6666-4ccc-8ddd-ba9876543210'
const LABELS = ['header', 'outer header', 'model key', 'provider error']
const secretsIn = secretFinder(LABELS)
const shownIn = (text: string): string[] => [
  ...secretsIn(text),
  ...[KEY, PARENT].filter((key) => text.includes(key.slice(0, 18)) || text.includes(key.slice(-18))),
]

/** With all that is configured, and a provider's answer. */
async function optionsOf(): Promise<{ options: AgentOpsOptions; api: string }> {
  const error = { error: { message: secretText('provider error'), type: 'bad', code: 'bad' } }
  const { url } = await scripted({ when: '"messages"', status: 400, body: JSON.stringify(error) }, {})
  const options: AgentOpsOptions = toCollector({
    apiKey: KEY,
    parentKey: PARENT,
    apiEndpoint: inject('collectorUrl'),
    headers: { 'x-team': secretKey('header') },
    exporters: [{ endpoint: `${url}/v1/traces`, headers: { 'x-other': secretKey('outer header') } }],
    instrumentations: { llm: llmCalls() },
    mode: 'multi',
  })
  return { options, api: url }
}

/** A call of a model that fails: its key and the provider's message are hidden from here on. */
async function callModel(api: string): Promise<void> {
  const headers = { authorization: `Bearer ${secretKey('model key')}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'ask' }] })
  const response = await fetch(`${api}/v1/chat/completions`, { method: 'POST', headers, body })
  expect(await response.text()).toContain('bad')
}

/** All texts that may be reached through properties, getters and methods of collections; nobody's own form of an object. */
function walked(from: unknown): string {
  const texts: string[] = []
  const seen = new Set<unknown>()
  const queue = [from]
  while (queue.length) {
    const one = queue.pop()
    if (typeof one === 'string') texts.push(one)
    if (Object(one) !== one || seen.has(one) || one === globalThis) continue
    seen.add(one)
    if (one instanceof Map || one instanceof Set) queue.push(...one.keys(), ...one.values())
    // What a function holds is its own.
    if (typeof one === 'function') continue
    for (const name of Reflect.ownKeys(one as object)) {
      const { value } = Object.getOwnPropertyDescriptor(one, name) ?? {}
      queue.push(value, String(name))
    }
  }
  return texts.join('\n')
}

const LOOKS: [string, (one: unknown) => string][] = [
  ['console.log', (one) => inspect(one)],
  ['inspect at any depth', (one) => inspect(one, { depth: Number.POSITIVE_INFINITY, maxStringLength: null })],
  [
    'inspect, hidden properties and getters too',
    (one) => inspect(one, { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true, maxArrayLength: null }),
  ],
  [
    'inspect without the object’s own form',
    (one) => inspect(one, { depth: Number.POSITIVE_INFINITY, showHidden: true, customInspect: false }),
  ],
  ['inside of something', (one) => inspect({ list: [one], map: new Map([['one', one]]) }, { depth: 9 })],
  ['JSON', (one) => JSON.stringify(one)],
  ['JSON inside of something', (one) => JSON.stringify({ list: [one], one })],
  ['a walk through its properties', walked],
  ['text', (one) => `${one}`],
]

let session: Session
let client: AgentOps
let api: string
beforeEach(async () => {
  const made = await optionsOf()
  api = made.api
  client = createAgentOps(made.options)
  session = client.startSession({ name: 'job' })
  await session.run(() => callModel(api))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await session.end()
})

describe.each(LOOKS)('%s', (_, look) => {
  test.each<[string, () => unknown]>([
    ['a session', () => session],
    ['a client', () => client],
    ['what a client gives', () => [client.activeSessions, client.currentSession]],
    [
      'its root, tracer, provider and context',
      () => [session.root, session.tracer, session.tracerProvider, session.context],
    ],
    ['an exporter', () => new SessionExporter({ apiKey: KEY, headers: { 'x-team': secretKey('header') } })],
    ['an error that has it as its cause', () => new Error('broken', { cause: session })],
  ])('%s', (_, one) => {
    expect(shownIn(look(one()))).toEqual([])
  })

  test('a session that has ended, over v2', async () => {
    const { options } = await optionsOf()
    const over = createAgentOps({ ...options, format: agentopsV2, exporters: [] }).startSession({ name: 'over' })
    await over.run(() => callModel(api))
    await over.end()
    expect(shownIn(look(over))).toEqual([])
  })

  test('a span, as onSpan gets it', async () => {
    const shown: string[] = []
    const { options } = await optionsOf()
    const onSpan: AgentOpsOptions['onSpan'] = (span) => void shown.push(look(span))
    const watched = createAgentOps({ ...options, onSpan }).startSession({ name: 'watched' })
    await watched.run(() => callModel(api))
    await watched.end()
    expect(shown.length).toBeGreaterThan(1)
    // It is not hidden yet; what is configured is.
    expect(shownIn(shown.join()).filter((label) => label !== 'provider error')).toEqual([])
  })

  test('the variables of a request, under the Hono middleware', async () => {
    const { options } = await optionsOf()
    const app = new Hono().use(agentops(options))
    app.get('/', async (c) => {
      await callModel(api)
      return c.text(`${look(c.var)}\n${look(c.get('agentops'))}`)
    })
    const response = await app.request('/')
    const text = await response.text()
    expect(response.status).toBe(200)
    expect(shownIn(text)).toEqual([])
  })
})

test('what is seen of a session says which it is', async () => {
  expect(inspect(session)).toContain(session.id)
  expect(JSON.stringify({ session })).toContain(session.id)
})

describe('among what a tool is given, and gives', () => {
  test('a session is its id, wherever it is', async () => {
    session.tool('given', { session, list: [session], map: new Map([['s', session]]), q: 'cats' }, () => ({ session }))
    session.action('alone', session, () => session)
    session.llm('gpt-4o', { prompt: [{ role: 'user', content: { session } }] }, (event) => {
      event.completion = { role: 'assistant', content: [session] }
    })
    session.record({ eventType: 'own', session, params: session })
    await session.end()
    const spans = await spansOf(session)
    const { id } = session
    expect(JSON.parse(`${named(spans, 'given.tool').attributes['tool.parameters']}`)).toEqual({
      session: id,
      list: [id],
      map: { s: id },
      q: 'cats',
    })
    expect(JSON.parse(`${named(spans, 'given.tool').attributes['tool.result']}`)).toEqual({ session: id })
    expect(`${named(spans, 'alone.operation').attributes['agentops.entity.output']}`.replaceAll('"', '')).toBe(id)
    expect(JSON.parse(`${named(spans, 'own.operation').attributes['event.data']}`)).toMatchObject({ session: id })
    const text = JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value))
    expect(shownIn(text)).toEqual([])
  })

  test('a client, a request’s variables, an error with a session as its cause: no secret', async () => {
    const cause = new Error('broken', { cause: { session, client } })
    session.tool(
      'given',
      { client, variables: { agentops: session }, exporter: new SessionExporter({ apiKey: KEY }) },
      () => client,
    )
    expect(() =>
      session.tool('thrown', { cause }, () => {
        throw cause
      }),
    ).toThrow(cause)
    session.action('parts', [session.root, session.tracerProvider, session.context], () => session.tracer)
    await session.end()
    const spans = await spansOf(session)
    expect(spans.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['given.tool', 'thrown.tool', 'parts.operation']),
    )
    const text = JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value))
    expect(shownIn(text)).toEqual([])
  })
})
