/**
 * Spans that only some destinations are sent. `end`: a last one that says how its session ended, for AgentOps, which takes
 * the status of the span that started last for the session's. `error`: an error that a failed span says already, for
 * AgentOps v2, where nothing but an error fails, and for metrics.
 */
import type { ReadableSpan } from '../runtime/sdk.ts'

export type Extra = 'end' | 'error'

const extras: WeakMap<object, Extra> = new WeakMap()

export function markExtra(span: object, extra: Extra): void {
  extras.set(span, extra)
}

/** Undefined where it is any destination's. */
export function extraOf(span: ReadableSpan): Extra | undefined {
  return extras.get(span)
}
