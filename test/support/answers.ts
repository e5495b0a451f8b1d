/**
 * Answers of models as their providers' types have them, and as the world sends them, with what is to be read of each.
 * Where a provider's SDK is installed its own form satisfies the SDK's type; `odd` marks deviations that were met.
 */
import type Anthropic from '@anthropic-ai/sdk'
import type { FinishReason, GenerateContentResponse, Interactions, Part } from '@google/genai'
import type OpenAI from 'openai'

/** What an answer says, in the words of `wires/wire.ts`; tool calls as `[name, id, arguments]`. */
export interface Said {
  model?: string
  id?: string
  text?: string
  finish?: string
  tools?: [name: string | undefined, id: string | undefined, args: string][]
  in?: number
  out?: number
  total?: number
  cacheRead?: number
  cacheWrite?: number
  reasoning?: number
  cost?: number
  error?: string
}

export interface Answered {
  name: string
  /** Of the request. */
  path: string
  request?: object
  /** A whole answer, or the events of a streamed one. */
  json?: object
  events?: readonly object[]
  /** How the events are written. Default: server-sent events. */
  as?: 'sse' | 'frames' | 'lines'
  /** Default: what goes with it. */
  contentType?: string
  status?: number
  headers?: Record<string, string>
  said: Said
}

const CHAT = '/v1/chat/completions'
const RESPONSES = '/v1/responses'
const MESSAGES = '/v1/messages'
const GEMINI = '/v1beta/models/gemini-2.5-flash:generateContent'
const GEMINI_STREAM = '/v1beta/models/gemini-2.5-flash:streamGenerateContent'
const CONVERSE = '/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse'
const INVOKE = '/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke'

/** As somebody sends it, whatever the type says. */
const odd = (value: object): never => value as never
/** A type as JSON has it: the words of an enumeration. */
type Plain<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T

type Chunk = OpenAI.ChatCompletionChunk
type Choice = OpenAI.ChatCompletionChunk.Choice
const chunk = (choice: Partial<Choice> & Pick<Choice, 'delta'>, more: Partial<Chunk> = {}): Chunk => ({
  id: 'chatcmpl-7',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm-2026',
  choices: [{ index: 0, finish_reason: null, ...choice }],
  ...more,
})
const last = (reason: Choice['finish_reason']): Chunk => chunk({ delta: {}, finish_reason: reason })
const usage = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 }
const completion = (
  message: Partial<OpenAI.ChatCompletionMessage>,
  more: Partial<OpenAI.ChatCompletion> = {},
): OpenAI.ChatCompletion => ({
  id: 'chatcmpl-7',
  object: 'chat.completion',
  created: 1,
  model: 'm-2026',
  choices: [
    {
      index: 0,
      finish_reason: 'stop',
      logprobs: null,
      message: { role: 'assistant', content: null, refusal: null, ...message },
    },
  ],
  ...more,
})
const KNOWN = { model: 'm-2026', id: 'chatcmpl-7' }

const fn = (index: unknown, id: unknown, name: unknown, args: unknown): never =>
  odd({ delta: { tool_calls: [{ ...(index !== undefined && { index }), id, function: { name, arguments: args } }] } })

