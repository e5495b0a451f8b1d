/** What is told of a long conversation: the instructions, the newest messages, and how many are missing. In Node, over HTTP. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inputMessages } from '../../src/collector/messages.ts'
import { createAgentOps } from '../../src/index.ts'
import { llmCalls } from '../../src/instrumentation/index.ts'
import { genAi } from '../../src/semconv/index.ts'
import { type RunningReplies, startReplies } from '../support/replies.ts'
import { type RunningSink, startSink } from '../support/sink.ts'

let sink: RunningSink
let models: RunningReplies
beforeAll(async () => {
  sink = await startSink()
  models = await startReplies()
})
afterAll(() => Promise.all([sink.close(), models.close()]))

type Attributes = Record<string, string>

/** The model's span, as either destination has it. */
async function told(path: string, body: object): Promise<{ standard: Attributes; agentops: Attributes }> {
  sink.received.length = 0
  const client = createAgentOps({
    endpoint: `${sink.url}/standard/v1/traces`,
    semconv: genAi,
    exporters: [{ endpoint: `${sink.url}/agentops/v1/traces` }],
    captureContent: true,
    instrumentations: { llm: llmCalls() },
    mode: 'multi',
  })
  models.next({ bytes: '{}' })
  const session = client.startSession()
  await session.run(async () => {
    await (await fetch(`${models.url}${path}`, { method: 'POST', body: JSON.stringify(body) })).text()
  })
  expect(await session.end()).toMatchObject({ sent: 4, dropped: 0 })
  const of = (name: string): Attributes => {
    const spans = sink.received
      .filter((each) => each.path.startsWith(`/${name}/`))
      .flatMap(({ body }) => JSON.parse(body).resourceSpans)
      .flatMap(({ scopeSpans }) => scopeSpans)
      .flatMap((scope) => scope.spans)
    const pairs = spans
      .map(({ attributes }) => attributes as { key: string; value: object }[])
      .find((attributes) => attributes.some(({ key }) => key === 'gen_ai.request.model'))
    return Object.fromEntries((pairs ?? []).map(({ key, value }) => [key, Object.values(value)[0]]))
  }
  return { standard: of('standard'), agentops: of('agentops') }
}

const turns = (count: number, chars = 1000): { role: string; content: string }[] =>
  Array.from({ length: count }, (_, n) => ({
    role: n % 2 ? 'assistant' : 'user',
    content: `turn ${n} ${'x'.repeat(chars)}`,
  }))
const parse = (text: string | undefined): { role: string; parts: { type: string; content: string }[] }[] =>
  JSON.parse(`${text}`)

