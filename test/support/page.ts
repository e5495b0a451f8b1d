/**
 * What AgentOps' backend and page make of spans, as far as their public code says: names become a tree at their dots, in
 * the order that they came in; the first of `gen_ai`, `agent` and `tool` is the span's type.
 */
import type { DecodedSpan } from './otlp-decoder.ts'

type Tree = { [name: string]: Tree | unknown }

/** A value at a name destroys what is below it, whichever comes first. */
export function treeOf({ attributes }: DecodedSpan): Tree {
  const tree: Tree = {}
  for (const [name, value] of Object.entries(attributes)) {
    const path = name.split('.')
    const last = path.pop() as string
    let at = tree
    for (const part of path) {
      if (Object.hasOwn(at, part) && typeof at[part] !== 'object') at[part] = undefined
      at[part] ??= {}
      at = at[part] as Tree
    }
    at[last] = value
  }
  return tree
}

export function typeOf(span: DecodedSpan): string {
  const first = Object.keys(treeOf(span)).find((name) => /^(gen_ai|agent|tool)$/.test(name))
  return { gen_ai: 'request', agent: 'agent', tool: 'tool' }[`${first}`] ?? 'other'
}

/** Of a conversation, the calls of models: whatever has any `gen_ai.*`. */
export const modelCalls = (spans: readonly DecodedSpan[]): DecodedSpan[] =>
  spans.filter((span) => 'gen_ai' in treeOf(span))

const STATUSES = ['INDETERMINATE', 'SUCCESS', 'FAIL']
const byStart = (spans: readonly DecodedSpan[]): DecodedSpan[] =>
  [...spans].sort((a, b) => (a.start < b.start ? -1 : 1))

/** In the overview: the status of the span that started last. */
export const outcomeOf = (spans: readonly DecodedSpan[]): string | undefined =>
  STATUSES[byStart(spans).at(-1)?.status.code ?? 0]

/** In the list: from the first start to the last, milliseconds. */
export function durationOf(spans: readonly DecodedSpan[]): number {
  const sorted = byStart(spans)
  return Number(((sorted.at(-1)?.start ?? 0n) - (sorted[0]?.start ?? 0n)) / 1_000_000n)
}

/** What is shown of an answer: the first key of its first choice. */
export function answerOf({ attributes }: DecodedSpan): unknown {
  return Object.entries(attributes).find(([name]) => name.startsWith('gen_ai.completion.0.'))?.[1]
}

/** A bar's label: of a tool its input's JSON, where there is one, else its name. */
export function labelOf(span: DecodedSpan): unknown {
  if (span.status.code === 2) return span.status.message
  const tree = treeOf(span) as { agentops?: { entity?: { input?: string } }; tool?: { name?: string } }
  return tree.agentops?.entity?.input ?? tree.tool?.name ?? span.name
}

/** Tokens that they price: the prompt's, and those of the cache beside. */
export function pricedInput({ attributes }: DecodedSpan): number {
  const [prompt, read] = ['prompt_tokens', 'cache_read_input_tokens'].map((name) => attributes[`gen_ai.usage.${name}`])
  return Number(prompt ?? 0) + Number(read ?? 0)
}
