/** A model call's messages, from whichever of the conventions' attributes they stand in, as one form. */
import type { PlainAttributes, PlainValue } from './otlp.ts'

export type MessagePart =
  | { kind: 'text' | 'reasoning'; text: string }
  | { kind: 'call'; id?: string; name: string; value: PlainValue }
  | { kind: 'result'; id?: string; value: PlainValue }
  | { kind: 'other'; type: string; value: PlainValue }

export interface ChatMessage {
  role: string
  parts: MessagePart[]
  finishReason?: string
}

type Fields = { [key: string]: PlainValue }

const UNTYPED = /^(text|image|document|video|(inline|file)Data|(function|tool)[A-Z][a-z]+)$/

/** Of an attribute's index: what is above comes from nobody's conversation. */
const MAX_MESSAGES = 5000

export function inputMessages(attributes: PlainAttributes): ChatMessage[] {
  const system = listOf(attributes['gen_ai.system_instructions'])
  const told: ChatMessage[] = system.length ? [{ role: 'system', parts: system.flatMap(partsOf) }] : []
  const rest =
    some(listOf(attributes['gen_ai.input.messages']).map(toMessage)) ??
    some(indexed(attributes, 'gen_ai.prompt.', '')) ??
    some(indexed(attributes, 'llm.input_messages.', 'message.')) ??
    some(listOf(attributes['ai.prompt.messages']).map(toMessage)) ??
    some(prompt(attributes['ai.prompt'] ?? attributes['gen_ai.prompt'])) ??
    []
  return answered([...told, ...rest])
}

/** A result without an id is of the first call before it that has none yet: messages of chats are in order. */
function answered(messages: ChatMessage[]): ChatMessage[] {
  let open: (string | undefined)[] = []
  let isAsking = false
  for (const { parts } of messages) {
    const calls = parts.flatMap((part) => (part.kind === 'call' ? [part.id] : []))
    // Calls of one answer may be a message each.
    if (calls.length) open = isAsking ? [...open, ...calls] : calls
    isAsking = calls.length > 0
    for (const part of parts) {
      if (part.kind !== 'result') continue
      if (part.id === undefined) part.id = open.shift()
      else open = open.filter((id) => id !== part.id)
    }
  }
  return messages
}

export function outputMessages(attributes: PlainAttributes): ChatMessage[] {
  return (
    some(listOf(attributes['gen_ai.output.messages']).map(toMessage)) ??
    some(indexed(attributes, 'gen_ai.completion.', '')) ??
    some(indexed(attributes, 'llm.output_messages.', 'message.')) ??
    some(answer(attributes)) ??
    []
  )
}

/** As text for a person: JSON where it is no text. */
export function textOf(value: PlainValue | undefined): string {
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value)
}

function some<T>(list: T[]): T[] | undefined {
  return list.length ? list : undefined
}

/** The AI SDK's answer. */
function answer(attributes: PlainAttributes): ChatMessage[] {
  const { 'ai.response.text': text, 'ai.response.object': object, 'ai.response.finishReason': reason } = attributes
  const calls = listOf(attributes['ai.response.toolCalls'])
  const parts: MessagePart[] = [
    ...(text ? partsOf(text) : object ? partsOf(object) : []),
    ...calls.map((call) => toCall(fields(call))),
  ]
  return parts.length ? [{ role: 'assistant', parts, finishReason: reason ? `${reason}` : undefined }] : []
}

/** One prompt: text, or JSON of `{ system, prompt, messages }`. */
function prompt(value: PlainValue | undefined): ChatMessage[] {
  if (value === undefined || value === null) return []
  const { system, prompt: asked, messages } = fields(parse(value))
  const told = system ? [{ role: 'system', parts: partsOf(system) }] : []
  if (Array.isArray(messages)) return [...told, ...messages.map(toMessage)]
  return [...told, { role: 'user', parts: partsOf(asked ?? value) }]
}

/** `<prefix>0.role`, `<prefix>0.content`, `<prefix>0.tool_calls.0.name`… */
function indexed(attributes: PlainAttributes, prefix: string, inside: string): ChatMessage[] {
  const byIndex = new Map<number, Fields>()
  for (const [name, value] of Object.entries(attributes)) {
    if (!name.startsWith(prefix)) continue
    const [, index, rest] = /^(\d+)\.(.+)$/.exec(name.slice(prefix.length)) ?? []
    const at = Number(index)
    if (rest === undefined || at > MAX_MESSAGES) continue
    const message = byIndex.get(at) ?? {}
    byIndex.set(at, message)
    message[rest.startsWith(inside) ? rest.slice(inside.length) : rest] = value
  }
  return [...byIndex].sort(([a], [b]) => a - b).map(([, message]) => toMessage(withCalls(message)))
}

