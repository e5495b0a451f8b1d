/**
 * What is read of a model's API on the wire, whichever API it is: what a request asks for, what an answer has said. Both
 * come from a stranger: each field may be absent, null, of another type or endless, and nothing here throws for that.
 */
import { MAX_VALUE_CHARS, toText } from '../../runtime/serialize.ts'

/** JSON of anybody's. */
// biome-ignore lint/suspicious/noExplicitAny: every field is checked where it is used
export type Json = any

/** What a request says became of a tool that an answer asked for. */
export interface ToolResult {
  /** Of the call, as the answer named it. */
  id?: unknown
  /** Of the tool, where calls have no id. */
  name?: unknown
  output?: unknown
  /** The provider has a field that says so. */
  failed?: boolean
}

/** What a request says beside its model, which its path or the field `model` names. */
export interface Asked {
  /** In the form that chat completion APIs share. */
  messages?: unknown
  /** The first message is no part of the conversation: the API has a field of its own for it. */
  isTold?: boolean
  /** The object that has the temperature and the like. Default: the body. */
  settings?: Json
  /** Default: what the field `stream` or the path says. */
  stream?: boolean
  /** What became of the tools that were asked for, the newest first. Default: in the forms that most APIs have. */
  results?: readonly ToolResult[]
}

/** How the requests and answers of one API of models are known and read; for `llmCalls({ wires })`. */
export interface Wire {
  /** `gen_ai.operation.name`. Default `chat`. */
  operation?: string
  /** The end of the path of its requests. */
  path: RegExp
  /** `gen_ai.provider.name` where the host names nobody known. Default `openai`. */
  provider?: string
  /** Default: the names that most APIs have for it. */
  ask?(body: Json): Asked
  /** A whole answer, or one event of a streamed one. */
  read(part: Json, answer: Answer): void
}

export interface ToolCall {
  /** Where fragments of it are said to belong. */
  at: unknown
  id?: string
  name?: string
  arguments: string
  /** They are given as a whole, in whose place fragments may come. */
  isWhole?: boolean
  /** The provider runs it. */
  isHosted?: boolean
}

export interface Choice {
  content: string
  finish?: string
  calls: ToolCall[]
}

/**
 * Token counts. `prompt` and `completion` include the others, as OpenTelemetry counts; `uncached` is the prompt beside the
 * cache's tokens, for APIs that say only that. By modality: `audio.input`.
 */
export type Usage = Partial<
  Record<'prompt' | 'completion' | 'total' | 'cache_read' | 'cache_creation' | 'reasoning' | 'uncached', number>
> &
  Record<string, number | undefined>

/** The last place of a choice. */
const MAX_PLACES = 127
/** Characters of the budget that each tool call takes beside what it says. */
const CALL_CHARS = 512

/** What an answer has said so far. What is kept of its text, and of names, ids and arguments of tools, is one budget. */
export class Answer {
  model: string | undefined
  id: string | undefined
  usage: Usage = {}
  /** US dollars, where the provider says it. */
  cost: number | undefined
  choices: Choice[] = []
  error: { type: string; message?: string } | undefined
  /** What has told its text: deltas, or items and wholes that repeat them. */
  teller: string | undefined
  #room = MAX_VALUE_CHARS
  readonly #keepsText: boolean

  constructor(keepsText: boolean) {
    this.#keepsText = keepsText
  }

