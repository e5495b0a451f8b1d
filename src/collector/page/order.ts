/** A session's spans as a tree, in the order in which they are shown. Spans come from anybody: any shape, any depth. */
import type { SpanRow } from '../trace-store.ts'

export interface TreeRow {
  span: SpanRow
  depth: number
  /** Spans directly below. */
  children: number
  /** Its parent is named, and not here: another service's, or one that has not come. */
  isOrphan: boolean
}

/** Depth first, siblings by start; spans that are each other's parents hang at the top. */
export function treeOf(spans: readonly SpanRow[]): TreeRow[] {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const below = new Map<string, SpanRow[]>()
  const tops: SpanRow[] = []
  for (const span of spans) {
    const parent = span.parentId !== span.spanId && span.parentId && ids.has(span.parentId) ? span.parentId : undefined
    if (parent === undefined) tops.push(span)
    else {
      const siblings = below.get(parent)
      if (siblings) siblings.push(span)
      else below.set(parent, [span])
    }
  }
  const rows: TreeRow[] = []
  const seen = new Set<string>()
  const walk = (from: readonly SpanRow[]): void => {
    // A stack of our own, as deep as they are nested.
    const waiting = from.map((span) => ({ span, depth: 0 })).reverse()
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { span, depth } = next
      if (seen.has(span.spanId)) continue
      seen.add(span.spanId)
      const children = below.get(span.spanId) ?? []
      const isOrphan = depth === 0 && span.parentId !== undefined
      rows.push({ span, depth, children: children.length, isOrphan })
      for (let i = children.length - 1; i >= 0; i--) waiting.push({ span: children[i] as SpanRow, depth: depth + 1 })
    }
  }
  walk(tops)
  if (rows.length < spans.length) walk(spans)
  return rows
}
