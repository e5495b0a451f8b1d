/**
 * Which tool a model's call became, and what came of it. By the call's id where a span has it, as instrumentations write
 * it; a tool that somebody calls by hand has none: then by its name and its arguments.
 */
import { callIdOf, contentsOf, summarize, typeOf } from './conventions.ts'
import { type ChatMessage, inputMessages, type MessagePart, outputMessages } from './messages.ts'
import type { CollectedSpan, PlainValue } from './otlp.ts'

export type Call = MessagePart & { kind: 'call' }

/** By the id of the call that asked for it. */
export interface Results {
  results: Map<string, PlainValue>
  /** Of one that was tried again, the last. */
  spans: Map<string, CollectedSpan>
}

/** `spans`: model calls and tools, by start. */
export function resultsOf(spans: readonly CollectedSpan[]): Results {
  const found: Results = { results: new Map(), spans: new Map() }
  const asked: Call[] = []
  for (const span of spans) {
    const type = typeOf(span)
    if (type === 'model') {
      for (const { parts } of inputMessages(span.attributes)) {
        for (const part of parts) if (part.kind === 'result' && part.id) found.results.set(part.id, part.value)
      }
      asked.push(...callsOf(outputMessages(span.attributes)))
    } else if (type === 'tool') {
      const id = callIdOf(span.attributes) ?? likeliest(asked, span, found.spans)?.id
      if (id) found.spans.set(id, span)
    }
  }
  return found
}

export function callsOf(messages: readonly ChatMessage[]): Call[] {
  return messages.flatMap(({ parts }) => parts.filter((part): part is Call => part.kind === 'call'))
}

/** Whether an answer's calls have one that became this tool. */
export function asksFor(calls: readonly Call[], tool: CollectedSpan): boolean {
  const id = callIdOf(tool.attributes)
  return id === undefined ? !!likeliest(calls, tool, new Map()) : calls.some((call) => call.id === id)
}

/** The newest with the tool's arguments that no other tool answers yet, else one that another does, else one of its name. */
function likeliest(calls: readonly Call[], tool: CollectedSpan, taken: ReadonlyMap<string, unknown>): Call | undefined {
  const name = summarize(tool).label
  const input = JSON.stringify(contentsOf(tool).input ?? null)
  const named = calls.filter((call) => call.name === name)
  const isFree = ({ id }: Call): boolean => id === undefined || !taken.has(id)
  const same = named.filter((call) => JSON.stringify(call.value) === input)
  return same.find(isFree) ?? same.at(-1) ?? named.find(isFree)
}