function withCalls(message: Fields): Fields {
  const calls = new Map<string, Fields>()
  for (const [name, value] of Object.entries(message)) {
    const [, at, rest] = /^tool_calls\.(\d+)\.(?:tool_call\.)?(.+)$/.exec(name) ?? []
    if (at === undefined || rest === undefined) continue
    const call = calls.get(at) ?? {}
    calls.set(at, call)
    call[rest.replace(/^function\./, '')] = value
  }
  return calls.size ? { ...message, tool_calls: [...calls.values()] } : message
}

function toMessage(value: PlainValue): ChatMessage {
  const message = fields(value)
  const role = `${message.role ?? 'assistant'}`
  const content = message.parts ?? message.content
  let parts = content === undefined || content === null ? [] : partsOf(content)
  const id = message.tool_call_id
  if (role === 'tool' && parts.every(({ kind }) => kind === 'text')) {
    parts = [{ kind: 'result', id: id ? `${id}` : undefined, value: parse(content ?? '') }]
  }
  for (const call of listOf(message.tool_calls)) parts.push(toCall(fields(call)))
  const reason = message.finish_reason
  return { role, parts, finishReason: reason ? `${reason}` : undefined }
}

function partsOf(value: PlainValue): MessagePart[] {
  const content = parse(value)
  // JSON that a model wrote as its answer is text; lists of parts are what the conventions write as JSON.
  if (Array.isArray(content) && content.every((part) => typeof part === 'object' && kindOf(fields(part)))) {
    return content.map(toPart)
  }
  return textOf(value) === '' ? [] : [{ kind: 'text', text: textOf(value) }]
}

/** Google's and Bedrock's parts are a field of their kind's name. */
function kindOf(part: Fields): string | undefined {
  const own = Object.keys(part).find((name) => UNTYPED.test(name))
  return part.type ? `${part.type}` : own
}

function toPart(value: PlainValue): MessagePart {
  const given = fields(value)
  const type = `${kindOf(given)}`
  const inside = fields(given[type] ?? null)
  const part = given.type ? given : { ...given, ...inside }
  const id = part.call_id ?? part.tool_use_id ?? part.toolUseId ?? part.toolCallId ?? part.id
  switch (type) {
    case 'text':
    case 'input_text':
    case 'output_text':
      return { kind: 'text', text: textOf(part.text ?? part.content) }
    case 'reasoning':
    case 'thinking':
      return { kind: 'reasoning', text: textOf(part.content ?? part.text ?? part.thinking) }
    case 'tool_call':
    case 'tool_use':
    case 'tool-call':
    case 'function_call':
    case 'custom_tool_call':
    case 'server_tool_use':
    case 'functionCall':
    case 'toolUse':
    case 'function':
      return toCall(part)
    case 'tool_call_response':
    case 'tool_result':
    case 'tool-result':
    case 'functionResponse':
    case 'toolResult':
    case 'function_call_output': {
      const result = part.response ?? part.result ?? part.output ?? part.content ?? null
      return { kind: 'result', id: id ? `${id}` : undefined, value: parse(result) }
    }
    default:
      return { kind: 'other', type, value: part }
  }
}

function toCall(call: Fields): MessagePart {
  const called = { ...call, ...fields(call.function ?? null) }
  const value = parse(called.arguments ?? called.input ?? called.args ?? null)
  const name = `${called.name ?? called.toolName ?? 'tool'}`
  // Some write none: then a call is known by what it asks for.
  const id = call.call_id || call.id || call.toolCallId || call.toolUseId || `${name} ${textOf(value)}`
  return { kind: 'call', id: `${id}`, name, value }
}

function listOf(value: PlainValue | undefined): PlainValue[] {
  const list = parse(value ?? null)
  return Array.isArray(list) ? list : []
}

function fields(value: PlainValue): Fields {
  return value && typeof value === 'object' && !Array.isArray(value) ? value : {}
}

function parse(value: PlainValue): PlainValue {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}
