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
/** The last place of a choice, or a tool call, in an answer. */
const MAX_PLACES = 127

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
    const at = Math.min(Number(index) || 0, MAX_PLACES)
    for (let i = this.choices.length; i <= at; i++) this.choices.push({ content: '', calls: [] })
    return this.choices[at] as Choice
  }

  /** What is said of the tool call at this place; places that no event has named stay empty and are left out at the end. */
  call(choice: Choice, index: unknown, called: { id?: string; name?: string; args?: unknown }): void {
    const at = Math.min(Number(index ?? choice.calls.length) || 0, MAX_PLACES)
    choice.calls[at] ??= { arguments: '' }
    const call = choice.calls[at]
    call.id ??= called.id
    call.name ??= called.name
    const { args } = called
    if (args === undefined || args === null) return
    const text = typeof args === 'string' ? args : JSON.stringify(args)
    call.arguments = (call.arguments + text).slice(0, MAX_ARGUMENTS)
  }

  say(choice: Choice, text: unknown): void {
    if (typeof text === 'string') choice.content = (choice.content + text).slice(0, this.#limit)
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

/** What the model is told, then what it is asked. */
const conversation = (told: unknown, asked: Json[]): { role?: string; content?: unknown }[] =>
  (told ? [{ role: 'system', content: joined(told) }] : []).concat(
    asked.map(({ role = 'user', content, parts = content }) => ({ role, content: joined(parts) })),
  )

/** `url`: Azure's names the model, as its deployment. */
const openaiSettings = (body: Json, { pathname }: URL): Asked => ({
  model: body.model ?? inPath(pathname, /\/deployments\/([^/]+)\//),
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
  ask: (body, url) => ({ ...openaiSettings(body, url), messages: body.messages ?? body.prompt }),
  read(part, answer) {
    if (part.error) answer.fail(part.error)
    answer.id ??= part.id
    answer.model = part.model ?? answer.model
    for (const { index, message, delta = message, text, finish_reason } of list(part.choices)) {
      const choice = answer.choice(index)
      answer.say(choice, delta?.content ?? delta?.refusal ?? text)
      choice.finish = finish_reason ?? choice.finish
      for (const { index, id, function: called } of list(delta?.tool_calls)) {
        answer.call(choice, index, { id, name: called?.name, args: called?.arguments })
      }
    }
    openaiUsage(answer, part.usage ?? part.x_groq?.usage)
  },
}

const embeddings: Wire = {
  operation: 'embeddings',
  ask: (body, url) => ({ ...openaiSettings(body, url), messages: body.input }),
  read: chat.read,
}

const responses: Wire = {
  operation: 'chat',
  ask(body, url) {
    const input = typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : list(body.input)
    const asked = input.map((item) => (item.role ? item : { role: 'tool', content: item.output ?? item }))
    return { ...openaiSettings(body, url), messages: conversation(body.instructions, asked) }
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
      if (item.type === 'function_call')
        answer.call(choice, undefined, { ...item, id: item.call_id, args: item.arguments })
    }
    choice.finish = whole.incomplete_details?.reason ?? (choice.calls.length ? 'tool_calls' : whole.status)
  },
}

const anthropic: Wire = {
  operation: 'chat',
  ask: (body, url) => ({ ...openaiSettings(body, url), messages: conversation(body.system, list(body.messages)) }),
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
      if (partial_json) answer.call(answer.choice(), part.index, { args: partial_json })
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
      // In a stream it begins as {}.
      const args = Object.keys(block.input ?? {}).length ? block.input : undefined
      to.call(to.choice(), index, { ...block, args })
    }
  },
}

const gemini: Wire = {
  operation: 'generate_content',
  ask(body, { pathname }) {
    const { generationConfig: settings = {}, systemInstruction } = body
    const asked = body.contents ?? body.content ?? list(body.requests).map((one) => one.content)
    return {
      model: inPath(pathname, /\/models\/([^/:]+):/),
      messages: conversation(systemInstruction?.parts, [asked].flat()),
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
        if (functionCall) answer.call(choice, undefined, functionCall)
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

const geminiEmbeddings: Wire = { operation: 'embeddings', ask: gemini.ask, read: gemini.read }

const bedrock: Wire = {
  operation: 'chat',
  ask(body, { pathname }) {
    const { inferenceConfig: settings = {} } = body
    return {
      model: inPath(pathname, /\/model\/([^/]+)\/converse/),
      messages: conversation(body.system, list(body.messages)),
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
    if (part.delta?.toolUse) use(part.contentBlockIndex, part.delta.toolUse)
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
      answer.call(choice, index, { id: toolUseId, name, args: input })
    }
  },
}

export const workersAi: Wire = {
  operation: 'chat',
  ask: (body, url) => ({
    ...openaiSettings(body, url),
    model: inPath(url.pathname, /\/((?:@|%40).+)$/) ?? body.model,
    messages: body.messages ?? body.prompt ?? body.input ?? body.text,
  }),
  read(part, answer) {
    const result = part.result ?? part
    for (const { code, message } of list(part.errors)) answer.fail({ type: code, message })
    if (result.choices) return chat.read(result, answer)
    if (result.output) return responses.read({ object: 'response', ...result }, answer)
    const choice = answer.choice()
    answer.say(choice, result.response)
    for (const { name, arguments: args } of list(result.tool_calls)) answer.call(choice, undefined, { name, args })
    openaiUsage(answer, result.usage)
  },
}

/** Where each is found: the end of a request's path, and the provider, where the path says it. */
const PATHS: readonly (readonly [path: RegExp, wire: Wire, provider?: string])[] = [
  [/\/model\/[^/]+\/converse(-stream)?$/, bedrock, 'aws.bedrock'],
  [/\/models\/[^/]+:(stream)?generateContent$/i, gemini, 'gcp.gemini'],
  [/\/models\/[^/]+:(batchEmbedContents|embedContent)$/, geminiEmbeddings, 'gcp.gemini'],
  [/\/(chat\/)?completions$/, chat],
  [/\/responses$/, responses],
  [/\/embeddings$/, embeddings],
  [/\/messages$/, anthropic, 'anthropic'],
  [/\/ai\/run\/@|\/workers-ai\/@/, workersAi, 'cloudflare.workers_ai'],
]

/**
 * OpenTelemetry's names of providers, by a part of the host, or by the name that Cloudflare's AI Gateway has in its path.
 * Where there is none, that part is the name.
 */
const PROVIDERS: readonly (readonly [parts: string, provider?: string])[] = [
  ['openai.azure|azure-openai', 'azure.ai.openai'],
  ['ai.azure', 'azure.ai.inference'],
  ['aiplatform|vertex', 'gcp.vertex_ai'],
  ['generativelanguage|google', 'gcp.gemini'],
  ['bedrock', 'aws.bedrock'],
  ['together', 'together_ai'],
  ['mistral', 'mistral_ai'],
  ['x.ai|grok', 'x_ai'],
  ['api.cloudflare|workers', 'cloudflare.workers_ai'],
  ['openrouter|groq|deepseek|perplexity|cohere|anthropic'],
]

function providerOf(place: string): string | undefined {
  for (const [parts, provider] of PROVIDERS) {
    const found = new RegExp(`(?:^|[.-])(${parts})(?:[.-]|$)`).exec(place)
    if (found) return provider ?? found[1]
  }
  return undefined
}

const NAMED = /\/(models?|deployments|run|workers-ai)\//

export interface Recognised {
  wire: Wire
  provider: string
  /** The path names a model; elsewhere it takes the body to: a chat's API may end in `/messages`, too. */
  named: boolean
  /** The URL alone leaves no doubt. */
  certain: boolean
}

/** The API that a request's URL names; who speaks OpenAI's and is nobody known counts as OpenAI. */
export function wireOf({ hostname, pathname }: URL): Recognised | undefined {
  const found = PATHS.find(([path]) => path.test(pathname.replace('%40', '@')))
  if (!found) return undefined
  const place = hostname === 'gateway.ai.cloudflare.com' ? `${pathname.split('/')[4]}` : hostname
  const provider = providerOf(place)
  const named = NAMED.test(pathname)
  const certain = named || !!provider || /\/(chat\/completions|embeddings)$/.test(pathname)
  return { wire: found[1], provider: provider ?? found[2] ?? 'openai', named, certain }
}

/** Whether a span that says this of itself (in any of the conventions) is a call of a model. */
export function isModel(says: unknown): boolean {
  const pattern = /^(chat|text_completion|generate_content|embeddings|llm|embedding)$|\.do(generate|stream|embed)$/i
  return pattern.test(`${says}`)
}
