/**
 * What the APIs of models look like on the wire. Plain readers: what is not as expected is not read, and nothing throws
 * but by accident (the caller guards).
 */
import type { Answer, Asked, Json, Wire } from './wire.ts'

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
export const chat: Wire = {
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

export const embeddings: Wire = {
  operation: 'embeddings',
  ask: (body, url) => ({ ...openaiSettings(body, url), messages: body.input }),
  read: chat.read,
}

export const responses: Wire = {
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

export const anthropic: Wire = {
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

export const gemini: Wire = {
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

export const geminiEmbeddings: Wire = { operation: 'embeddings', ask: gemini.ask, read: gemini.read }

export const bedrock: Wire = {
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
