/** One streamed call of an OpenAI-compatible chat completion API, recorded as a model call with its tokens. */
import { llm } from 'agentops-edge'
import { type EventSourceMessage, EventSourceParserStream } from 'eventsource-parser/stream'

export interface ModelEnv {
  OPENAI_BASE_URL: string
  OPENAI_MODEL: string
  /** A secret; local servers need none. */
  OPENAI_API_KEY?: string
}

export interface ToolCall {
  id: string
  type: 'function'
  function: { name: string; arguments: string }
}

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant' | 'tool'
  content: string
  tool_calls?: ToolCall[]
  tool_call_id?: string
}

export interface Completion {
  conversation: string
  messages: readonly ChatMessage[]
  tools: readonly unknown[]
  signal: AbortSignal
  /** Called with each piece of the answer as it comes in. */
  onText: (text: string) => Promise<unknown>
}

interface ToolCallPart {
  index: number
  id?: string
  function?: { name?: string; arguments?: string }
}

interface Chunk {
  choices?: {
    delta?: { content?: string | null; tool_calls?: ToolCallPart[] }
    finish_reason?: string | null
  }[]
  usage?: { prompt_tokens: number; completion_tokens: number } | null
  error?: { message?: string }
}

/** Resolves to the model's whole message. */
export function complete(
  env: ModelEnv,
  { conversation, messages, tools, signal, onText }: Completion,
): Promise<ChatMessage> {
  return llm(env.OPENAI_MODEL, { prompt: messages, threadId: conversation }, async (event) => {
    const chunks = await post(env, { messages, tools }, signal)
    const message: ChatMessage = { role: 'assistant', content: '' }
    // Set at once: where the stream breaks off, the session still shows what came of it.
    event.completion = message
    let finish: string | undefined
    for await (const { data } of chunks) {
      if (data === '[DONE]') break
      const { choices, usage, error }: Chunk = JSON.parse(data)
      if (error) throw new Error(`the model failed: ${error.message ?? data}`)
      if (usage) {
        event.promptTokens = usage.prompt_tokens
        event.completionTokens = usage.completion_tokens
      }
      const { delta, finish_reason } = choices?.[0] ?? {}
      finish = finish_reason ?? finish
      for (const part of delta?.tool_calls ?? []) addToolCall(message, part)
      if (!delta?.content) continue
      message.content += delta.content
      await onText(delta.content)
    }
    if (!finish) throw new Error('the model broke off in the middle of its message')
    event.completion = { ...message, finish_reason: finish }
    return message
  })
}

async function post(env: ModelEnv, body: object, signal: AbortSignal): Promise<ReadableStream<EventSourceMessage>> {
  const response = await fetch(`${env.OPENAI_BASE_URL}/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(env.OPENAI_API_KEY && { authorization: `Bearer ${env.OPENAI_API_KEY}` }),
    },
    body: JSON.stringify({ model: env.OPENAI_MODEL, stream: true, stream_options: { include_usage: true }, ...body }),
    signal,
  }).catch((cause) => {
    signal.throwIfAborted()
    throw new Error(`the model at ${env.OPENAI_BASE_URL} cannot be reached`, { cause })
  })
  if (!response.ok || !response.body) {
    const { error }: Chunk = await response.json<Chunk>().catch(() => ({}))
    throw new Error(`the model answered ${response.status}${error?.message ? `: ${error.message}` : ''}`)
  }
  return response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
}

/** Tool calls come in pieces: the first one has the id and the name, the others more of the arguments. */
function addToolCall(message: ChatMessage, { index, id, function: part }: ToolCallPart): void {
  message.tool_calls ??= []
  message.tool_calls[index] ??= { id: id ?? '', type: 'function', function: { name: part?.name ?? '', arguments: '' } }
  message.tool_calls[index].function.arguments += part?.arguments ?? ''
}