const chatCases: Answered[] = [
  {
    name: 'usage inside the choice (Moonshot)',
    path: CHAT,
    events: [
      chunk({ delta: { content: 'hi' } }),
      chunk(odd({ delta: {}, finish_reason: 'stop', usage: { ...usage, cached_tokens: 4 } })),
    ],
    said: { ...KNOWN, text: 'hi', finish: 'stop', in: 12, out: 5, total: 17, cacheRead: 4 },
  },
  {
    name: 'reasoning beside the completion (xAI)',
    path: CHAT,
    json: completion(
      { content: 'x' },
      {
        usage: {
          prompt_tokens: 12,
          completion_tokens: 1,
          total_tokens: 399,
          completion_tokens_details: { reasoning_tokens: 386 },
        },
      },
    ),
    said: { ...KNOWN, text: 'x', finish: 'stop', in: 12, out: 387, total: 399, reasoning: 386 },
  },
  {
    name: 'tokens that were written to the cache',
    path: CHAT,
    json: completion(
      { content: 'x', refusal: null },
      {
        usage: {
          ...usage,
          prompt_tokens_details: { cached_tokens: 3, cache_write_tokens: 6 },
        },
      },
    ),
    said: { ...KNOWN, text: 'x', finish: 'stop', in: 12, out: 5, total: 17, cacheRead: 3, cacheWrite: 6 },
  },
  {
    name: 'a total that is no sum stays',
    path: CHAT,
    json: completion({ content: 'x' }, { usage: { ...usage, total_tokens: 40 } }),
    said: { ...KNOWN, text: 'x', finish: 'stop', in: 12, out: 5, total: 40 },
  },
  {
    name: 'cache hits (DeepSeek)',
    path: CHAT,
    json: completion(
      { content: 'x' },
      odd({ usage: { ...usage, prompt_cache_hit_tokens: 8, prompt_cache_miss_tokens: 4 } }),
    ),
    said: { ...KNOWN, text: 'x', finish: 'stop', in: 12, out: 5, total: 17, cacheRead: 8 },
  },
  {
    name: 'a cost in ticks of 1e-10 dollars (xAI)',
    path: CHAT,
    json: completion({ content: 'x' }, odd({ usage: { ...usage, cost_in_usd_ticks: 4_200_000 } })),
    said: { ...KNOWN, text: 'x', finish: 'stop', in: 12, out: 5, total: 17, cost: 0.00042 },
  },
  {
    name: 'a cost (OpenRouter)',
    path: CHAT,
    json: completion({ content: 'x' }, odd({ usage: { ...usage, cost: 0.00042 } })),
    said: { ...KNOWN, text: 'x', finish: 'stop', in: 12, out: 5, total: 17, cost: 0.00042 },
  },
  {
    name: 'a cost that a key of the user’s pays beside OpenRouter’s own',
    path: CHAT,
    json: completion(
      { content: 'x' },
      odd({ usage: { ...usage, cost: 0.001, is_byok: true, cost_details: { upstream_inference_cost: 0.03 } } }),
    ),
    said: { ...KNOWN, text: 'x', finish: 'stop', in: 12, out: 5, total: 17, cost: 0.031 },
  },
  {
    name: 'a cost whose parts are named beside it (OpenRouter)',
    path: CHAT,
    json: completion(
      { content: 'x' },
      odd({ usage: { ...usage, cost: 0.03, is_byok: false, cost_details: { upstream_inference_cost: 0.03 } } }),
    ),
    said: { ...KNOWN, text: 'x', finish: 'stop', in: 12, out: 5, total: 17, cost: 0.03 },
  },
  {
    name: 'a cost in parts (Perplexity)',
    path: CHAT,
    json: completion({ content: 'x' }, odd({ usage: { ...usage, cost: { request_cost: 0.005, total_cost: 0.006 } } })),
    said: { ...KNOWN, text: 'x', finish: 'stop', in: 12, out: 5, total: 17, cost: 0.006 },
  },
  {
    name: 'usage in its own field (Groq)',
    path: CHAT,
    events: [chunk({ delta: { content: 'hi' } }), { ...last('stop'), x_groq: { id: 'req_1', usage } }],
    said: { ...KNOWN, text: 'hi', finish: 'stop', in: 12, out: 5, total: 17 },
  },
  {
    name: 'fragments of a tool call without an index',
    path: CHAT,
    events: [
      chunk(fn(undefined, 'call_1', 'search', '{"q"')),
      chunk(fn(undefined, undefined, undefined, ':1}')),
      last('tool_calls'),
    ],
    said: { ...KNOWN, finish: 'tool_calls', tools: [['search', 'call_1', '{"q":1}']] },
  },
  {
    name: 'an index that is null after the first fragment',
    path: CHAT,
    events: [chunk(fn(0, 'call_1', 'search', '{"q"')), chunk(fn(null, null, null, ':1}')), last('tool_calls')],
    said: { ...KNOWN, finish: 'tool_calls', tools: [['search', 'call_1', '{"q":1}']] },
  },
  {
    name: 'two calls without an index, by their ids',
    path: CHAT,
    events: [
      chunk(fn(undefined, 'call_1', 'search', '{"q":1}')),
      chunk(fn(undefined, 'call_2', 'search', '{"q"')),
      chunk(fn(undefined, 'call_2', '', ':2}')),
      last('tool_calls'),
    ],
    said: {
      ...KNOWN,
      finish: 'tool_calls',
      tools: [
        ['search', 'call_1', '{"q":1}'],
        ['search', 'call_2', '{"q":2}'],
      ],
    },
  },
  {
    name: 'two calls that share an index (Gemini’s compatible API)',
    path: CHAT,
    events: [chunk(fn(0, 'a', 'search', '{"q":1}')), chunk(fn(0, 'b', 'fetch', '{"q":2}')), last('tool_calls')],
    said: {
      ...KNOWN,
      finish: 'tool_calls',
      tools: [
        ['search', 'a', '{"q":1}'],
        ['fetch', 'b', '{"q":2}'],
      ],
    },
  },
  {
    name: 'two whole calls without an id',
    path: CHAT,
    json: completion(odd({ tool_calls: [1, 2].map((q) => ({ function: { name: 'search', arguments: { q } } })) })),
    said: {
      ...KNOWN,
      finish: 'stop',
      tools: [
        ['search', undefined, '{"q":1}'],
        ['search', undefined, '{"q":2}'],
      ],
    },
  },
  {
    name: 'an empty name and id before the real ones',
    path: CHAT,
    events: [chunk(fn(0, '', '', '')), chunk(fn(0, 'call_1', 'search', '{}')), last('tool_calls')],
    said: { ...KNOWN, finish: 'tool_calls', tools: [['search', 'call_1', '{}']] },
  },
  {
    name: 'the older function_call, whole',
    path: CHAT,
    json: completion({ function_call: { name: 'search', arguments: '{"q":1}' } }),
    said: { ...KNOWN, finish: 'stop', tools: [['search', undefined, '{"q":1}']] },
  },
  {
    name: 'the older function_call, streamed',
    path: CHAT,
    events: [
      chunk({ delta: { function_call: { name: 'search', arguments: '' } } }),
      chunk({ delta: { function_call: { arguments: '{"q"' } } }),
      chunk({ delta: { function_call: { arguments: ':1}' } } }),
      last('function_call'),
    ],
    said: { ...KNOWN, finish: 'function_call', tools: [['search', undefined, '{"q":1}']] },
  },
  {
    name: 'a custom tool',
    path: CHAT,
    json: completion({
      tool_calls: [
        {
          id: 'call_1',
          type: 'custom',
          custom: { name: 'shell', input: 'ls -l' },
        },
      ],
    }),
    said: { ...KNOWN, finish: 'stop', tools: [['shell', 'call_1', 'ls -l']] },
  },
  {
    name: 'content as a list of chunks (Mistral)',
    path: CHAT,
    json: completion(
      odd({
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
          { type: 'text', text: 'he' },
          { type: 'text', text: 'llo' },
        ],
      }),
    ),
    said: { ...KNOWN, text: 'hello', finish: 'stop' },
  },
  {
    name: 'content as a list of chunks, streamed (Mistral)',
    path: CHAT,
    events: [
      chunk(odd({ delta: { content: [{ type: 'text', text: 'he' }] } })),
      chunk({ delta: { content: 'llo' } }),
      last('stop'),
    ],
    said: { ...KNOWN, text: 'hello', finish: 'stop' },
  },
  {
    name: 'on Vertex (Mistral)',
    path: '/v1/projects/p/locations/l/publishers/mistralai/models/mistral-small:rawPredict',
    request: { model: 'mistral-small', messages: [{ role: 'user', content: 'ask' }] },
    json: completion({ content: 'hi' }, { usage }),
    said: { ...KNOWN, text: 'hi', finish: 'stop', in: 12, out: 5, total: 17 },
  },
  {
    name: 'a list of tools that is empty, and a finish reason of its own (Together)',
    path: CHAT,
    json: {
      ...completion({}, { usage }),
      prompt: [],
      choices: [
        { index: 0, seed: 1, finish_reason: 'eos', message: { role: 'assistant', content: 'hi', tool_calls: [] } },
      ],
    },
    said: { ...KNOWN, text: 'hi', finish: 'eos', in: 12, out: 5, total: 17 },
  },
  {
    name: 'a refusal beside empty content',
    path: CHAT,
    json: completion({ content: '', refusal: 'no' }),
    said: { ...KNOWN, text: 'no', finish: 'stop' },
  },
  {
    name: 'a refusal beside empty content, streamed',
    path: CHAT,
    events: [chunk({ delta: { content: '', refusal: 'n' } }), chunk({ delta: { refusal: 'o' } }), last('stop')],
    said: { ...KNOWN, text: 'no', finish: 'stop' },
  },
  {
    name: 'a filter’s chunk with an empty id and model (Azure)',
    path: '/openai/deployments/gpt-4o/chat/completions',
    events: [
      { id: '', object: '', created: 0, model: '', choices: [], prompt_filter_results: [{ prompt_index: 0 }] },
      chunk({ delta: { content: 'hi' } }),
      last('stop'),
      {
        id: '',
        object: '',
        created: 0,
        model: '',
        choices: [{ index: 0, finish_reason: null, content_filter_offsets: {} }],
      },
    ],
    said: { ...KNOWN, text: 'hi', finish: 'stop' },
  },
  {
    name: 'an error inside a choice (OpenRouter)',
    path: CHAT,
    json: {
      id: 'gen-1',
      model: 'm-2026',
      choices: [
        { index: 0, error: { code: 502, message: 'upstream' }, finish_reason: 'error', message: { content: '' } },
      ],
    },
    said: { model: 'm-2026', id: 'gen-1', finish: 'error', error: '502' },
  },
  {
    name: 'an error that is a text',
    path: CHAT,
    json: { error: 'no such model' },
    status: 404,
    said: { error: 'error' },
  },
  {
    name: 'tokens that were written to the cache, as Anthropic calls them (LiteLLM, OpenRouter)',
    path: CHAT,
    json: completion({ content: 'x' }, odd({ usage: { ...usage, cache_creation_input_tokens: 6 } })),
    said: { ...KNOWN, text: 'x', finish: 'stop', in: 12, out: 5, total: 17, cacheWrite: 6 },
  },
  {
    name: 'one call in place of a list of them (TGI)',
    path: CHAT,
    events: [
      chunk(odd({ delta: { tool_calls: { index: 0, id: '', function: { name: 'search', arguments: '{"q"' } } } })),
      chunk(odd({ delta: { tool_calls: { index: 0, id: '', function: { name: null, arguments: ':1}' } } } })),
      last('tool_calls'),
    ],
    said: { ...KNOWN, finish: 'tool_calls', tools: [['search', undefined, '{"q":1}']] },
  },
  {
    name: 'arguments that are an object, streamed',
    path: CHAT,
    events: [
      chunk(fn(0, 'call_1', 'search', { q: 1 })),
      chunk(fn(1, 'call_2', 'search', '{"q"')),
      chunk(fn(1, null, null, ':2}')),
      last('tool_calls'),
    ],
    said: {
      ...KNOWN,
      finish: 'tool_calls',
      tools: [
        ['search', 'call_1', '{"q":1}'],
        ['search', 'call_2', '{"q":2}'],
      ],
    },
  },
  {
    name: 'an error in mid-stream that is no field (vLLM)',
    path: CHAT,
    events: [
      chunk({ delta: { content: 'hi' } }),
      { object: 'error', message: 'out of memory', type: 'InternalServerError', param: null, code: 500 },
    ],
    said: { ...KNOWN, text: 'hi', error: 'InternalServerError' },
  },
  {
    name: 'a filter’s refusal, whose code says more than its status (Azure)',
    path: '/openai/deployments/gpt-4o/chat/completions',
    status: 400,
    json: { error: { message: 'filtered', type: null, param: 'prompt', code: 'content_filter', status: 400 } },
    said: { error: 'content_filter' },
  },
  {
    name: 'a limit, whose code says more than its type',
    path: CHAT,
    status: 429,
    json: { error: { message: 'slow down', type: 'tokens', param: null, code: 'rate_limit_exceeded' } },
    said: { error: 'rate_limit_exceeded' },
  },
  {
    name: 'the older completions',
    path: '/v1/completions',
    request: { model: 'm', prompt: 'say' },
    json: {
      id: 'cmpl-1',
      object: 'text_completion',
      created: 1,
      model: 'm-2026',
      choices: [{ index: 0, text: 'hi', finish_reason: 'stop', logprobs: null }],
      usage,
    } satisfies OpenAI.Completion,
    said: { model: 'm-2026', id: 'cmpl-1', text: 'hi', finish: 'stop', in: 12, out: 5, total: 17 },
  },
]

