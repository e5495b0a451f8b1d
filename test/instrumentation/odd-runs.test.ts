/** Runs of frameworks as they should not be: ids that repeat, values that JSON has no form for, two copies of the library. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { generateText, isStepCount, jsonSchema, type LanguageModel, tool } from 'ai'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { createAgentOps } from '../../src/index.ts'
import { aiSdk } from '../../src/instrumentation/index.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'
import { startModels } from '../support/models.ts'

const STORAGE = Symbol.for('ls:tracing_async_local_storage')
const VARIABLES = Symbol.for('lc:context_variables')
const HOOKS = Symbol('the hooks of LangChain')
const globals = globalThis as { [STORAGE]?: object; AI_SDK_TELEMETRY_INTEGRATIONS?: unknown }
const fetch = globalThis.fetch
afterEach(() => {
  delete globals[STORAGE]
  delete globals.AI_SDK_TELEMETRY_INTEGRATIONS
})
afterAll(() => {
  globalThis.fetch = fetch
})

/** A model that nobody asks over HTTP: it gives one answer after the other. */
function modelOf(...answers: object[][]): LanguageModel {
  const usage = {
    inputTokens: { total: 11, noCache: 11, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 7, text: 7, reasoning: 0 },
  }
  return {
    ...{ specificationVersion: 'v4', provider: 'own.chat', modelId: 'own', supportedUrls: {} },
    doGenerate: async () => {
      const content = answers.shift() ?? []
      const finishReason = { unified: answers.length ? 'tool-calls' : 'stop', raw: undefined }
      return { content, finishReason, usage, warnings: [] }
    },
  } as unknown as LanguageModel
}
const call = (toolCallId: string, n: number): object => ({
  ...{ type: 'tool-call', toolCallId, toolName: 'wait', input: JSON.stringify({ n }) },
})
const DONE = [{ type: 'text', text: 'done' }]

test('the AI SDK: two calls with one id, side by side, are two tools, each with its result', async () => {
  const client = createAgentOps(
    toCollector({ mode: 'multi', captureContent: true, instrumentations: { aiSdk: aiSdk() } }),
  )
  const session = client.startSession({ name: 'desk' })
  const wait = tool({
    inputSchema: jsonSchema<{ n: number }>({ type: 'object' }),
    // The first one is over last.
    execute: async ({ n }) => {
      await new Promise((resolve) => setTimeout(resolve, 60 - n * 20))
      session.record({ eventType: 'actions', actionType: `inside ${n}` })
      return `result ${n}`
    },
  })
  const { text } = await session.run(() =>
    generateText({
      ...{ model: modelOf([call('', 1), call('', 2)], DONE), tools: { wait }, prompt: 'wait' },
      stopWhen: isStepCount(3),
    }),
  )
  await session.end('Success')
  const spans = await spansOf(session)
  const tools = spans.filter(({ name }) => name === 'wait.tool')
  expect([text, tools.length]).toEqual(['done', 2])
  for (const { attributes, status, spanId } of tools) {
    const { n } = JSON.parse(`${attributes['tool.parameters']}`)
    expect([attributes['tool.result'], status.code]).toEqual([`result ${n}`, 1])
    expect(named(spans, `inside ${n}.operation`).parentSpanId).toBe(spanId)
  }
})

test('the AI SDK: a tool whose input JSON has no form for does not cost the model’s call', async () => {
  const client = createAgentOps(toCollector({ mode: 'multi', instrumentations: { aiSdk: aiSdk() } }))
  const session = client.startSession({ name: 'desk' })
  const inputSchema = jsonSchema<{ n: bigint }>(
    { type: 'object' },
    { validate: (value) => ({ success: true, value: { n: BigInt((value as { n: number }).n) } }) },
  )
  const wait = tool({ inputSchema, execute: async ({ n }) => `${n}` })
  await session.run(() =>
    generateText({
      ...{ model: modelOf([call('call_1', 1)], DONE), tools: { wait }, prompt: 'wait' },
      stopWhen: isStepCount(3),
    }),
  )
  await session.end('Success')
  const spans = await spansOf(session)
  const calls = spans.filter(({ name }) => name === 'chat.llm')
  expect(calls.map(({ attributes }) => attributes['gen_ai.usage.input_tokens'])).toEqual([11, 11])
  expect(named(spans, 'wait.tool').links[0]?.spanId).toBe(calls[0]?.spanId)
})

test('LangChain: of two copies of the library the second counts a call once, too', async () => {
  type Store = Record<symbol, Record<PropertyKey, unknown>>
  const storage = new AsyncLocalStorage<Store>()
  globals[STORAGE] = storage
  const setContextVariable = (name: PropertyKey, value: unknown): void => {
    const store = storage.getStore()
    storage.enterWith({ ...store, [VARIABLES]: { ...store?.[VARIABLES], [name]: value } })
  }
  const registerConfigureHook = (hook: object): void => {
    const known = (storage.getStore()?.[VARIABLES]?.[HOOKS] ?? []) as object[]
    setContextVariable(HOOKS, [...known, hook])
  }
  const models = await startModels('')
  try {
    for (const name of ['first', 'second']) {
      vi.resetModules()
      const { langChain, llmCalls } = await import('../../src/instrumentation/index.ts')
      const { createAgentOps } = await import('../../src/index.ts')
      const instrumentations = { llm: llmCalls(), langChain: langChain({ registerConfigureHook, setContextVariable }) }
      const session = createAgentOps(toCollector({ mode: 'multi', instrumentations })).startSession({ name })
      await session.run(async () => {
        const told = storage.getStore()?.[VARIABLES]?.agentops as Record<string, (...args: unknown[]) => void>
        const extra = { invocation_params: { model: 'gpt-4o' } }
        told.handleChatModelStart?.({}, [[]], `run of ${name}`, undefined, extra, [], {})
        const body = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'x' }] })
        const headers = { 'content-type': 'application/json' }
        const response = await globalThis.fetch(`${models.base('json')}/v1/chat/completions`, {
          method: 'POST',
          headers,
          body,
        })
        await response.text()
        told.handleLLMEnd?.(
          { generations: [[{ text: 'x' }]], llmOutput: { tokenUsage: { promptTokens: 5 } } },
          `run of ${name}`,
        )
      })
      await session.end('Success')
      expect((await spansOf(session)).map((span) => span.name)).toEqual([`${name}.session`, 'chat.llm'])
    }
  } finally {
    await models.close()
  }
})
