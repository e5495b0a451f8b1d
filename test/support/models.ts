/**
 * A server that answers as the providers of models do: `/<mode>/<the provider's own path>`. The answers have the form of
 * recorded ones; streams go out in pieces of a few bytes, which cut characters and line ends in two.
 */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Asked {
  path: string
  headers: IncomingHttpHeaders
  body: string
}

export interface RunningModels {
  /** The base for a client in this mode. */
  base(mode: string): string
  asked: Asked[]
  close(): Promise<void>
}

type Reply = {
  status?: number
  headers?: Record<string, string>
  body: string | Uint8Array
  cut?: boolean
  hang?: boolean
}

/** Two bytes and more a character: cut in the middle. */
export const SAID = 'grüße, 世界 🐈'
/** With what JSON escapes, as an error's message may be JSON. */
export const MESSAGE = 'the provider "quotes"\n'

/** What its answers hold. */
export interface Words {
  /** What errors and tools quote. */
  secret: string
  /** What models say. */
  said: string
  /** What a tool is asked about. */
  city: string
}

const json = (value: unknown, status = 200, headers = {}): Reply => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
})
const sse = (events: readonly (unknown | [name: string, data: unknown])[], more: Partial<Reply> = {}): Reply => ({
  headers: { 'content-type': 'text/event-stream; charset=utf-8' },
  body: events
    .map((event) => {
      if (typeof event === 'string') return event
      const [name, data] = Array.isArray(event) ? event : [undefined, event]
      return `${name ? `event: ${name}\r\n` : ''}data: ${JSON.stringify(data)}\r\n\r\n`
    })
    .join(''),
  cut: true,
  ...more,
})

const usage = {
  prompt_tokens: 20,
  completion_tokens: 12,
  total_tokens: 32,
  prompt_tokens_details: { cached_tokens: 8 },
  completion_tokens_details: { reasoning_tokens: 5 },
}
const chunk = (choice: object, more = {}): object => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'gpt-4o-mini-2024-07-18',
  choices: [{ index: 0, finish_reason: null, ...choice }],
  ...more,
})
const call = (args: string, head = {}): object => ({
  delta: {
    tool_calls: [
      { index: 0, ...head, function: { ...('id' in head ? { name: 'get_weather' } : {}), arguments: args } },
    ],
  },
})

function openai(path: string, mode: string, asked: string, { secret, said, city }: Words): Reply {
  if (mode === 'error')
    return json(
      { error: { message: `${MESSAGE} ${secret}`, type: 'invalid_request_error', code: 'bad', param: null } },
      400,
    )
  if (mode === 'word') return json({ error: { message: 'operation', type: 'invalid_request_error' } }, 400)
  if (mode === 'gateway') return { status: 502, headers: { 'content-type': 'text/html' }, body: `<p>${secret}</p>` }
  if (path.endsWith('/embeddings'))
    return json({
      object: 'list',
      model: 'text-embedding-3-small',
      data: [{ object: 'embedding', index: 0, embedding: [0.1, 0.2] }],
      usage: { prompt_tokens: 5, total_tokens: 5 },
    })
  if (path.endsWith('/responses')) {
    const output = [
      { type: 'reasoning', id: 'rs', summary: [] },
      {
        type: 'message',
        id: 'msg',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: said, annotations: [] }],
      },
    ]
    const response = {
      id: 'resp_1',
      object: 'response',
      created_at: 1,
      model: 'gpt-4o-mini-2024-07-18',
      status: 'completed',
      output,
      usage: {
        input_tokens: 20,
        output_tokens: 12,
        total_tokens: 32,
        input_tokens_details: { cached_tokens: 8 },
        output_tokens_details: { reasoning_tokens: 5 },
      },
    }
    if (!asked.includes('"stream":true')) return json(response)
    return sse([
      [
        'response.created',
        { type: 'response.created', response: { ...response, status: 'in_progress', output: [], usage: null } },
      ],
      ['response.output_text.delta', { type: 'response.output_text.delta', delta: said }],
      ['response.completed', { type: 'response.completed', response }],
    ])
  }
  const isAnswered = asked.includes('"role":"tool"')
  const whole = (message: object, finish: string): object => ({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'gpt-4o-mini-2024-07-18',
    choices: [{ index: 0, message: { role: 'assistant', content: null, ...message }, finish_reason: finish }],
    usage,
  })
  if (!asked.includes('"stream":true')) {
    if (mode !== 'tools' || isAnswered) return json(whole({ content: said }, 'stop'))
    const of = (id: string, city: string): object => ({
      id,
      type: 'function',
      function: { name: 'get_weather', arguments: JSON.stringify({ city }) },
    })
    return json(whole({ tool_calls: [of('call_1', city), of('call_2', 'Rome')] }, 'tool_calls'))
  }
  if (mode === 'tools') {
    return sse([
      chunk(call('', { id: 'call_1', type: 'function' })),
      chunk(call('{"ci')),
      chunk(call(`ty":${JSON.stringify(city)}}`)),
      chunk({ delta: {}, finish_reason: 'tool_calls' }),
      'data: [DONE]\n\n',
    ])
  }
  const first = chunk({ delta: { role: 'assistant', content: said.slice(0, 4) } })
  if (mode === 'midstream')
    return sse([first, { error: { message: `${MESSAGE} ${secret}`, type: 'server_error', code: 'overloaded' } }])
  if (mode === 'hang') return sse([first], { hang: true })
  return sse([
    ': a comment\n\n',
    first,
    chunk({ delta: { content: said.slice(4) } }),
    chunk({ delta: {}, finish_reason: 'stop' }),
    // The usage comes alone, in a last chunk.
    { ...chunk({}), choices: [], usage },
    'data: [DONE]\n\n',
  ])
}

