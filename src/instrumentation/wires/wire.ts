/** What is read of a model's API on the wire, whichever API it is: what a request asks for, what an answer has said. */

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
    this.error = { type: codeOf(type ?? status ?? code ?? 'error'), message: textOf(message ?? error) }
  }
}

/** What a provider calls an error, where that is a code: a text may quote the prompt. */
export function codeOf(value: unknown): string {
  return /^[\w.:/-]{1,64}$/.test(`${value}`) ? `${value}` : 'error'
}

/** One API. */
export interface Wire {
  /** `gen_ai.operation.name`, which the request may say better. */
  operation: string
  ask(body: Json, url: URL): Asked
  /** A whole answer, or one event of a streamed one. */
  read(part: Json, answer: Answer): void
}

/** Text as it is, anything else that is there as JSON. */
export const textOf = (value: unknown): string | undefined =>
  value === undefined || value === null ? undefined : typeof value === 'string' ? value : JSON.stringify(value)