type Response = Omit<OpenAI.Responses.Response, 'output_text'>
const response = (more: Partial<Response>): Response => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  model: 'm-2026',
  status: 'completed',
  error: null,
  incomplete_details: null,
  access_programs: null,
  instructions: null,
  metadata: null,
  output: [],
  parallel_tool_calls: true,
  temperature: null,
  tool_choice: 'auto',
  tools: [],
  top_p: null,
  usage: undefined,
  ...more,
})
type Told = Extract<OpenAI.Responses.ResponseStreamEvent, { response: unknown }>['type']
/** An event that has the whole of it. */
const told = (what: 'created' | 'completed' | 'incomplete' | 'failed', more: Partial<Response>): object => ({
  type: `response.${what}` satisfies Told,
  sequence_number: 1,
  response: response(more),
})
const spent = {
  input_tokens: 12,
  output_tokens: 5,
  total_tokens: 17,
  input_tokens_details: { cached_tokens: 3, cache_write_tokens: 2 },
  output_tokens_details: { reasoning_tokens: 1 },
} satisfies OpenAI.Responses.ResponseUsage
const SPENT = { in: 12, out: 5, total: 17, cacheRead: 3, cacheWrite: 2, reasoning: 1 }
const RESPONSE = { model: 'm-2026', id: 'resp_1' }
const message = (text: string): OpenAI.Responses.ResponseOutputMessage => ({
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text, annotations: [] }],
})
const called = {
  type: 'function_call',
  id: 'fc_1',
  call_id: 'call_1',
  name: 'search',
  arguments: '{"q":1}',
} satisfies OpenAI.Responses.ResponseFunctionToolCall
const custom = {
  type: 'custom_tool_call',
  call_id: 'call_2',
  name: 'shell',
  input: 'ls',
} satisfies OpenAI.Responses.ResponseCustomToolCall
const hosted = [
  {
    type: 'mcp_call',
    id: 'mcp_1',
    name: 'roll',
    server_label: 'dice',
    arguments: '{"n":6}',
  } satisfies OpenAI.Responses.ResponseOutputItem.McpCall,
  {
    type: 'web_search_call',
    id: 'ws_1',
    status: 'completed',
    action: { type: 'search', query: 'cats' },
  } satisfies OpenAI.Responses.ResponseFunctionWebSearch,
]
const done = (
  item: OpenAI.Responses.ResponseOutputItem,
  output_index: number,
): OpenAI.Responses.ResponseOutputItemDoneEvent => ({
  type: 'response.output_item.done',
  output_index,
  sequence_number: 1,
  item,
})
const textDelta = (delta: string): OpenAI.Responses.ResponseTextDeltaEvent => ({
  type: 'response.output_text.delta',
  item_id: 'msg_1',
  output_index: 0,
  content_index: 0,
  sequence_number: 1,
  logprobs: [],
  delta,
})

