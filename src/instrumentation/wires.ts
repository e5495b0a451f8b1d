/**
 * What the APIs of models look like on the wire: which request is one, what it asks for, and what an answer, or an event
 * of a streamed one, says. Plain readers: what is not as expected is not read, and nothing throws but by accident (the
 * caller guards).
 */

/** JSON of anybody's. */
// biome-ignore lint/suspicious/noExplicitAny: every field is checked where it is used
export type Json = any

/** What a request says. */
export interface Asked {
  model?: string
  /** In the form that chat completion APIs share. */
  messages?: { role?: string; content?: unknown; tool_calls?: unknown }[] | string
  stream?: boolean
  temperature?: number
  maxTokens?: number
  topP?: number
}

export interface ToolCall {
  id?: string
  name?: string
  arguments: string
}

export interface Choice {
  content: string
  finish?: string
  calls: ToolCall[]
}

/** Token counts; `prompt` and `completion` include the others, as OpenTelemetry counts. */
export interface Usage {
  prompt?: number
  completion?: number
  total?: number
  cacheRead?: number
  cacheCreation?: number
  reasoning?: number
}

/** Characters kept of a tool call's arguments: a tool's event is found by them. */
const MAX_ARGUMENTS = 65_536

/** What an answer has said so far. */
export class Answer {
  model: string | undefined
  id: string | undefined
  usage: Usage = {}
  choices: Choice[] = []
  error: { type?: string; message?: string } | undefined
  readonly #limit: number

  /** `limit`: characters kept of what the model says. */
  constructor(limit: number) {
    this.#limit = limit
  }

  choice(index: unknown = 0): Choice {
    const at = Math.min(Number(index) || 0, 127)
    for (let i = this.choices.length; i <= at; i++) this.choices.push({ content: '', calls: [] })
    return this.choices[at] as Choice
  }

  /** The tool call at this place; places that no event has named stay empty and are left out at the end. */
  call(choice: Choice, index: unknown = choice.calls.length): ToolCall {
    const at = Math.min(Number(index) || 0, 127)
    choice.calls[at] ??= { arguments: '' }
    return choice.calls[at]
  }