describe('a conversation with more than a span has room for', () => {
  const body = { model: 'm', system: 'Be kind.', messages: turns(401) }

  test('keeps its newest messages under the standard’s names, and its instructions by themselves', async () => {
    const { standard } = await told('/v1/messages', body)
    expect(JSON.parse(`${standard['gen_ai.system_instructions']}`)).toEqual([{ type: 'text', content: 'Be kind.' }])
    const [mark, ...kept] = parse(standard['gen_ai.input.messages'])
    expect(kept.length).toBeGreaterThan(50)
    expect(mark).toEqual({ role: 'system', parts: [{ type: 'text', content: `…[${401 - kept.length} messages cut]` }] })
    expect(kept.map(({ parts }) => parts[0]?.content.split(' ')[1])).toEqual(
      kept.map((_, n) => `${401 - kept.length + n}`),
    )
    expect(kept.at(-1)?.parts[0]?.content).toBe(body.messages.at(-1)?.content)
    expect(Object.keys(standard).filter((name) => /^(llm|gen_ai\.prompt)\./.test(name))).toEqual([])
  })

  test('and under AgentOps’', async () => {
    const { agentops } = await told('/v1/messages', body)
    expect(agentops['gen_ai.prompt.0.content']).toBe('Be kind.')
    expect(agentops['gen_ai.prompt.1.content']).toMatch(/^…\[\d+ messages cut\]$/)
    const last = Object.keys(agentops).findLast((name) => /prompt\.\d+\.content/.test(name))
    expect(agentops[`${last}`]).toBe(body.messages.at(-1)?.content)
  })

  test('many short ones: as many as an event has', async () => {
    const { standard } = await told('/v1/messages', { ...body, messages: turns(300, 1) })
    const messages = parse(standard['gen_ai.input.messages'])
    expect(messages[0]?.parts[0]?.content).toBe('…[102 messages cut]')
    expect(messages.at(-1)?.parts[0]?.content).toBe('turn 299 x')
  })

  test('one that is larger than all of it is cut', async () => {
    const { standard } = await told('/v1/messages', { ...body, messages: [...turns(3), ...turns(1, 1e5)] })
    const messages = parse(standard['gen_ai.input.messages'])
    expect(messages[0]?.parts[0]?.content).toMatch(/^…\[\d messages cut\]$/)
    expect(messages.at(-1)?.parts[0]?.content).toMatch(/^turn 0 x+…\[\d+ characters cut\]$/)
  })

  test('endless instructions leave room for it', async () => {
    const { standard } = await told('/v1/messages', { ...body, system: 'y'.repeat(2e5), messages: turns(3) })
    expect(standard['gen_ai.system_instructions']).toMatch(/y…\[\d+ characters cut\]/)
    expect(parse(standard['gen_ai.input.messages'])).toHaveLength(3)
  })
})

test('one that a span has room for stays whole; instructions inside of it stay there', async () => {
  const messages = [{ role: 'system', content: 'Be kind.' }, ...turns(3)]
  const { standard } = await told('/v1/chat/completions', { model: 'm', messages })
  expect(standard['gen_ai.system_instructions']).toBeUndefined()
  expect(parse(standard['gen_ai.input.messages']).map(({ role, parts }) => [role, parts[0]?.content])).toEqual(
    messages.map(({ role, content }) => [role, content]),
  )
})

test.each([
  ['Responses', '/v1/responses', { model: 'm', instructions: 'Be kind.', input: 'hi' }],
  [
    'Gemini',
    '/v1beta/models/gemini-2.5-flash:generateContent',
    { systemInstruction: { parts: [{ text: 'Be kind.' }] }, contents: [{ role: 'user', parts: [{ text: 'hi' }] }] },
  ],
  [
    'Converse',
    '/model/nova/converse',
    { system: [{ text: 'Be kind.' }], messages: [{ role: 'user', content: [{ text: 'hi' }] }] },
  ],
])('%s: instructions have a field of their own', async (_, path, body) => {
  const { standard } = await told(path, body)
  expect(JSON.parse(`${standard['gen_ai.system_instructions']}`)).toEqual([{ type: 'text', content: 'Be kind.' }])
  expect(parse(standard['gen_ai.input.messages'])).toEqual([{ role: 'user', parts: [{ type: 'text', content: 'hi' }] }])
})

