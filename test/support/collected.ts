/** Reads back over HTTP what arrived at the collector; works in Node and inside workerd. */
import { inject } from 'vitest'
import type { CollectedSpan } from '../../src/collector/otlp.ts'
import type { AgentOpsOptions } from '../../src/index.ts'

/** Options that send to the tests' collector. */
export function toCollector(options: AgentOpsOptions = {}): AgentOpsOptions {
  return { endpoint: `${inject('collectorUrl')}/v1/traces`, ...options }
}

/** The spans of one session, by start. */
export async function spansOf(session: { id: string }): Promise<CollectedSpan[]> {
  const response = await fetch(`${inject('collectorUrl')}/spans?session=${session.id}`)
  const spans = (await response.json()) as (Omit<CollectedSpan, 'start' | 'end'> & { start: string; end: string })[]
  return spans
    .map((span) => ({ ...span, start: BigInt(span.start), end: BigInt(span.end) }))
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
}

export function named(spans: readonly CollectedSpan[], name: string): CollectedSpan {
  const found = spans.filter((span) => span.name === name)
  if (found.length !== 1) throw new Error(`${found.length} spans ${name} among ${spans.map((span) => span.name)}`)
  return found[0] as CollectedSpan
}
