/** What the local backend understands of spans of other conventions and other makers, over HTTP. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Backend, type SpanRow, startBackend } from '../../src/collector/index.ts'
import { type DeskSpan, otlpOf, spanId, traceIdOf } from '../support/desk.ts'

let backend: Backend
let last = 0
beforeAll(async () => {
  backend = await startBackend()
})
afterAll(() => backend.close())

async function taken(spans: DeskSpan[]): Promise<[traceId: string, rows: SpanRow[]]> {
  last += 1
  const traceId = traceIdOf(last)
  const body = JSON.stringify(otlpOf({ traceId, name: 'x', start: Date.now(), ms: 100, spans }))
  const headers = { 'content-type': 'application/json' }
  expect((await fetch(`${backend.url}/v1/traces`, { method: 'POST', body, headers })).status).toBe(200)
  return [traceId, (await backend.store.spans(traceId, 100)).filter(({ type }) => type !== 'session')]
}
const chat = async (traceId: string): Promise<string> =>
  text(await (await fetch(`${backend.url}/traces/${traceId}?view=chat`)).text())
const panel = async (traceId: string, n: number): Promise<string> =>
  text(await (await fetch(`${backend.url}/traces/${traceId}/spans/${spanId(traceId, n)}`)).text())
/** Without its tags. */
const text = (html: string): string =>
  html
    .replace(/^[\s\S]*<main[^>]*>/, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/&quot;/g, '"')
    .replace(/\s+/g, ' ')

const span = (attributes: Record<string, unknown>, name = 'a span'): DeskSpan => ({ name, at: 1, ms: 2, attributes })
const messages = (...list: object[]): string => JSON.stringify(list)

test.each<[string, DeskSpan, Partial<SpanRow>, string[]]>([
  [
    "OpenTelemetry's",
    span({
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'm',
      'gen_ai.usage.input_tokens': 5,
      'gen_ai.usage.output_tokens': 2,
      'gen_ai.system_instructions': messages({ type: 'text', content: 'Be kind.' }),
      'gen_ai.input.messages': messages({ role: 'user', parts: [{ type: 'text', content: 'Hello' }] }),
      'gen_ai.output.messages': messages({
        role: 'assistant',
        parts: [
          { type: 'reasoning', content: 'Hm.' },
          { type: 'text', content: 'Hi' },
        ],
      }),
    }),
    { type: 'model', label: 'm', inputTokens: 5, outputTokens: 2, note: 'Hi' },
    ['Be kind.', 'Hello', 'Hm.', 'Hi'],
  ],
  [
    "OpenInference's",
    span({
      'openinference.span.kind': 'LLM',
      'llm.model_name': 'm',
      'llm.token_count.prompt': 5,
      'llm.token_count.completion': 2,
      'llm.input_messages.0.message.role': 'user',
      'llm.input_messages.0.message.content': 'Hello',
      'llm.output_messages.0.message.role': 'assistant',
      'llm.output_messages.0.message.tool_calls.0.tool_call.id': 'c1',
      'llm.output_messages.0.message.tool_calls.0.tool_call.function.name': 'search',
      'llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments': '{"q":"cats"}',
    }),
    { type: 'model', label: 'm', inputTokens: 5, outputTokens: 2, note: '→ search({"q":"cats"})' },
    ['Hello', 'search', '"q": "cats"'],
  ],
  [
    "OpenLLMetry's",
    span({
      'llm.request.type': 'chat',
      'gen_ai.request.model': 'm',
      'gen_ai.prompt.0.role': 'user',
      'gen_ai.prompt.0.content': 'Hello',
      'gen_ai.completion.0.content': 'Hi',
      'gen_ai.usage.prompt_tokens': 5,
      'gen_ai.usage.completion_tokens': 2,
    }),
    { type: 'model', label: 'm', inputTokens: 5, outputTokens: 2, note: 'Hi' },
    ['Hello', 'Hi'],
  ],
  [
    "the AI SDK's",
    span({
      'ai.operationId': 'ai.generateText.doGenerate',
      'ai.model.id': 'm',
      'ai.usage.promptTokens': 5,
      'ai.usage.completionTokens': 2,
      'ai.prompt.messages': messages({ role: 'user', content: [{ type: 'text', text: 'Hello' }] }),
      'ai.response.text': 'Hi',
    }),
    { type: 'model', label: 'm', inputTokens: 5, outputTokens: 2, note: 'Hi' },
    ['Hello', 'Hi'],
  ],
])('a model call in %s words', async (_, call, expected, said) => {
  const [traceId, rows] = await taken([call])
  expect(rows).toMatchObject([expected])
  const shown = await chat(traceId)
  for (const part of said) expect(shown).toContain(part)
})