const responsesCases: Answered[] = [
  {
    name: 'text, tools of ours and hosted ones',
    path: RESPONSES,
    json: response({ output: [message('hi'), called, custom, ...hosted], usage: spent }),
    said: {
      ...RESPONSE,
      text: 'hi',
      finish: 'tool_calls',
      tools: [
        ['search', 'call_1', '{"q":1}'],
        ['shell', 'call_2', 'ls'],
        ['roll', 'mcp_1', '{"n":6}'],
        ['web_search', 'ws_1', '{"type":"search","query":"cats"}'],
      ],
      ...SPENT,
    },
  },
  {
    name: 'hosted tools alone: the answer is complete',
    path: RESPONSES,
    json: response({ output: [...hosted, message('hi')], usage: spent }),
    said: {
      ...RESPONSE,
      text: 'hi',
      finish: 'completed',
      tools: [
        ['roll', 'mcp_1', '{"n":6}'],
        ['web_search', 'ws_1', '{"type":"search","query":"cats"}'],
      ],
      ...SPENT,
    },
  },
  {
    name: 'items that come only in output_item.done, an empty output at the end',
    path: RESPONSES,
    events: [
      told('created', { status: 'in_progress' }),
      done(message('he'), 0),
      done(message('llo'), 1),
      done(called, 2),
      told('completed', { usage: spent }),
    ],
    said: { ...RESPONSE, text: 'hello', finish: 'tool_calls', tools: [['search', 'call_1', '{"q":1}']], ...SPENT },
  },
  {
    name: 'deltas, items and the whole say it once',
    path: RESPONSES,
    events: [
      textDelta('he'),
      textDelta('llo'),
      done(message('hello'), 0),
      done(called, 1),
      told('completed', { output: [message('hello'), called], usage: spent }),
    ],
    said: { ...RESPONSE, text: 'hello', finish: 'tool_calls', tools: [['search', 'call_1', '{"q":1}']], ...SPENT },
  },
  {
    name: 'a refusal, streamed',
    path: RESPONSES,
    events: [
      {
        type: 'response.refusal.delta',
        item_id: 'msg_1',
        output_index: 0,
        content_index: 0,
        sequence_number: 1,
        delta: 'no',
      } satisfies OpenAI.Responses.ResponseRefusalDeltaEvent,
      told('completed', {}),
    ],
    said: { ...RESPONSE, text: 'no', finish: 'completed' },
  },
  {
    name: 'a stream that ends incomplete, with no output',
    path: RESPONSES,
    events: [
      told('created', { status: 'in_progress' }),
      told('incomplete', { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, usage: spent }),
    ],
    said: { ...RESPONSE, finish: 'max_output_tokens', ...SPENT },
  },
  {
    name: 'failed',
    path: RESPONSES,
    events: [told('failed', { status: 'failed', error: { code: 'server_error', message: 'sorry' } })],
    said: { ...RESPONSE, finish: 'failed', error: 'server_error' },
  },
  {
    name: 'an error’s event',
    path: RESPONSES,
    events: [
      {
        type: 'error',
        code: 'rate_limit_exceeded',
        message: 'slow down',
        param: null,
        sequence_number: 1,
      } satisfies OpenAI.Responses.ResponseErrorEvent,
    ],
    said: { error: 'rate_limit_exceeded' },
  },
  {
    name: 'arguments that come only by themselves, of two calls at once (SGLang)',
    path: RESPONSES,
    events: [
      { type: 'response.output_item.added', output_index: 0, item: { ...called, arguments: '' } },
      { type: 'response.output_item.added', output_index: 1, item: { ...custom, input: '' } },
      { type: 'response.function_call_arguments.delta', output_index: 0, item_id: 'fc_1', delta: '{"q"' },
      { type: 'response.custom_tool_call_input.done', output_index: 1, item_id: 'ct_1', input: 'ls' },
      { type: 'response.function_call_arguments.delta', output_index: 0, item_id: 'fc_1', delta: ':1}' },
      { type: 'response.function_call_arguments.done', output_index: 0, item_id: 'fc_1', arguments: '{"q":1}' },
      told('completed', { output: [message('')] }),
    ],
    said: {
      ...RESPONSE,
      finish: 'tool_calls',
      tools: [
        ['search', 'call_1', '{"q":1}'],
        ['shell', 'call_2', 'ls'],
      ],
    },
  },
  {
    name: 'what each kind of tool is asked, and one that asks for leave',
    path: RESPONSES,
    json: response({
      output: [
        { type: 'file_search_call', id: 'fs_1', status: 'completed', queries: ['cats'] },
        {
          type: 'code_interpreter_call',
          id: 'ci_1',
          status: 'completed',
          code: '1+1',
          container_id: 'c',
          outputs: null,
        },
        { type: 'mcp_approval_request', id: 'ar_1', name: 'roll', arguments: '{}', server_label: 'dice' },
        odd({ type: 'shell_call', id: 'sh_1', call_id: 'call_9', status: 'completed', action: { commands: ['ls'] } }),
        odd({ type: 'shell_call_output', id: 'so_1', call_id: 'call_9', status: 'completed', output: [] }),
      ],
    }),
    said: {
      ...RESPONSE,
      finish: 'completed',
      tools: [
        ['file_search', 'fs_1', '["cats"]'],
        ['code_interpreter', 'ci_1', '1+1'],
        ['roll', 'ar_1', '{}'],
        ['shell', 'call_9', '{"commands":["ls"]}'],
      ],
    },
  },
  {
    name: 'in the background',
    path: RESPONSES,
    json: response({ status: 'queued', background: true }),
    said: RESPONSE,
  },
]