/** What it is that two tools were asked, what became of them, and what was said and shown beside them. */
const image = 'iVBORw0KGgo+/A=='.repeat(10_000)
const DATA = `data:image/png;base64,${image}`
const [A, B] = [{ city: 'Oslo' }, { city: 'Rome' }]
const histories: Record<string, [path: string, body: object]> = {
  'chat completions': [
    '/v1/chat/completions',
    {
      model: 'm',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'See.' },
            { type: 'image_url', image_url: { url: DATA } },
          ],
        },
        {
          role: 'assistant',
          content: [{ type: 'text', text: 'I look.' }],
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'weather', arguments: JSON.stringify(A) } },
            { id: 'b', type: 'function', function: { name: 'weather', arguments: JSON.stringify(B) } },
          ],
        },
        { role: 'tool', tool_call_id: 'a', content: 'dry' },
        { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'wet' }] },
        { role: 'user', content: 'And?' },
      ],
    },
  ],
  Responses: [
    '/v1/responses',
    {
      model: 'm',
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'See.' },
            { type: 'input_image', image_url: DATA },
          ],
        },
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'I look.' }] },
        { type: 'function_call', id: 'fc_1', call_id: 'a', name: 'weather', arguments: JSON.stringify(A) },
        { type: 'custom_tool_call', id: 'ct_1', call_id: 'b', name: 'weather', input: JSON.stringify(B) },
        { type: 'function_call_output', id: 'fo_1', call_id: 'a', output: 'dry' },
        { type: 'custom_tool_call_output', call_id: 'b', output: [{ type: 'input_text', text: 'wet' }] },
        { role: 'user', content: 'And?' },
      ],
    },
  ],
  Anthropic: [
    '/v1/messages',
    {
      model: 'm',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'See.' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'I look.' },
            { type: 'tool_use', id: 'a', name: 'weather', input: A },
            { type: 'server_tool_use', id: 'b', name: 'weather', input: B },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'a', content: 'dry' },
            { type: 'tool_result', tool_use_id: 'b', content: [{ type: 'text', text: 'wet' }] },
            { type: 'text', text: 'And?' },
          ],
        },
      ],
    },
  ],
  Gemini: [
    '/v1beta/models/m:generateContent',
    {
      model: 'm',
      contents: [
        { role: 'user', parts: [{ text: 'See.' }, { inlineData: { mimeType: 'image/png', data: image } }] },
        {
          role: 'model',
          parts: [
            { text: 'I look.' },
            { functionCall: { id: 'a', name: 'weather', args: A }, thoughtSignature: image },
            { functionCall: { id: 'b', name: 'weather', args: B } },
          ],
        },
        {
          role: 'user',
          parts: [
            { functionResponse: { id: 'a', name: 'weather', response: { is: 'dry' } } },
            { functionResponse: { id: 'b', name: 'weather', response: { is: 'wet' } } },
          ],
        },
        { role: 'user', parts: [{ text: 'And?' }] },
      ],
    },
  ],
  Converse: [
    '/model/m/converse',
    {
      messages: [
        { role: 'user', content: [{ text: 'See.' }, { image: { format: 'png', source: { bytes: image } } }] },
        {
          role: 'assistant',
          content: [
            { text: 'I look.' },
            { toolUse: { toolUseId: 'a', name: 'weather', input: A } },
            { toolUse: { toolUseId: 'b', name: 'weather', input: B } },
          ],
        },
        {
          role: 'user',
          content: [
            { toolResult: { toolUseId: 'a', content: [{ text: 'dry' }] } },
            { toolResult: { toolUseId: 'b', content: [{ json: { is: 'wet' } }] } },
            { text: 'And?' },
          ],
        },
      ],
    },
  ],
}

describe.each(Object.entries(histories))('%s: tools, their results and pictures beside the text', (_, [path, body]) => {
  test.each(['standard', 'agentops'] as const)('%s', async (destination) => {
    const attributes = (await told(path, body))[destination]
    // Some have each call as a message.
    const seen = inputMessages(attributes).flatMap(({ role, parts }) =>
      parts.map((part) => ({ text: '', id: '', value: {}, role: role.replace('model', 'assistant'), ...part })),
    )
    const of = (kind: string): typeof seen => seen.filter((part) => part.kind === kind)
    expect(of('text').map(({ role, text }) => [role, text])).toEqual([
      ['user', 'See.'],
      ['assistant', 'I look.'],
      ['user', 'And?'],
    ])
    expect(of('call').map(({ role, id, value }) => [role, id, value])).toEqual([
      ['assistant', 'a', A],
      ['assistant', 'b', B],
    ])
    expect(of('result').map(({ id, value }) => [id, /dry|wet/.exec(JSON.stringify(value))?.[0]])).toEqual([
      ['a', 'dry'],
      ['b', 'wet'],
    ])
    expect(
      of('other').map(({ role, value }) => [role, /iV\w*…\[\d+ characters cut\]/.test(JSON.stringify(value))]),
    ).toEqual([['user', true]])
    expect(JSON.stringify(attributes).length).toBeLessThan(4000)
  })
})