  #take(text: unknown): string {
    const kept = typeof text === 'string' ? text.slice(0, Math.max(this.#room, 0)) : ''
    this.#room -= kept.length
    return kept
  }

  /** The first that is said of each counts, an empty text not at all. */
  name({ id, model }: { id?: unknown; model?: unknown }): void {
    this.id ||= this.#take(id)
    this.model ||= this.#take(model)
  }

  choice(index: unknown = 0): Choice {
    const at = isCount(index) ? Math.min(index, MAX_PLACES) : 0
    while (this.choices.length <= at) this.choices.push({ content: '', calls: [] })
    return this.choices[at] as Choice
  }

  /**
   * What is said of a tool call: by its id, or its place; without either it is the last one's. `isWhole`: it is no
   * fragment, so its arguments may repeat what fragments have said; as do those that are an object.
   */
  call(
    { calls }: Choice,
    place: unknown,
    { id, name, args, isHosted }: { id?: unknown; name?: unknown; args?: unknown; isHosted?: boolean },
    isWhole?: boolean,
  ): void {
    const own = typeof id === 'string' && id
    isWhole ||= typeof args === 'object' && toText(args) !== '{}'
    const said = typeof args === 'string' || isWhole ? toText(args) : undefined
    let call =
      calls.find((one) => own && one.id === own) ??
      calls.findLast(({ at }) => place === at) ??
      calls.findLast(({ at }) => !isCount(place) || !isCount(at))
    if (!call || (call.id && own && call.id !== own)) {
      if (this.#room <= 0 || !(own || said || (typeof name === 'string' && name))) return
      this.#room -= CALL_CHARS
      call = { at: place, arguments: '' }
      calls.push(call)
    }
    call.id ||= this.#take(own)
    call.name ||= this.#take(name)
    call.isHosted ||= isHosted
    if (isWhole ? call.arguments : !said) return
    call.arguments = (call.isWhole ? '' : call.arguments) + this.#take(said)
    call.isWhole = isWhole
  }

  /** Text, or a list of parts with text. */
  say(choice: Choice, said: unknown): void {
    if (!this.#keepsText) return
    for (const { text = said } of list([said].flat())) choice.content += this.#take(text)
  }

  /** Of a reason 64 characters are kept. */
  finish(choice: Choice, reason: unknown): void {
    choice.finish = match(/.{1,64}/, reason)?.[0] || choice.finish
  }

  /** What is no count does not take back what was said before. */
  count(usage: Record<string, unknown>): void {
    for (const name in usage) if (isCount(usage[name])) this.usage[name] = usage[name]
  }

  /** `type`: what is known of it otherwise. */
  fail(error: Json, type?: unknown): void {
    const { type: own, code, status, message } = Object(error)
    // A code that is a word says more than its type; one that is a number is the status again.
    const types = [type, match(/[a-z]/i, code)?.input, own, status, code, this.error?.type]
    this.error = { type: types.map(codeOf).find(Boolean) ?? 'error', message: toText(message ?? error) }
  }
}

/** A whole number that every number type on the way holds. */
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** Of those that are counts; undefined where none is. */
export const sum = (...counts: unknown[]): number | undefined =>
  counts.some(isCount) ? counts.filter(isCount).reduce((all, one) => all + one) : undefined

/** What a provider calls an error, where that is a code: a text may quote the prompt. */
export const codeOf = (value: unknown): string | undefined =>
  value && Object(value) !== value && /^[\w.:/-]{1,64}$/.test(`${value}`) ? `${value}` : undefined

/** What throws gives nothing: for what a stranger says. */
export function attempt<T>(task: () => T): T | undefined {
  try {
    return task()
  } catch {
    return undefined
  }
}

/** Of a text; anything else, which may have no text form, matches nothing. */
export const match = (pattern: RegExp, value: unknown): RegExpExecArray | null =>
  typeof value === 'string' ? pattern.exec(value) : null

/** The entries of a list, each as an object. */
export const list = (value: unknown): Json[] => (Array.isArray(value) ? value.map(Object) : [])

/** A list of texts as one; with other parts it is JSON, in which bytes as base64 are cut. Anything else as it is. */
export const joined = (parts: unknown): unknown => {
  if (!Array.isArray(parts)) return parts
  if (list(parts).every(({ text }) => typeof text === 'string')) return parts.map(({ text }) => text).join('')
  return JSON.stringify(parts, (_, value) => (match(/^[\w.:/;,+=-]{512,}$/, value) ? toText(value, 64) : value))
}

/** In what most APIs call it: what the model is told, what it is asked, and its settings. */
export function askedOf(body: Json): Asked {
  const { system, systemInstruction, instructions = systemInstruction?.parts, generationConfig: config } = body
  const { messages, contents = messages, content = contents, prompt, input = prompt, text = input, requests } = body
  const told = system ?? instructions
  const asked = content ?? text ?? list(requests).map(({ content }) => content)
  return {
    messages: told
      ? [{ role: 'system', content: joined(told) }, ...[asked].flat().map(messageOf)]
      : Array.isArray(asked)
        ? asked.map(messageOf)
        : asked,
    isTold: !!told,
    settings: config ?? body.inferenceConfig,
  }
}

/** As chat completions have it. Items that have no role are parts of an answer, or what became of a tool. */
function messageOf(one: Json): unknown {
  if (Object(one) !== one) return one
  const { role, type, result, output = result, content, parts = content } = one
  if (role || !type) return { ...one, parts: undefined, content: joined(parts) }
  return { role: output ? 'tool' : 'assistant', content: joined(output ?? [one]) }
}

/** Whether a span that says this of itself (in any of the conventions) is a call of a model. */
export function isModel(says: unknown): boolean {
  return !!match(
    /^(chat|text_completion|generate_content|embeddings|llm|embedding)$|\.do(generate|stream|embed)$/i,
    says,
  )
}