const claudeUsage: Anthropic.Usage = {
  input_tokens: 25,
  output_tokens: 1,
  output_tokens_details: null,
  cache_read_input_tokens: 8,
  cache_creation_input_tokens: 0,
  cache_creation: null,
  inference_geo: null,
  server_tool_use: null,
  service_tier: 'standard',
  speed: null,
}
const iteration = {
  input_tokens: 25,
  output_tokens: 1,
  cache_read_input_tokens: 8,
  cache_creation_input_tokens: 0,
  cache_creation: null,
  model: null,
}
const claude = (more: Partial<Anthropic.Message>): Anthropic.Message => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-2026',
  container: null,
  content: [],
  diagnostics: null,
  stop_details: null,
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: claudeUsage,
  ...more,
})
const CLAUDE = { model: 'claude-2026', id: 'msg_1' }
const blocks = [
  { type: 'thinking', thinking: 'hm', signature: 's' },
  { type: 'text', text: 'hi', citations: null },
  { type: 'server_tool_use', id: 'srv_1', name: 'web_search', input: { query: 'cats' }, caller: { type: 'direct' } },
  { type: 'tool_use', id: 'toolu_1', name: 'search', input: { q: 1 }, caller: { type: 'direct' } },
] satisfies Anthropic.ContentBlock[]
const claudeStream: Anthropic.RawMessageStreamEvent[] = [
  { type: 'message_start', message: claude({ stop_reason: null }) },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '', citations: null } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hi' } },
  {
    type: 'content_block_start',
    index: 1,
    content_block: { type: 'tool_use', id: 'toolu_1', name: 'search', input: {}, caller: { type: 'direct' } },
  },
  { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '' } },
  { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"q"' } },
  { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: ':1}' } },
  {
    type: 'message_delta',
    delta: { container: null, stop_details: null, stop_reason: 'end_turn', stop_sequence: null },
    usage: {
      input_tokens: null,
      output_tokens: 9,
      cache_read_input_tokens: null,
      cache_creation_input_tokens: null,
      server_tool_use: null,
      output_tokens_details: null,
    },
  },
  { type: 'message_stop' },
]
const CLAUDE_STREAM: Said = {
  ...CLAUDE,
  text: 'hi',
  finish: 'end_turn',
  tools: [['search', 'toolu_1', '{"q":1}']],
  in: 33,
  out: 9,
  total: 42,
  cacheRead: 8,
  cacheWrite: 0,
}
const base64 = (value: unknown): string => btoa(JSON.stringify(value))

const claudeCases: Answered[] = [
  { name: 'tokens that are null in the last event', path: MESSAGES, events: claudeStream, said: CLAUDE_STREAM },
  {
    name: 'a conversation that was summed up, which is in no other count',
    path: MESSAGES,
    json: claude({
      content: [{ type: 'text', text: 'hi', citations: null }],
      usage: odd({
        ...claudeUsage,
        iterations: [
          { ...iteration, type: 'compaction', input_tokens: 180, output_tokens: 35, cache_read_input_tokens: 4 },
          { ...iteration, type: 'message' },
        ] satisfies Anthropic.Beta.BetaUsage['iterations'],
      }),
    }),
    said: { ...CLAUDE, text: 'hi', finish: 'end_turn', in: 217, out: 36, total: 253, cacheRead: 12, cacheWrite: 0 },
  },
  {
    name: 'a tool’s whole input where its block begins',
    path: MESSAGES,
    events: [
      {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'tool_use', id: 'toolu_1', name: 'search', input: { q: 1 } },
      },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'tool_use' } },
    ],
    said: { finish: 'tool_use', tools: [['search', 'toolu_1', '{"q":1}']] },
  },
  {
    name: 'thinking, a tool of ours and a server’s',
    path: MESSAGES,
    json: claude({ content: blocks, usage: { ...claudeUsage, output_tokens_details: { thinking_tokens: 1 } } }),
    said: {
      ...CLAUDE,
      text: 'hi',
      finish: 'end_turn',
      tools: [
        ['web_search', 'srv_1', '{"query":"cats"}'],
        ['search', 'toolu_1', '{"q":1}'],
      ],
      in: 33,
      out: 1,
      total: 34,
      cacheRead: 8,
      cacheWrite: 0,
      reasoning: 1,
    },
  },
  {
    name: 'on Vertex',
    path: '/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4:rawPredict',
    request: { anthropic_version: 'vertex-2023-10-16', messages: [{ role: 'user', content: 'ask' }] },
    json: claude({ content: [{ type: 'text', text: 'hi', citations: null }] }),
    said: { ...CLAUDE, text: 'hi', finish: 'end_turn', in: 33, out: 1, total: 34, cacheRead: 8, cacheWrite: 0 },
  },
  {
    name: 'on Vertex, streamed',
    path: '/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4:streamRawPredict',
    request: { anthropic_version: 'vertex-2023-10-16', messages: [{ role: 'user', content: 'ask' }] },
    events: claudeStream,
    said: CLAUDE_STREAM,
  },
  {
    name: 'through Bedrock’s InvokeModel',
    path: INVOKE,
    request: { anthropic_version: 'bedrock-2023-05-31', messages: [{ role: 'user', content: 'ask' }] },
    json: claude({ content: [{ type: 'text', text: 'hi', citations: null }] }),
    said: { ...CLAUDE, text: 'hi', finish: 'end_turn', in: 33, out: 1, total: 34, cacheRead: 8, cacheWrite: 0 },
  },
  {
    name: 'through Bedrock’s InvokeModel, streamed',
    path: `${INVOKE}-with-response-stream`,
    request: { anthropic_version: 'bedrock-2023-05-31', messages: [{ role: 'user', content: 'ask' }] },
    as: 'frames',
    events: claudeStream.map((event) => ({ bytes: base64(event), p: 'abc' })),
    said: CLAUDE_STREAM,
  },
]

const GOOGLE = { model: 'gemini-001', id: 'r1' }
type Generated = Plain<
  Pick<GenerateContentResponse, 'candidates' | 'promptFeedback' | 'usageMetadata' | 'modelVersion' | 'responseId'>
>
const google = (more: Generated): Generated => ({ responseId: 'r1', modelVersion: 'gemini-001', ...more })
const googleUsage = {
  promptTokenCount: 10,
  toolUsePromptTokenCount: 2,
  candidatesTokenCount: 4,
  thoughtsTokenCount: 3,
  cachedContentTokenCount: 5,
  totalTokenCount: 19,
} satisfies GenerateContentResponse['usageMetadata']
const GOOGLE_USAGE = { in: 12, out: 7, total: 19, cacheRead: 5, reasoning: 3 }
const parts = (all: Part[], finishReason?: `${FinishReason}`): Generated => ({
  candidates: [{ content: { role: 'model', parts: all }, index: 0, finishReason }],
})

