/** Answers of providers, described once and said in both ways: whole, and streamed. Each has its provider's own type. */
import type Anthropic from '@anthropic-ai/sdk'
import type { BlockedReason, FinishReason, GenerateContentResponse } from '@google/genai'
import type OpenAI from 'openai'

export interface Answer {
  /** A part of the request's path. */
  path: string
  whole: object
  /** The events of it. */
  stream: readonly object[]
  /** What it says that it cost. */
  tokens: Tokens
  /** Default: 200. */
  status?: number
  headers?: Record<string, string>
  /** Nothing comes after the first event, nor anything at all of a whole answer. */
  hang?: boolean
}
/** The whole input, cached tokens included, and the output. */
export type Tokens = [input: number, output: number]

type Said = Pick<OpenAI.ChatCompletionMessage, 'content' | 'refusal' | 'tool_calls'>
type Call = [id: string, name: string, args: object]

/** Of OpenAI's chat completions. */
export function chat(
  { text = null, refusal = null, calls = [] }: { text?: string | null; refusal?: string | null; calls?: Call[] },
  [input, output]: Tokens,
): Answer {
  const finish_reason = calls.length ? 'tool_calls' : 'stop'
  const head = { id: 'chatcmpl-1', created: 1, model: 'gpt-4o-mini-2024-07-18' }
  const usage: OpenAI.CompletionUsage = {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
  }
  const tool_calls = calls.map(([id, name, args]) => ({
    id,
    type: 'function' as const,
    function: { name, arguments: JSON.stringify(args) },
  }))
  const said: Said = { content: text, refusal, ...(calls.length > 0 && { tool_calls }) }
  const chunk = (delta: OpenAI.ChatCompletionChunk.Choice.Delta, finish: typeof finish_reason | null = null) => ({
    ...head,
    object: 'chat.completion.chunk' as const,
    choices: [{ index: 0, delta, finish_reason: finish }],
    usage: null,
  })
  const halves = (key: 'content' | 'refusal', value: string | null) =>
    value === null ? [] : [value.slice(0, 3), value.slice(3)].map((half) => chunk({ [key]: half }))
  return {
    path: '/v1/chat/completions',
    tokens: [input, output],
    whole: {
      ...head,
      object: 'chat.completion',
      choices: [{ index: 0, finish_reason, logprobs: null, message: { role: 'assistant', ...said } }],
      usage,
    } satisfies OpenAI.ChatCompletion,
    stream: [
      chunk({ role: 'assistant' }),
      ...halves('content', text),
      ...halves('refusal', refusal),
      // The name comes first, the arguments in two parts.
      ...tool_calls.flatMap(({ id, type, function: { name, arguments: args } }, index) => [
        chunk({ tool_calls: [{ index, id, type, function: { name, arguments: args.slice(0, 5) } }] }),
        chunk({ tool_calls: [{ index, function: { arguments: args.slice(5) } }] }),
      ]),
      chunk({}, finish_reason),
      { ...chunk({}), choices: [], usage },
    ] satisfies OpenAI.ChatCompletionChunk[],
  }
}

/** Of OpenAI, what it says where it refuses a request. */
export function refused(status: number, type: string, headers: Record<string, string> = {}): Answer {
  const error = { message: `${type}: try again`, type, code: null, param: null }
  return { path: '/v1/chat/completions', tokens: [0, 0], whole: { error }, stream: [], status, headers }
}

/** Of OpenAI; it does not stream. */
export function embeddings(input: number): Answer {
  const whole = {
    object: 'list',
    model: 'text-embedding-3-small',
    data: [{ object: 'embedding', index: 0, embedding: [0.1, 0.2] }],
    usage: { prompt_tokens: input, total_tokens: input },
  } satisfies OpenAI.CreateEmbeddingResponse
  return { path: '/v1/embeddings', tokens: [input, 0], whole, stream: [] }
}

/** Of OpenAI's responses, in which tools are items of their own. */
export function response({ text, calls = [] }: { text?: string; calls?: Call[] }, [input, output]: Tokens): Answer {
  const items: OpenAI.Responses.ResponseOutputItem[] = calls.map(([id, name, args]) => ({
    type: 'function_call' as const,
    id: `fc_${id}`,
    call_id: id,
    name,
    arguments: JSON.stringify(args),
    status: 'completed' as const,
  }))
  if (text) {
    const content = [{ type: 'output_text' as const, text, annotations: [] }]
    items.push({ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content })
  }
  const whole = {
    id: `resp_${calls[0]?.[0] ?? 'last'}`,
    object: 'response' as const,
    created_at: 1,
    model: 'gpt-4o-mini-2024-07-18',
    status: 'completed' as const,
    output: items,
    usage: { input_tokens: input, output_tokens: output, total_tokens: input + output },
  }
  const begun = { ...whole, status: 'in_progress' as const, output: [], usage: null }
  return {
    path: '/v1/responses',
    tokens: [input, output],
    whole,
    stream: [
      { type: 'response.created', sequence_number: 0, response: begun },
      ...items.flatMap((item, output_index) => [
        { type: 'response.output_item.added', output_index, item: { ...item, status: 'in_progress' } },
        { type: 'response.output_item.done', output_index, item },
      ]),
      { type: 'response.completed', response: whole },
    ],
  }
}