  say(choice: Choice, text: unknown): void {
    if (typeof text === 'string') choice.content = (choice.content + text).slice(0, this.#limit)
  }

  argue(call: ToolCall, part: unknown): void {
    if (part === undefined || part === null) return
    const text = typeof part === 'string' ? part : JSON.stringify(part)
    call.arguments = (call.arguments + text).slice(0, MAX_ARGUMENTS)
  }

  /** `undefined` does not take back what was said before. */
  count(usage: Usage): void {
    for (const [name, value] of Object.entries(usage)) {
      if (Number.isInteger(value) && value >= 0) this.usage[name as keyof Usage] = value
    }
  }

  fail(error: Json): void {
    const { type, code, status, message } = Object(error)
    this.error = { type: `${type ?? status ?? code ?? 'error'}`.slice(0, 256), message: textOf(message ?? error) }
  }
}

/** One API. */
export interface Wire {
  /** `gen_ai.operation.name`, which the request may say better. */
  operation: string
  ask(body: Json, url: URL): Asked
  /** A whole answer, or one event of a streamed one. */
  read(part: Json, answer: Answer): void
}

const textOf = (value: unknown): string | undefined =>
  value === undefined || value === null ? undefined : typeof value === 'string' ? value : JSON.stringify(value)
const list = (value: unknown): Json[] => (Array.isArray(value) ? value : [])
/** The texts of a list of parts, or the parts themselves where one is none. */
const joined = (parts: unknown): unknown =>
  Array.isArray(parts) && parts.every((part) => typeof part?.text === 'string')
    ? parts.map(({ text }) => text).join('')
    : parts

/** A model's name as it stands in the path. */
const inPath = (pathname: string, pattern: RegExp): string | undefined => {
  const name = pattern.exec(pathname)?.[1]
  return name && decodeURIComponent(name)
}

const openaiSettings = (body: Json): Asked => ({
  model: body.model,
  stream: body.stream === true,
  temperature: body.temperature,
  topP: body.top_p,
  maxTokens: body.max_completion_tokens ?? body.max_output_tokens ?? body.max_tokens,
})

function openaiUsage(answer: Answer, usage: Json): void {
  if (!usage) return
  answer.count({
    prompt: usage.prompt_tokens ?? usage.input_tokens,
    completion: usage.completion_tokens ?? usage.output_tokens,
    total: usage.total_tokens,
    cacheRead: (usage.prompt_tokens_details ?? usage.input_tokens_details)?.cached_tokens,
    reasoning: (usage.completion_tokens_details ?? usage.output_tokens_details)?.reasoning_tokens,
  })
}

/** OpenAI's chat completions, also the older completions, and everybody's who speaks the same. */
const chat: Wire = {
  operation: 'chat',
  ask: (body) => ({ ...openaiSettings(body), messages: body.messages ?? body.prompt }),
  read(part, answer) {
    if (part.error) answer.fail(part.error)
    answer.id ??= part.id
    answer.model = part.model ?? answer.model
    for (const { index, message, delta = message, text, finish_reason } of list(part.choices)) {
      const choice = answer.choice(index)
      answer.say(choice, delta?.content ?? delta?.refusal ?? text)
      choice.finish = finish_reason ?? choice.finish
      for (const { index, id, function: called } of list(delta?.tool_calls)) {
        const call = answer.call(choice, index)
        call.id ??= id
        call.name ??= called?.name
        answer.argue(call, called?.arguments)
      }
    }
    openaiUsage(answer, part.usage ?? part.x_groq?.usage)
  },
}

const embeddings: Wire = {
  operation: 'embeddings',
  ask: (body) => ({ ...openaiSettings(body), messages: body.input }),
  read(part, answer) {
    if (part.error) answer.fail(part.error)
    answer.model = part.model ?? answer.model
    openaiUsage(answer, part.usage)
  },
}

const responses: Wire = {
  operation: 'chat',
  ask(body) {
    const input = typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : list(body.input)
    const told = body.instructions ? [{ role: 'system', content: body.instructions }] : []
    const asked = input.map(({ role, content, output, type, ...rest }) =>
      role ? { role, content: joined(content) } : { role: 'tool', content: output ?? rest },
    )
    return { ...openaiSettings(body), messages: [...told, ...asked] }
  },
  read(part, answer) {
    if (part.type === 'error') answer.fail({ type: part.code, ...part, ...part.error })
    else if (part.type === 'response.output_text.delta') answer.say(answer.choice(), part.delta)
    const whole = part.response ?? (part.object === 'response' || !part.type ? part : undefined)
    if (!whole) return
    if (whole.error) answer.fail({ type: whole.error.code, ...whole.error })
    answer.id = whole.id ?? answer.id
    answer.model = whole.model ?? answer.model
    openaiUsage(answer, whole.usage)
    if (!list(whole.output).length) return
    answer.choices = []
    const choice = answer.choice()
    for (const item of whole.output) {
      if (item.type === 'message')
        for (const { text, refusal } of list(item.content)) answer.say(choice, text ?? refusal)
      if (item.type !== 'function_call') continue
      const call = answer.call(choice)
      call.id = item.call_id
      call.name = item.name
      answer.argue(call, item.arguments)
    }
    choice.finish = whole.incomplete_details?.reason ?? (choice.calls.length ? 'tool_calls' : whole.status)
  },
}

const anthropic: Wire = {
  operation: 'chat',
  ask(body) {
    const told = body.system ? [{ role: 'system', content: joined(body.system) }] : []
    const asked = list(body.messages).map(({ role, content }) => ({ role, content: joined(content) }))
    return { ...openaiSettings(body), messages: [...told, ...asked] }
  },
  read(part, answer) {
    if (part.error) answer.fail(part.error)
    const whole = part.message ?? (part.type === 'message' ? part : undefined)
    if (whole) {
      answer.id = whole.id
      answer.model = whole.model ?? answer.model
      for (const [index, block] of list(whole.content).entries()) open(answer, index, block)
    }
    if (part.type === 'content_block_start') open(answer, part.index, part.content_block)
    if (part.type === 'content_block_delta') {
      const { text, partial_json } = part.delta ?? {}
      answer.say(answer.choice(), text)
      if (partial_json) answer.argue(answer.call(answer.choice(), part.index), partial_json)
    }
    const finish = whole?.stop_reason ?? part.delta?.stop_reason
    if (finish) answer.choice().finish = finish
    const usage = whole?.usage ?? part.usage
    if (!usage) return
    const { usage: known } = answer
    const cacheRead = usage.cache_read_input_tokens ?? known.cacheRead ?? 0
    const cacheCreation = usage.cache_creation_input_tokens ?? known.cacheCreation ?? 0
    answer.count({ completion: usage.output_tokens, cacheRead, cacheCreation })
    // Theirs are the tokens beside the cache's.
    if (usage.input_tokens !== undefined) answer.count({ prompt: usage.input_tokens + cacheRead + cacheCreation })

    function open(to: Answer, index: unknown, block: Json): void {
      if (block?.type === 'text') to.say(to.choice(), block.text)
      if (block?.type !== 'tool_use') return
      const call = to.call(to.choice(), index)
      call.id = block.id
      call.name = block.name
      // In a stream it begins as {}.
      if (Object.keys(block.input ?? {}).length) to.argue(call, block.input)
    }
  },
}

const gemini: Wire = {
  operation: 'generate_content',
  ask(body, { pathname }) {
    const { generationConfig: settings = {}, systemInstruction } = body
    const told = systemInstruction ? [{ role: 'system', content: joined(systemInstruction.parts) }] : []
    const content = body.contents ?? body.content ?? list(body.requests).map((one) => one.content)
    const asked = [content].flat().map(({ role, parts }) => ({ role: role ?? 'user', content: joined(parts) }))
    return {
      model: inPath(pathname, /\/models\/([^/:]+):/),
      messages: [...told, ...asked],
      stream: pathname.includes(':stream'),
      temperature: settings.temperature,
      topP: settings.topP,
      maxTokens: settings.maxOutputTokens,
    }
  },
  read(part, answer) {
    if (Array.isArray(part)) for (const one of part) gemini.read(one, answer)
    if (part.error) answer.fail({ type: part.error.status, ...part.error })
    answer.id ??= part.responseId
    answer.model = part.modelVersion ?? answer.model
    for (const { index, content, finishReason } of list(part.candidates)) {
      const choice = answer.choice(index)
      choice.finish = finishReason ?? choice.finish
      for (const { text, thought, functionCall } of list(content?.parts)) {
        if (!thought) answer.say(choice, text)
        if (!functionCall) continue
        const call = answer.call(choice)
        call.id = functionCall.id
        call.name = functionCall.name
        answer.argue(call, functionCall.args)
      }
    }
    const usage = part.usageMetadata
    if (!usage) return
    const { candidatesTokenCount: said, thoughtsTokenCount: thought } = usage
    answer.count({
      prompt: usage.promptTokenCount,
      completion: said === undefined && thought === undefined ? undefined : (said ?? 0) + (thought ?? 0),
      total: usage.totalTokenCount,
      cacheRead: usage.cachedContentTokenCount,
      reasoning: thought,
    })
  },
}

const bedrock: Wire = {
  operation: 'chat',
  ask(body, { pathname }) {
    const { inferenceConfig: settings = {} } = body
    const told = body.system ? [{ role: 'system', content: joined(body.system) }] : []
    const asked = list(body.messages).map(({ role, content }) => ({ role, content: joined(content) }))
    return {
      model: inPath(pathname, /\/model\/([^/]+)\/converse/),
      messages: [...told, ...asked],
      stream: pathname.endsWith('-stream'),
      temperature: settings.temperature,
      topP: settings.topP,
      maxTokens: settings.maxTokens,
    }
  },
  read(part, answer) {
    const choice = answer.choice()
    for (const [index, { text, toolUse }] of list(part.output?.message?.content).entries()) {
      answer.say(choice, text)
      if (toolUse) use(index, toolUse)
    }
    if (part.start?.toolUse) use(part.contentBlockIndex, part.start.toolUse)
    answer.say(choice, part.delta?.text)
    if (part.delta?.toolUse) answer.argue(answer.call(choice, part.contentBlockIndex), part.delta.toolUse.input)
    choice.finish = part.stopReason ?? choice.finish
    if (typeof part.message === 'string') answer.fail({ type: part.__type, message: part.message })
    const { usage } = part
    if (!usage) return
    answer.count({
      prompt: usage.inputTokens + (usage.cacheReadInputTokens ?? 0) + (usage.cacheWriteInputTokens ?? 0),
      completion: usage.outputTokens,
      total: usage.totalTokens,
      cacheRead: usage.cacheReadInputTokens,
      cacheCreation: usage.cacheWriteInputTokens,
    })

    function use(index: unknown, { toolUseId, name, input }: Json): void {
      const call = answer.call(choice, index)
      call.id = toolUseId
      call.name = name
      answer.argue(call, input)
    }
  },
}

export const workersAi: Wire = {
  operation: 'chat',
  ask: (body, { pathname }) => ({
    ...openaiSettings(body),
    model: inPath(pathname, /\/(@.+)$/) ?? body.model,
    messages: body.messages ?? body.prompt ?? body.input ?? body.text,
  }),
  read(part, answer) {
    const result = part.result ?? part
    for (const { code, message } of list(part.errors)) answer.fail({ type: code, message })
    if (result.choices) return chat.read(result, answer)
    if (result.output) return responses.read({ object: 'response', ...result }, answer)
    const choice = answer.choice()
    answer.say(choice, result.response)
    for (const called of list(result.tool_calls)) {
      const call = answer.call(choice)
      call.name = called.name
      answer.argue(call, called.arguments)
    }
    openaiUsage(answer, result.usage)
  },
}

/** Where each is found: the end of a request's path, and the provider, where the path says it. */
const PATHS: readonly (readonly [path: RegExp, wire: Wire, provider?: string])[] = [
  [/\/model\/[^/]+\/converse(-stream)?$/, bedrock, 'aws.bedrock'],
  [/\/models\/[^/]+:(stream)?generateContent$/i, gemini, 'gcp.gemini'],
  [/\/models\/[^/]+:(batchEmbedContents|embedContent)$/, { ...gemini, operation: 'embeddings' }, 'gcp.gemini'],
  [/\/(chat\/)?completions$/, chat],
  [/\/responses$/, responses],
  [/\/embeddings$/, embeddings],
  [/\/messages$/, anthropic, 'anthropic'],
  [/\/ai\/run\/@|\/workers-ai\/@/, workersAi, 'cloudflare.workers_ai'],
]

/** OpenTelemetry's names of providers, by host, or by the name that Cloudflare's AI Gateway has in its path. */
const PROVIDERS: readonly (readonly [place: RegExp, provider: string])[] = [
  [/openai\.azure\.com$|^azure-openai$/, 'azure.ai.openai'],
  [/services\.ai\.azure\.com$/, 'azure.ai.inference'],
  [/aiplatform\.googleapis\.com$|^google-vertex-ai$/, 'gcp.vertex_ai'],
  [/^generativelanguage\.|^google-ai-studio$/, 'gcp.gemini'],
  [/^bedrock.*\.amazonaws\.com$|^aws-bedrock$/, 'aws.bedrock'],
  [/(^|\.)openrouter(\.ai)?$/, 'openrouter'],
  [/(^|\.)groq(\.com)?$/, 'groq'],
  [/(^|\.)together(\.xyz|\.ai|-ai)?$/, 'together_ai'],
  [/(^|\.)mistral(\.ai)?$/, 'mistral_ai'],
  [/(^|\.)deepseek(\.com)?$/, 'deepseek'],
  [/(^|\.)perplexity(\.ai|-ai)?$/, 'perplexity'],
  [/(^|\.)x\.ai$|^grok$/, 'x_ai'],
  [/(^|\.)cohere(\.com|\.ai)?$/, 'cohere'],
  [/(^|\.)anthropic(\.com)?$/, 'anthropic'],
  [/^api\.cloudflare\.com$|^workers-ai$/, 'cloudflare.workers_ai'],
]

/** Bodies of these have one of them; a path alone would make a model of anything that ends in `/messages`. */
const ASKS = ['model', 'messages', 'contents', 'content', 'requests', 'input', 'prompt', 'text']

export interface Recognised {
  wire: Wire
  provider: string
}

/** The API that a request's URL names; who speaks OpenAI's and is nobody known counts as OpenAI. */
export function wireOf({ hostname, pathname }: URL): Recognised | undefined {
  const found = PATHS.find(([path]) => path.test(decodeURI(pathname)))
  if (!found) return undefined
  const place = hostname === 'gateway.ai.cloudflare.com' ? `${pathname.split('/')[4]}` : hostname
  const named = PROVIDERS.find(([pattern]) => pattern.test(place))?.[1]
  return { wire: found[1], provider: named ?? found[2] ?? 'openai' }
}

/** Whether a span that says this of itself (in any of the conventions) is a call of a model. */
export function isModel(says: unknown): boolean {
  const pattern = /^(chat|text_completion|generate_content|embeddings|llm|embedding)$|\.do(generate|stream|embed)$/i
  return pattern.test(`${says}`)
}

/** Whether a request's body is one that a model is asked with. */
export function isAsked(body: unknown): body is Json {
  return Object(body) === body && ASKS.some((name) => Object.hasOwn(body as object, name))
}