const googleCases: Answered[] = [
  {
    name: 'thoughts, tools without ids, and their tokens',
    path: GEMINI,
    json: google({
      ...parts(
        [
          { text: 'hm', thought: true },
          { text: 'hi' },
          ...[1, 2].map((q) => ({ functionCall: { name: 'search', args: { q } } })),
        ],
        'STOP',
      ),
      usageMetadata: googleUsage,
    }),
    said: {
      ...GOOGLE,
      text: 'hi',
      finish: 'STOP',
      tools: [
        ['search', undefined, '{"q":1}'],
        ['search', undefined, '{"q":2}'],
      ],
      ...GOOGLE_USAGE,
    },
  },
  {
    name: 'a prompt that is blocked',
    path: GEMINI,
    json: google({ promptFeedback: { blockReason: 'PROHIBITED_CONTENT' }, usageMetadata: { promptTokenCount: 10 } }),
    said: { ...GOOGLE, finish: 'PROHIBITED_CONTENT', error: 'PROHIBITED_CONTENT', in: 10 },
  },
  {
    name: 'streamed as one list',
    path: GEMINI_STREAM,
    json: [google(parts([{ text: 'h' }])), google({ ...parts([{ text: 'i' }], 'STOP'), usageMetadata: googleUsage })],
    said: { ...GOOGLE, text: 'hi', finish: 'STOP', ...GOOGLE_USAGE },
  },
  {
    name: 'thoughts that only an earlier event counts',
    path: GEMINI_STREAM,
    events: [
      google({
        ...parts([{ text: 'h' }]),
        usageMetadata: { promptTokenCount: 10, thoughtsTokenCount: 3, totalTokenCount: 13 },
      }),
      google({
        ...parts([{ text: 'i' }], 'STOP'),
        usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 4, totalTokenCount: 17 },
      }),
    ],
    said: { ...GOOGLE, text: 'hi', finish: 'STOP', in: 10, out: 7, total: 17, reasoning: 3 },
  },
  {
    name: 'a tuned model, streamed',
    path: '/v1beta/tunedModels/mine:streamGenerateContent',
    events: [google(parts([{ text: 'h' }])), google({ ...parts([{ text: 'i' }], 'STOP'), usageMetadata: googleUsage })],
    said: { ...GOOGLE, text: 'hi', finish: 'STOP', ...GOOGLE_USAGE },
  },
]

const bedrockUsage = {
  inputTokens: 10,
  outputTokens: 5,
  totalTokens: 25,
  cacheReadInputTokens: 8,
  cacheWriteInputTokens: 2,
}
const BEDROCK_USAGE = { in: 20, out: 5, total: 25, cacheRead: 8, cacheWrite: 2 }
const bedrockCases: Answered[] = [
  {
    name: 'an exception in mid-stream',
    path: `${CONVERSE}-stream`,
    as: 'frames',
    events: [
      { contentBlockIndex: 0, delta: { text: 'h' } },
      { ':exception-type': 'throttlingException', message: 'slow down' },
    ],
    said: { text: 'h', error: 'throttlingException' },
  },
  {
    name: 'an error’s type in a header',
    path: CONVERSE,
    status: 429,
    headers: { 'x-amzn-errortype': 'ThrottlingException:http://internal.amazon.com/' },
    json: { message: 'slow down' },
    said: { error: 'ThrottlingException' },
  },
  {
    name: 'text, a tool and the cache’s tokens',
    path: CONVERSE,
    json: {
      output: {
        message: {
          role: 'assistant',
          content: [{ text: 'hi' }, { toolUse: { toolUseId: 't1', name: 'search', input: { q: 1 } } }],
        },
      },
      stopReason: 'tool_use',
      usage: bedrockUsage,
    },
    said: { text: 'hi', finish: 'tool_use', tools: [['search', 't1', '{"q":1}']], ...BEDROCK_USAGE },
  },
]

const workersCases: Answered[] = [
  {
    name: 'JSON mode',
    path: '/client/v4/accounts/a/ai/run/@cf/meta/llama',
    request: { messages: [] },
    json: { success: true, result: { response: { city: 'Oslo' }, usage } },
    said: { text: '{"city":"Oslo"}', in: 12, out: 5, total: 17 },
  },
  {
    name: 'tools',
    path: '/client/v4/accounts/a/ai/run/@cf/meta/llama',
    request: { messages: [] },
    json: { success: true, result: { response: null, tool_calls: [{ name: 'search', arguments: { q: 1 } }], usage } },
    said: { tools: [['search', undefined, '{"q":1}']], in: 12, out: 5, total: 17 },
  },
  {
    name: 'speech',
    path: '/client/v4/accounts/a/ai/run/@cf/openai/whisper',
    request: { audio: [] },
    json: { success: true, result: { text: 'hi' } satisfies AiAutomaticSpeechRecognitionOutput },
    said: { text: 'hi' },
  },
  {
    name: 'as chat completions have it',
    path: '/client/v4/accounts/a/ai/run/@cf/qwen/qwen3',
    request: { messages: [] },
    json: { success: true, result: completion({ content: 'hi' }, { usage }) },
    said: { ...KNOWN, text: 'hi', finish: 'stop', in: 12, out: 5, total: 17 },
  },
  {
    name: 'as Responses have it',
    path: '/client/v4/accounts/a/ai/run/@cf/openai/gpt-oss-20b',
    request: { input: 'ask' },
    json: {
      success: true,
      result: { id: 'resp_1', model: 'm-2026', status: 'completed', output: [message('hi')], usage: spent },
    },
    said: { ...RESPONSE, text: 'hi', finish: 'completed', ...SPENT },
  },
  {
    name: 'streamed',
    path: '/client/v4/accounts/a/ai/run/@cf/meta/llama',
    request: { messages: [], stream: true },
    events: [{ response: 'h' }, { response: 'i', usage }] satisfies AiTextGenerationOutput[],
    said: { text: 'hi', in: 12, out: 5, total: 17 },
  },
  {
    name: 'refused',
    path: '/client/v4/accounts/a/ai/run/@cf/meta/llama',
    request: { messages: [] },
    status: 400,
    json: { success: false, result: null, errors: [{ code: 5006, message: 'bad input' }] },
    said: { error: '5006' },
  },
]

/** Of the APIs that `llmCalls()` knows. */
export const ANSWERS: Record<string, Answered[]> = {
  'chat completions': chatCases,
  Responses: responsesCases,
  Anthropic: claudeCases,
  Gemini: googleCases,
  Bedrock: bedrockCases,
  'Workers AI': workersCases,
}