function anthropic(mode: string, asked: string, { secret, said, city }: Words): Reply {
  const error = { type: 'error', error: { type: 'overloaded_error', message: `${MESSAGE} ${secret}` } }
  if (mode === 'error') return json(error, 529)
  const spent = { input_tokens: 10, cache_read_input_tokens: 8, cache_creation_input_tokens: 2, output_tokens: 12 }
  const use = { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city } }
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-4-5-20250929',
    stop_sequence: null,
  }
  const isTools = mode === 'tools'
  if (!asked.includes('"stream":true')) {
    return json({
      ...message,
      content: [{ type: 'text', text: said }, ...(isTools ? [use] : [])],
      stop_reason: isTools ? 'tool_use' : 'end_turn',
      usage: spent,
    })
  }
  const of = (type: string, more: object): [string, object] => [type, { type, ...more }]
  const begin = [
    of('message_start', {
      message: { ...message, content: [], stop_reason: null, usage: { ...spent, output_tokens: 1 } },
    }),
    of('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    of('ping', {}),
    of('content_block_delta', { index: 0, delta: { type: 'text_delta', text: said } }),
    of('content_block_stop', { index: 0 }),
  ]
  if (mode === 'midstream') return sse([...begin, ['error', error]])
  if (mode === 'hang') return sse(begin, { hang: true })
  const tools = [
    of('content_block_start', { index: 1, content_block: { ...use, input: {} } }),
    of('content_block_delta', { index: 1, delta: { type: 'input_json_delta', partial_json: '{"city":' } }),
    of('content_block_delta', {
      index: 1,
      delta: { type: 'input_json_delta', partial_json: `${JSON.stringify(city)}}` },
    }),
    of('content_block_stop', { index: 1 }),
  ]
  const end = [
    of('message_delta', { delta: { stop_reason: isTools ? 'tool_use' : 'end_turn' }, usage: { output_tokens: 12 } }),
    of('message_stop', {}),
  ]
  return sse([...begin, ...(isTools ? tools : []), ...end])
}

function gemini(path: string, mode: string, { secret, said, city }: Words): Reply {
  if (mode === 'error')
    return json({ error: { code: 429, message: `${MESSAGE} ${secret}`, status: 'RESOURCE_EXHAUSTED' } }, 429)
  const head = { responseId: 'resp', modelVersion: 'gemini-2.5-flash-001' }
  const usageMetadata = {
    promptTokenCount: 20,
    candidatesTokenCount: 7,
    thoughtsTokenCount: 5,
    totalTokenCount: 32,
    cachedContentTokenCount: 8,
  }
  const of = (parts: object[], finishReason?: string): object => ({
    ...head,
    candidates: [{ content: { role: 'model', parts }, index: 0, finishReason }],
    usageMetadata,
  })
  const use = { functionCall: { id: 'fc_1', name: 'get_weather', args: { city } } }
  const last = mode === 'tools' ? [use] : [{ text: said.slice(4) }]
  if (!path.includes(':stream')) return json(of([{ text: said.slice(0, 4) }, ...last], 'STOP'))
  if (mode === 'hang') return sse([of([{ text: said.slice(0, 4) }])], { hang: true })
  return sse([of([{ text: said.slice(0, 4) }]), of(last, 'STOP')])
}

/** One frame of AWS' event stream; its checksums are not looked at. */
function frame(type: string, payload: object): Uint8Array {
  const bytes = (text: string): number[] => [...new TextEncoder().encode(text)]
  const header = (name: string, value: string): number[] => [
    name.length,
    ...bytes(name),
    7,
    0,
    value.length,
    ...bytes(value),
  ]
  const headers = [...header(':message-type', 'event'), ...header(':event-type', type)]
  const body = bytes(JSON.stringify(payload))
  const frame = new Uint8Array(16 + headers.length + body.length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, frame.length)
  view.setUint32(4, headers.length)
  frame.set(headers, 12)
  frame.set(body, 12 + headers.length)
  return frame
}