test.each<[string, Record<string, unknown>, Partial<SpanRow>]>([
  [
    'tool',
    { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 't', 'gen_ai.tool.call.result': '[1]' },
    { label: 't', note: '[1]' },
  ],
  ['tool', { 'ai.operationId': 'ai.toolCall', 'ai.toolCall.name': 't', 'ai.toolCall.result': '"r"' }, { label: 't' }],
  ['tool', { 'openinference.span.kind': 'TOOL', 'tool.name': 't', 'output.value': 'out' }, { label: 't', note: 'out' }],
  ['agent', { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'planner' }, { label: 'planner' }],
  ['agent', { 'ai.operationId': 'ai.streamText', 'ai.usage.promptTokens': 9 }, { inputTokens: undefined }],
  ['action', { 'traceloop.span.kind': 'workflow' }, { label: 'a span' }],
  ['http', { 'http.request.method': 'GET' }, {}],
  ['database', { 'db.system.name': 'sqlite' }, {}],
  ['span', { 'order.id': 7 }, {}],
])('a %s: %j', async (type, attributes, expected) => {
  const [, rows] = await taken([span(attributes)])
  expect(rows).toMatchObject([{ type, ...expected }])
})

test('a tool without the id of its call is found by name and arguments; one that was tried again shows its last try', async () => {
  const call = (id: string, city: string): object => ({ type: 'tool_call', id, name: 'weather', arguments: { city } })
  const model = (at: number, input: object[], ...output: object[]): DeskSpan => ({
    name: `chat${at}`,
    at,
    ms: 5,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'm',
      'gen_ai.input.messages': messages(...input),
      'gen_ai.output.messages': messages({ role: 'assistant', parts: output }),
    },
  })
  const tool = (at: number, city: string, result?: string): DeskSpan => ({
    name: `weather${at}.tool`,
    at,
    ms: 1,
    error: result ? undefined : 'no answer',
    attributes: {
      'agentops.span.kind': 'tool',
      'tool.name': 'weather',
      'tool.parameters': JSON.stringify({ city }),
      'tool.result': result,
    },
  })
  const user = { role: 'user', parts: [{ type: 'text', content: 'Weather?' }] }
  const asked = { role: 'assistant', parts: [call('a', 'Rome'), call('b', 'Oslo')] }
  // Results without ids, in the order of the calls.
  const results = ['sun', 'snow'].map((content) => ({ role: 'tool', content }))
  const [traceId] = await taken([
    model(0, [user], call('a', 'Rome'), call('b', 'Oslo')),
    tool(10, 'Oslo', 'snow'),
    tool(11, 'Rome'),
    tool(20, 'Rome', 'sun'),
    model(30, [user, asked, ...results], { type: 'text', content: 'Sun and snow.' }),
  ])
  const shown = await chat(traceId)
  expect(shown).toMatch(/"city": "Rome" \} gave sun .*"city": "Oslo" \} gave snow .*Sun and snow\./)
  // At the head, and in the chat.
  expect(shown.match(/Weather\?/g)).toHaveLength(2)
  expect(shown).not.toContain('no answer')
  expect(await panel(traceId, 3)).toContain('Asked for by m')
})

test('a session without contents says why', async () => {
  const [traceId] = await taken([span({ 'agentops.span.kind': 'llm', 'gen_ai.request.model': 'm' })])
  expect(await chat(traceId)).toContain('captureContent')
})

test('a call that failed before its answer shows what was asked, and does not say that nothing was recorded', async () => {
  const call = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm' }
  const asked = { 'gen_ai.prompt.0.role': 'user', 'gen_ai.prompt.0.content': 'Is there an outage?' }
  const [traceId] = await taken([span({ ...call, ...asked }), span(call)])
  const failed = await panel(traceId, 2)
  expect(failed).toContain('Is there an outage?')
  expect(failed).not.toContain('No contents were recorded')
  expect(await panel(traceId, 3)).toContain('No contents were recorded')
})