/** Of those that are passed. */
export const MORE_ANSWERS: Record<string, Answered[]> = {
  Cohere: [
    {
      name: 'whole',
      path: '/v2/chat',
      json: {
        id: 'c1',
        finish_reason: 'TOOL_CALL',
        message: {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm' },
            { type: 'text', text: 'hi' },
          ],
          tool_plan: 'I will search',
          tool_calls: [{ id: 't1', type: 'function', function: { name: 'search', arguments: '{"q":1}' } }],
        },
        usage: {
          billed_units: { input_tokens: 3, output_tokens: 2 },
          tokens: { input_tokens: 12, output_tokens: 5 },
          cached_tokens: 4,
        },
      },
      said: {
        id: 'c1',
        text: 'hi',
        finish: 'TOOL_CALL',
        tools: [['search', 't1', '{"q":1}']],
        in: 12,
        out: 5,
        total: 17,
        cacheRead: 4,
      },
    },
    {
      name: 'streamed',
      path: '/v2/chat',
      events: [
        { id: 'c1', type: 'message-start', delta: { message: { role: 'assistant', content: [], tool_calls: [] } } },
        { type: 'content-start', index: 0, delta: { message: { content: { type: 'text', text: '' } } } },
        { type: 'content-delta', index: 0, delta: { message: { content: { text: 'hi' } } } },
        { type: 'content-end', index: 0 },
        {
          type: 'tool-call-start',
          index: 0,
          delta: {
            message: { tool_calls: { id: 't1', type: 'function', function: { name: 'search', arguments: '' } } },
          },
        },
        { type: 'tool-call-delta', index: 0, delta: { message: { tool_calls: { function: { arguments: '{"q"' } } } } },
        { type: 'tool-call-delta', index: 0, delta: { message: { tool_calls: { function: { arguments: ':1}' } } } } },
        {
          type: 'message-end',
          delta: { finish_reason: 'TOOL_CALL', usage: { tokens: { input_tokens: 12, output_tokens: 5 } } },
        },
      ],
      said: {
        id: 'c1',
        text: 'hi',
        finish: 'TOOL_CALL',
        tools: [['search', 't1', '{"q":1}']],
        in: 12,
        out: 5,
        total: 17,
      },
    },
    {
      name: 'embeddings',
      path: '/v2/embed',
      request: { model: 'embed-v4', texts: ['a'], input: 'a' },
      json: { id: 'e1', embeddings: { float: [[0.1]] }, meta: { billed_units: { input_tokens: 7 } } },
      said: { id: 'e1', in: 7 },
    },
    {
      name: 'refused',
      path: '/v2/chat',
      status: 401,
      json: { id: 'x', message: 'invalid api token' },
      said: { id: 'x', error: 'error' },
    },
  ],
  Ollama: [
    {
      name: 'lines',
      path: '/api/chat',
      as: 'lines',
      events: [
        { model: 'llama', created_at: 't', message: { role: 'assistant', content: 'h' }, done: false },
        {
          model: 'llama',
          message: { content: 'i', tool_calls: [{ function: { name: 'search', arguments: { q: 1 } } }] },
          done: false,
        },
        {
          model: 'llama',
          message: { content: '' },
          done: true,
          done_reason: 'stop',
          prompt_eval_count: 12,
          eval_count: 5,
        },
      ],
      said: {
        model: 'llama',
        text: 'hi',
        finish: 'stop',
        tools: [['search', undefined, '{"q":1}']],
        in: 12,
        out: 5,
        total: 17,
      },
    },
    {
      name: 'lines without a content type',
      path: '/api/generate',
      request: { model: 'llama', prompt: 'ask' },
      as: 'lines',
      contentType: '',
      events: [
        { model: 'llama', response: 'h', done: false },
        { model: 'llama', response: 'i', done: true, done_reason: 'stop', prompt_eval_count: 12, eval_count: 5 },
      ],
      said: { model: 'llama', text: 'hi', finish: 'stop', in: 12, out: 5, total: 17 },
    },
    {
      name: 'whole',
      path: '/api/chat',
      json: {
        model: 'llama',
        message: { content: 'hi' },
        done: true,
        done_reason: 'stop',
        prompt_eval_count: 12,
        eval_count: 5,
      },
      said: { model: 'llama', text: 'hi', finish: 'stop', in: 12, out: 5, total: 17 },
    },
  ],
  'Bedrock’s InvokeModel': [
    {
      name: 'Llama',
      path: '/model/meta.llama3/invoke',
      request: { prompt: 'ask' },
      json: { generation: 'hi', prompt_token_count: 12, generation_token_count: 5, stop_reason: 'stop' },
      said: { text: 'hi', finish: 'stop', in: 12, out: 5, total: 17 },
    },
    {
      name: 'Mistral',
      path: '/model/mistral.mistral-7b/invoke',
      request: { prompt: 'ask' },
      json: { outputs: [{ text: 'hi', stop_reason: 'stop' }] },
      said: { text: 'hi', finish: 'stop' },
    },
    {
      name: 'Titan',
      path: '/model/amazon.titan-text/invoke',
      request: { inputText: 'ask' },
      json: { inputTextTokenCount: 12, results: [{ tokenCount: 5, outputText: 'hi', completionReason: 'FINISH' }] },
      said: { text: 'hi', finish: 'FINISH', in: 12, out: 5, total: 17 },
    },
    {
      name: 'Nova',
      path: '/model/amazon.nova/invoke',
      request: { messages: [] },
      json: {
        output: { message: { role: 'assistant', content: [{ text: 'hi' }] } },
        stopReason: 'end_turn',
        usage: bedrockUsage,
      },
      said: { text: 'hi', finish: 'end_turn', ...BEDROCK_USAGE },
    },
    {
      name: 'Nova, streamed',
      path: '/model/amazon.nova/invoke-with-response-stream',
      request: { messages: [] },
      as: 'frames',
      events: [
        { messageStart: { role: 'assistant' } },
        { contentBlockDelta: { delta: { text: 'hi' }, contentBlockIndex: 0 } },
        { messageStop: { stopReason: 'end_turn' } },
        { metadata: { usage: { inputTokens: 12, outputTokens: 5 } } },
      ].map((event) => ({ bytes: base64(event) })),
      said: { text: 'hi', finish: 'end_turn', in: 12, out: 5, total: 17 },
    },
    {
      name: 'Titan, streamed',
      path: '/model/amazon.titan-text/invoke-with-response-stream',
      request: { inputText: 'ask' },
      as: 'frames',
      events: [
        { outputText: 'h', index: 0, totalOutputTextTokenCount: null, completionReason: null, inputTextTokenCount: 12 },
        {
          outputText: 'i',
          index: 0,
          totalOutputTextTokenCount: 5,
          completionReason: 'FINISH',
          'amazon-bedrock-invocationMetrics': { inputTokenCount: 12, outputTokenCount: 5 },
        },
      ].map((event) => ({ bytes: base64(event) })),
      said: { text: 'hi', finish: 'FINISH', in: 12, out: 5, total: 17 },
    },
  ],
  'Gemini’s Interactions': [
    {
      name: 'whole',
      path: '/v1beta/interactions',
      json: {
        id: 'i1',
        model: 'gemini-001',
        status: 'requires_action',
        steps: [
          { type: 'model_output', content: [{ type: 'text', text: 'hi' }] },
          { type: 'function_call', id: 'f1', name: 'search', arguments: { q: 1 } },
        ],
        usage: { total_input_tokens: 12, total_output_tokens: 5, total_tokens: 17, total_cached_tokens: 2 },
      } satisfies Interactions.Interaction,
      said: {
        model: 'gemini-001',
        id: 'i1',
        text: 'hi',
        finish: 'requires_action',
        tools: [['search', 'f1', '{"q":1}']],
        in: 12,
        out: 5,
        total: 17,
        cacheRead: 2,
      },
    },
    {
      name: 'streamed',
      path: '/v1beta/interactions',
      events: [
        { event_type: 'interaction.created', interaction: { id: 'i1', status: 'in_progress' } },
        { event_type: 'step.delta', index: 0, delta: { type: 'text', text: 'hi' } },
        {
          event_type: 'step.start',
          index: 1,
          step: { type: 'function_call', id: 'f1', name: 'search', arguments: {} },
        },
        { event_type: 'step.delta', index: 1, delta: { type: 'arguments_delta', arguments: '{"q":1}' } },
        {
          event_type: 'interaction.completed',
          interaction: {
            id: 'i1',
            model: 'gemini-001',
            status: 'completed',
            usage: { total_input_tokens: 12, total_output_tokens: 5 },
          },
        },
      ] satisfies Interactions.InteractionSSEEvent[],
      said: {
        model: 'gemini-001',
        id: 'i1',
        text: 'hi',
        finish: 'completed',
        tools: [['search', 'f1', '{"q":1}']],
        in: 12,
        out: 5,
        total: 17,
      },
    },
    {
      name: 'thoughts beside the answer’s tokens, and tools’',
      path: '/v1beta/interactions',
      json: {
        id: 'i1',
        model: 'gemini-001',
        status: 'completed',
        steps: [],
        usage: {
          total_input_tokens: 9,
          total_output_tokens: 779,
          total_thought_tokens: 912,
          total_tool_use_tokens: 5,
          total_tokens: 1705,
        },
      } satisfies Interactions.Interaction,
      said: { model: 'gemini-001', id: 'i1', finish: 'completed', in: 14, out: 1691, total: 1705, reasoning: 912 },
    },
  ],
  'OpenAI’s images, speech and moderations': [
    {
      name: 'an image',
      path: '/v1/images/generations',
      request: { model: 'gpt-image-1', prompt: 'cat' },
      json: {
        created: 1,
        data: [{ b64_json: 'AAAA' }],
        usage: {
          input_tokens: 12,
          output_tokens: 5,
          total_tokens: 17,
          input_tokens_details: { image_tokens: 0, text_tokens: 12 },
        },
      } satisfies OpenAI.ImagesResponse,
      said: { in: 12, out: 5, total: 17 },
    },
    {
      name: 'a transcription',
      path: '/v1/audio/transcriptions',
      request: { model: 'whisper-1', input: 'x' },
      json: {
        text: 'hi',
        usage: {
          type: 'tokens',
          input_tokens: 12,
          output_tokens: 5,
          total_tokens: 17,
          input_token_details: { audio_tokens: 12 },
        },
      } satisfies OpenAI.Audio.Transcription,
      said: { text: 'hi', in: 12, out: 5, total: 17 },
    },
    {
      name: 'a moderation',
      path: '/v1/moderations',
      request: { model: 'omni-moderation-latest', input: 'x' },
      json: { id: 'modr-1', model: 'omni-moderation-2024', results: [] } satisfies OpenAI.ModerationCreateResponse,
      said: { id: 'modr-1', model: 'omni-moderation-2024' },
    },
  ],
}

