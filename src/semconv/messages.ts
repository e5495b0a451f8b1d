/** Indexed prompts and completions as the conventions' messages: `{ role, parts: […] }`, JSON text. */
import type { Attributes } from '@opentelemetry/api'

/** A part of a message, in the conventions' JSON schema. */
interface Part {
  type: string
  [field: string]: unknown
}

interface Message {
  role: string
  parts: Part[]
}

const PART =
  /^(type|text|image|document|video|(inline|file)Data|(function|tool|code|executable)[A-Z]\w+|\w+(Content|Point))$/

/** Of `prefix.0.content`, `prefix.0.role`, `prefix.0.tool_calls.0.name`… from the index `first` on. Undefined where there are none. */
export function messagesOf(attributes: Attributes, prefix: string, first = 0): string | undefined {
  const messages: Message[] = []
  for (let i = first; ; i++) {
    const at = `${prefix}.${i}.`
    const names = Object.keys(attributes).filter((name) => name.startsWith(at))
    if (!names.length) break
    const role = `${attributes[`${at}role`] ?? (prefix.endsWith('prompt') ? 'user' : 'assistant')}`
    const parts = partsOf(attributes[`${at}content`], role)
    for (let j = 0; attributes[`${at}tool_calls.${j}.name`] !== undefined; j++) {
      const of = `${at}tool_calls.${j}.`
      parts.push({
        type: 'tool_call',
        id: attributes[`${of}id`],
        name: attributes[`${of}name`],
        arguments: parsed(attributes[`${of}arguments`]),
      })
    }
    messages.push({ role, parts })
  }
  return messages.length ? JSON.stringify(messages) : undefined
}

/** Of what a model is told beside the conversation: its texts. */
export function instructionsOf(content: unknown): string {
  const parts = partsOf(content, 'system')
  return JSON.stringify(parts.filter(({ type }) => type === 'text'))
}

/** Content is text, or the JSON of a provider's list of parts. */
function partsOf(content: unknown, role: string): Part[] {
  if (content === undefined || content === '') return []
  const value = parsed(content)
  if (role === 'tool') return [{ type: 'tool_call_response', response: value }]
  if (!Array.isArray(value) || !value.every(isPart)) return [{ type: 'text', content }]
  return value.map(partOf)
}

/** A text may be a JSON list, too: an answer with a schema. Parts have a type; Google's and Bedrock's a field of its name. */
function isPart(part: unknown): boolean {
  return Object.keys(Object(part)).some((name) => PART.test(name))
}

/** OpenAI's, Anthropic's and Google's parts that the conventions have a form for; others as they are. */
function partOf(part: Record<string, unknown>): Part {
  const { type, text, functionCall, functionResponse, toolUse, toolResult } = part as Record<
    string,
    Record<string, unknown>
  > & {
    type?: unknown
    text?: unknown
  }
  if (/^(input_|output_)?text$/.test(`${type}`) || (type === undefined && typeof text === 'string')) {
    return { type: 'text', content: text }
  }
  const call = functionCall ?? toolUse ?? (/(tool_use|_call)$/.test(`${type}`) ? part : undefined)
  if (call) {
    const { call_id = call.toolUseId, id, name, input, args = call.arguments } = call
    return { type: 'tool_call', id: call_id ?? id, name, arguments: parsed(args ?? input) }
  }
  const result = functionResponse ?? toolResult ?? (/_result$/.test(`${type}`) ? part : undefined)
  if (result) {
    const { tool_use_id = result.toolUseId, id, response = result.content } = result
    return { type: 'tool_call_response', id: tool_use_id ?? id, response }
  }
  if (type === 'thinking' || type === 'reasoning') {
    return { type: 'reasoning', content: part.thinking ?? part.text ?? part.summary }
  }
  return { ...part, type: `${type ?? 'generic'}` }
}

function parsed(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}
