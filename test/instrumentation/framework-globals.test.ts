/** How frameworks are asked to tell: by lists and providers on `globalThis`, which may be missing, frozen or of another form. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

type Module = typeof import('../../src/instrumentation/index.ts')

const PROVIDER = Symbol.for('openai.agents.core.traceProvider')
const LIST = 'AI_SDK_TELEMETRY_INTEGRATIONS'
const globals = globalThis as unknown as Record<string | symbol, unknown>
const said: string[] = []

/** A copy of the library of its own. */
async function load(): Promise<Module> {
  vi.resetModules()
  return import('../../src/instrumentation/index.ts')
}

beforeEach(() => {
  said.length = 0
  vi.spyOn(console, 'warn').mockImplementation((line) => void said.push(line))
})
afterEach(() => {
  vi.restoreAllMocks()
  delete globals[LIST]
  delete globals[PROVIDER]
})

/** A provider as the SDK's: it keeps who listens. */
const provider = (): { processors: object[]; registerProcessor(one: object): void } => {
  const processors: object[] = []
  return { processors, registerProcessor: (one) => void processors.push(one) }
}

test('an import touches nothing', async () => {
  await load()
  expect([LIST in globals, PROVIDER in globals]).toEqual([false, false])
})

test('the AI SDK’s list gets one integration, before all others, however often and from however many copies it is asked for', async () => {
  const other = { onStart() {} }
  globals[LIST] = [other, null]
  const list = globals[LIST] as unknown[]
  const [one, two] = [await load(), await load()]
  one.aiSdk()
  one.aiSdk()
  two.aiSdk()
  expect(globals[LIST]).toBe(list)
  expect(list.slice(1)).toEqual([other, null])
  expect(said).toEqual([])
})

test('a list that is missing is made, and a frozen one replaced', async () => {
  const { aiSdk } = await load()
  aiSdk()
  expect(globals[LIST]).toHaveLength(1)
  globals[LIST] = Object.freeze([{}])
  aiSdk()
  expect(globals[LIST]).toHaveLength(2)
  expect(said).toEqual([])
})

test.each([
  ['no list', () => (globals[LIST] = { onStart() {} })],
  ['sealed', () => (globals[LIST] = Object.seal([{}]))],
  [
    'read-only',
    () => Object.defineProperty(globals, LIST, { value: Object.freeze([]), configurable: true, writable: false }),
  ],
])('what the AI SDK has is %s: one line, and nothing is thrown or changed', async (_, prepare) => {
  prepare()
  const before = globals[LIST]
  const { aiSdk } = await load()
  expect(aiSdk()).toMatchObject({ instruments: 'aiSdk' })
  expect(globals[LIST]).toBe(before)
  expect(said.filter((line) => line.includes('aiSdk: AI_SDK_TELEMETRY_INTEGRATIONS'))).toHaveLength(1)
})

test('what the AI SDK tells outside of a session, or in another form, changes nothing', async () => {
  const { aiSdk } = await load()
  aiSdk()
  const [integration] = globals[LIST] as [Record<string, (event: unknown) => unknown>]
  for (const name of Object.keys(integration)) {
    if (name.startsWith('execute')) continue
    for (const event of [{}, { callId: 'a' }, { callId: 'a', toolCall: null }, null, undefined, 'text']) {
      expect(() => integration[name]?.(event)).not.toThrow()
    }
  }
  const failure = new RangeError('mine')
  for (const name of ['executeTool', 'executeLanguageModelCall']) {
    expect(await integration[name]?.({ callId: 'a', toolCallId: 'b', execute: async () => 7 })).toBe(7)
    const failing = integration[name]?.({ callId: 'a', execute: async () => Promise.reject(failure) })
    await expect(failing).rejects.toBe(failure)
  }
})

test('the Agents SDK’s provider is told once, when it is there and when it is made later', async () => {
  const there = provider()
  globals[PROVIDER] = there
  const [one, two] = [await load(), await load()]
  one.openaiAgents()
  one.openaiAgents()
  two.openaiAgents()
  expect(there.processors).toHaveLength(1)

  delete globals[PROVIDER]
  one.openaiAgents()
  one.openaiAgents()
  expect(globals[PROVIDER]).toBeUndefined()
  const later = provider()
  globals[PROVIDER] = later
  expect(globals[PROVIDER]).toBe(later)
  expect(later.processors).toHaveLength(1)
  expect(said).toEqual([])
})

test.each([
  ['of another form', () => (globals[PROVIDER] = {})],
  ['frozen', () => (globals[PROVIDER] = Object.freeze(provider()))],
  ['no object', () => (globals[PROVIDER] = 7)],
])('a provider that is %s: said, not thrown', async (_, prepare) => {
  prepare()
  const before = globals[PROVIDER]
  const { openaiAgents } = await load()
  expect(openaiAgents()).toMatchObject({ instruments: 'openaiAgents' })
  expect(globals[PROVIDER]).toBe(before)
  expect((before as { processors?: object[] }).processors ?? []).toEqual([])
  expect(said.some((line) => line.includes('openaiAgents: globalThis or the SDK’s provider'))).toBe(true)
})