function bedrock(path: string, mode: string, { secret, said, city }: Words): Reply {
  if (mode === 'error')
    return json({ message: `${MESSAGE} ${secret}` }, 400, { 'x-amzn-errortype': 'ValidationException' })
  const spent = {
    inputTokens: 10,
    cacheReadInputTokens: 8,
    cacheWriteInputTokens: 2,
    outputTokens: 12,
    totalTokens: 32,
  }
  const use = { toolUseId: 'tooluse_1', name: 'get_weather' }
  if (!path.endsWith('-stream')) {
    const content = [{ text: said }, ...(mode === 'tools' ? [{ toolUse: { ...use, input: { city } } }] : [])]
    return json({
      output: { message: { role: 'assistant', content } },
      stopReason: mode === 'tools' ? 'tool_use' : 'end_turn',
      usage: spent,
    })
  }
  const frames = [
    frame('messageStart', { role: 'assistant' }),
    frame('contentBlockDelta', { contentBlockIndex: 0, delta: { text: said } }),
    ...(mode === 'tools'
      ? [
          frame('contentBlockStart', { contentBlockIndex: 1, start: { toolUse: use } }),
          frame('contentBlockDelta', { contentBlockIndex: 1, delta: { toolUse: { input: JSON.stringify({ city }) } } }),
        ]
      : []),
    frame('messageStop', { stopReason: mode === 'tools' ? 'tool_use' : 'end_turn' }),
    frame('metadata', { usage: spent }),
  ]
  const body = Uint8Array.from(frames.flatMap((each) => [...each]))
  return { headers: { 'content-type': 'application/vnd.amazon.eventstream' }, body, cut: true }
}

export function mcp(mode: string, asked: string, { secret }: Words): Reply {
  const { id, method, params } = JSON.parse(asked || '{}') as {
    id?: number
    method?: string
    params?: { protocolVersion: string }
  }
  if (id === undefined) return { status: method ? 202 : 405, body: '' }
  if (method === 'initialize') {
    const capabilities = { tools: {} }
    const serverInfo = { name: 'scripted', version: '1' }
    return json({ jsonrpc: '2.0', id, result: { protocolVersion: params?.protocolVersion, capabilities, serverInfo } })
  }
  if (method === 'tools/list') {
    return json({ jsonrpc: '2.0', id, result: { tools: [{ name: 'search', inputSchema: { type: 'object' } }] } })
  }
  const result = { content: [{ type: 'text', text: `found ${secret}` }], isError: mode === 'error' }
  if (mode === 'refused') return json({ jsonrpc: '2.0', id, error: { code: -32602, message: `${MESSAGE} ${secret}` } })
  const answer = { jsonrpc: '2.0', id, result }
  return mode === 'json'
    ? json(answer)
    : sse([{ jsonrpc: '2.0', method: 'notifications/progress', params: {} }, answer])
}

function plain(path: string, { secret, said }: Words): Reply {
  if (path === '/length')
    return { headers: { 'content-length': '11', 'content-type': 'text/plain', 'x-own': 'a' }, body: 'eleven char' }
  if (path === '/refused') return { status: 404, body: secret }
  if (path === '/empty') return { status: 204, body: '' }
  return { headers: { 'content-type': 'text/plain', 'set-cookie': 'a=1' }, body: said.repeat(20), cut: true }
}

function reply(path: string, mode: string, asked: string, words: Words): Reply {
  if (path.endsWith('/mcp')) return mcp(mode, asked, words)
  if (path.includes('/converse')) return bedrock(path, mode, words)
  if (/:\w*enerateContent/.test(path)) return gemini(path, mode, words)
  if (path.endsWith('/messages')) return anthropic(mode, asked, words)
  if (path.includes('/ai/run/'))
    return json({
      success: true,
      errors: [],
      messages: [],
      result: { response: words.said, usage: { prompt_tokens: 20, completion_tokens: 12, total_tokens: 32 } },
    })
  return path.includes('/v1/') ? openai(path, mode, asked, words) : plain(path, words)
}

/** `secret`: what errors quote, as providers do: a text, or one of the request's body. */
export async function startModels(
  secret: string | ((asked: string) => string),
  { said = SAID, city = 'Oslo' }: Partial<Words> = {},
): Promise<RunningModels> {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    const [, mode = '', path = ''] = /^\/([\w-]+)(\/[^?]*)/.exec(`${request.url}`) ?? []
    asked.push({ path: `${request.url}`, headers: request.headers, body })
    const words = { secret: typeof secret === 'string' ? secret : secret(body), said, city }
    const { status = 200, headers = {}, body: answer, cut, hang } = reply(decodeURIComponent(path), mode, body, words)
    const bytes = Buffer.from(answer)
    // As gateways do that know their answer, and as those do that do not.
    const length = cut || path.includes('/embeddings') ? {} : { 'content-length': `${bytes.length}` }
    response.writeHead(status, { ...length, ...headers })
    if (!cut) return void response.end(bytes)
    for (let at = 0; at < bytes.length; at += 61) {
      response.write(bytes.subarray(at, at + 61))
      if (at % 5 === 0) await sleep(1)
    }
    if (!hang) response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    base: (mode) => `http://127.0.0.1:${port}/${mode}`,
    asked,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