/** One frame of AWS' event stream; its checksums are not looked at. A field `:exception-type` becomes a header. */
function frame({ ':exception-type': exception, ...payload }: Record<string, unknown>): number[] {
  const bytes = (text: string): number[] => [...new TextEncoder().encode(text)]
  const header = (name: string, value: string): number[] => [
    name.length,
    ...bytes(name),
    7,
    0,
    value.length,
    ...bytes(value),
  ]
  const headers = [
    ...(typeof exception === 'string'
      ? header(':exception-type', exception.slice(0, 200))
      : header(':event-type', 'chunk')),
    ...header(':content-type', 'application/json'),
    ...header(':message-type', exception ? 'exception' : 'event'),
  ]
  const body = bytes(JSON.stringify(payload))
  const whole = new Uint8Array(16 + headers.length + body.length)
  const view = new DataView(whole.buffer)
  view.setUint32(0, whole.length)
  view.setUint32(4, headers.length)
  whole.set(headers, 12)
  whole.set(body, 12 + headers.length)
  return [...whole]
}

/** The body of an answer, and its content type. */
export function bodyOf({ json, events = [], as = 'sse', contentType }: Answered): { bytes: Uint8Array; type: string } {
  const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
  if (json) return { bytes: utf8(JSON.stringify(json)), type: contentType ?? 'application/json' }
  if (as === 'frames') {
    const bytes = Uint8Array.from(events.flatMap((event) => frame(event as Record<string, unknown>)))
    return { bytes, type: contentType ?? 'application/vnd.amazon.eventstream' }
  }
  if (as === 'lines') {
    const lines = events.map((event) => `${JSON.stringify(event)}\n`).join('')
    return { bytes: utf8(lines), type: contentType ?? 'application/x-ndjson' }
  }
  const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')
  return { bytes: utf8(`${text}data: [DONE]\n\n`), type: contentType ?? 'text/event-stream' }
}
