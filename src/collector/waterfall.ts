/** A session as text for a terminal: one line a span, indented under its parent, with a bar for its time. */
import * as key from '../runtime/semconv.ts'
import type { CollectedSpan } from './otlp.ts'
import type { CollectedSession } from './store.ts'

const BAR = 32
const NAME = 34

/**
 * A session as lines of text: names, bars over its time, durations, what failed. Without an escape sequence; 32
 * columns of bar.
 */
export function renderWaterfall(session: CollectedSession): string {
  return waterfallOf(session)
}

/** `state`: what a store says of it; spans of other makers do not say themselves. */
export function waterfallOf(session: CollectedSession, state?: string): string {
  const { root, spans } = session
  const first = root ?? spans[0]
  if (!first) return `session ${session.id}: no spans`
  const start = spans.reduce((least, span) => (span.start < least ? span.start : least), first.start)
  const end = spans.reduce((most, span) => (span.end > most ? span.end : most), first.end)
  const span = Number(end - start) || 1
  const lines = ordered(spans).map(({ span: row, depth }) => {
    const from = Math.min(Math.floor((Number(row.start - start) / span) * BAR), BAR - 1)
    const width = Math.max(Math.round((Number(row.end - row.start) / span) * BAR), 1)
    const bar = `${' '.repeat(from)}${'█'.repeat(Math.min(width, BAR - from))}`.padEnd(BAR)
    const name = `${'  '.repeat(Math.min(depth, NAME))}${row.name}`
    return `  ${pad(name, NAME)} ${bar} ${millis(row.end - row.start).padStart(9)}  ${details(row)}`.trimEnd()
  })
  // Names come from requests: a terminal must not obey them, nor turn them around.
  return [headline(session, first, state), `  session ${session.id} · trace ${session.traceId}`, ...lines]
    .map((line) => line.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' '))
    .join('\n')
}

function headline(session: CollectedSession, root: CollectedSpan, told: string | undefined): string {
  const { attributes } = root
  const state = told ?? attributes[key.END_STATE] ?? 'running'
  const reason = attributes[key.END_STATE_REASON]
  const tokens = sum(session.spans, key.GEN_AI_PROMPT_TOKENS) + sum(session.spans, key.GEN_AI_COMPLETION_TOKENS)
  const tags = [attributes[key.TAGS] ?? []].flat()
  const parts = [
    `${state}${reason ? `: ${reason}` : ''}`,
    millis(root.end - root.start),
    `${session.spans.length} span${session.spans.length === 1 ? '' : 's'}`,
    tokens > 0 ? `${tokens} tokens` : '',
    tags.length > 0 ? `tags ${tags.join(', ')}` : '',
  ]
  return `${root.name} · ${parts.filter(Boolean).join(' · ')}`
}

function details({ attributes, status }: CollectedSpan): string {
  const prompt = attributes[key.GEN_AI_PROMPT_TOKENS]
  const completion = attributes[key.GEN_AI_COMPLETION_TOKENS]
  const parts = [
    attributes[key.GEN_AI_REQUEST_MODEL],
    prompt === undefined ? '' : `${prompt} + ${completion ?? 0} tokens`,
    attributes[key.INCOMPLETE] ? 'incomplete' : '',
    status.code === 2 ? `✗ ${status.message ?? 'failed'}` : '',
  ]
  return parts.filter(Boolean).join(' · ').replace(/\s+/g, ' ').slice(0, 100)
}

/** Depth first, siblings by start; a span whose parent is not here counts as a root. */
function ordered(spans: readonly CollectedSpan[]): { span: CollectedSpan; depth: number }[] {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const children = new Map<string, CollectedSpan[]>()
  for (const span of [...spans].sort((a, b) => Number(a.start - b.start))) {
    const parent = span.parentSpanId && ids.has(span.parentSpanId) ? span.parentSpanId : ''
    children.set(parent, [...(children.get(parent) ?? []), span])
  }
  // A stack of our own: spans come from anybody, nested as deep as they like.
  const rows: { span: CollectedSpan; depth: number }[] = []
  const waiting = (children.get('') ?? []).map((span) => ({ span, depth: 0 })).reverse()
  for (let row = waiting.pop(); row; row = waiting.pop()) {
    rows.push(row)
    const { span, depth } = row
    const below = children.get(span.spanId) ?? []
    children.delete(span.spanId)
    waiting.push(...below.map((child) => ({ span: child, depth: depth + 1 })).reverse())
  }
  return rows
}

function sum(spans: readonly CollectedSpan[], name: string): number {
  return spans.reduce((total, { attributes }) => total + (Number(attributes[name]) || 0), 0)
}

function millis(nanos: bigint): string {
  const ms = Number(nanos) / 1e6
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
}

function pad(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width)
}