/** Of Anthropic's messages, where Claude asks for tools. */
export function claudeAsks(calls: Call[], [input, output]: Tokens): Answer {
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-sonnet-4-5-20250929' }
  const usage = { input_tokens: input, output_tokens: output }
  const use = ([id, name]: Call, input: object) => ({ type: 'tool_use', id, name, input })
  return {
    path: '/v1/messages',
    tokens: [input, output],
    whole: { ...message, content: calls.map((call) => use(call, call[2])), stop_reason: 'tool_use', usage },
    stream: [
      { type: 'message_start', message: { ...message, content: [], stop_reason: null, usage } },
      ...calls.flatMap((call, index) => [
        { type: 'content_block_start', index, content_block: use(call, {}) },
        {
          type: 'content_block_delta',
          index,
          delta: { type: 'input_json_delta', partial_json: JSON.stringify(call[2]) },
        },
        { type: 'content_block_stop', index },
      ]),
      { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: output } },
      { type: 'message_stop' },
    ],
  }
}

/** Of Gemini. Its calls have no ids where `calls` has none. */
export function geminiSays({ text, calls = [] }: { text?: string; calls?: Call[] }, [input, output]: Tokens): Answer {
  const parts = [
    ...(text ? [{ text }] : []),
    ...calls.map(([id, name, args]) => ({ functionCall: { ...(id && { id }), name, args: { ...args } } })),
  ]
  const whole = {
    candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP' as FinishReason, index: 0 }],
    usageMetadata: { promptTokenCount: input, candidatesTokenCount: output, totalTokenCount: input + output },
    modelVersion: 'gemini-2.5-flash-001',
    responseId: 'resp',
  } satisfies Partial<GenerateContentResponse>
  return { path: '/models/gemini-2.5-flash', tokens: [input, output], whole, stream: [whole] }
}

/** Of Anthropic's messages, with an input of which a part came from the cache and another went there. */
export function claude(
  thinking: string,
  text: string,
  { fresh, read, written, output }: Record<'fresh' | 'read' | 'written' | 'output', number>,
): Answer {
  const usage: Anthropic.Usage = {
    input_tokens: fresh,
    cache_read_input_tokens: read,
    cache_creation_input_tokens: written,
    cache_creation: null,
    output_tokens: output,
    output_tokens_details: null,
    inference_geo: null,
    server_tool_use: null,
    service_tier: 'standard',
    speed: null,
  }
  const message = (content: Anthropic.ContentBlock[], stop: 'end_turn' | null, output_tokens: number) =>
    ({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-4-5-20250929',
      content,
      container: null,
      diagnostics: null,
      stop_details: null,
      stop_reason: stop,
      stop_sequence: null,
      usage: { ...usage, output_tokens },
    }) satisfies Anthropic.Message
  const blocks = [
    { type: 'thinking', thinking, signature: 'c2lnbmVk' },
    { type: 'text', text, citations: null },
  ] satisfies Anthropic.ContentBlock[]
  const of = (index: number, content_block: Anthropic.ContentBlock, ...deltas: Anthropic.RawContentBlockDelta[]) =>
    [
      { type: 'content_block_start', index, content_block },
      ...deltas.map((delta) => ({ type: 'content_block_delta' as const, index, delta })),
      { type: 'content_block_stop', index },
    ] satisfies Anthropic.RawMessageStreamEvent[]
  return {
    path: '/v1/messages',
    tokens: [fresh + read + written, output],
    whole: message(blocks, 'end_turn', output),
    stream: [
      { type: 'message_start', message: message([], null, 1) },
      ...of(
        0,
        { type: 'thinking', thinking: '', signature: '' },
        { type: 'thinking_delta', thinking },
        { type: 'signature_delta', signature: 'c2lnbmVk' },
      ),
      ...of(1, { type: 'text', text: '', citations: null }, { type: 'text_delta', text }),
      {
        type: 'message_delta',
        delta: { container: null, stop_details: null, stop_reason: 'end_turn', stop_sequence: null },
        usage,
      },
      { type: 'message_stop' },
    ] satisfies Anthropic.RawMessageStreamEvent[],
  }
}

/** Of Gemini, for a prompt that it does not answer. */
export function blocked(reason: BlockedReason, input: number): Answer {
  const whole = {
    promptFeedback: { blockReason: reason },
    usageMetadata: { promptTokenCount: input, totalTokenCount: input },
    modelVersion: 'gemini-2.5-flash-001',
    responseId: 'resp',
  } satisfies Partial<GenerateContentResponse>
  return { path: '/models/gemini-2.5-flash', tokens: [input, 0], whole, stream: [whole] }
}
