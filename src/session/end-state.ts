/** How a session ends. */

import type { Context, Span, SpanStatusCode, Tracer } from '@opentelemetry/api'
import { type Extra, markExtra } from '../outbox/extras.ts'
import { describe, warn } from '../runtime/diag.ts'
import { ERROR, OK, UNSET } from '../runtime/otel.ts'
import * as key from '../runtime/semconv.ts'
import { cut } from '../runtime/serialize.ts'
import type { EndState } from './view.ts'

/** The root's status in each end state. */
export const STATUS: Readonly<Record<EndState, SpanStatusCode>> = { Success: OK, Fail: ERROR, Indeterminate: UNSET }

/** What is none is said. */
export function isEndState(state: unknown): state is EndState {
  if (typeof state === 'string' && Object.hasOwn(STATUS, state)) return true
  const expected = Object.keys(STATUS).join(', ')
  warn(`end state: expected ${expected}, got ${cut(describe(state), 80)}; the session goes on`, 'end-state')
  return false
}

/** What is needed of a session that ends. */
interface Ended {
  readonly root: Span
  readonly tracer: Tracer
  readonly context: Context
  readonly endState: EndState
  readonly endStateReason: string | undefined
  readonly extras: ReadonlySet<Extra>
}

/** On the root, and on a span that starts last where a destination looks at that one. */
export function sayEnd({ root, tracer, context, endState, endStateReason, extras }: Ended): void {
  const status = { code: STATUS[endState], message: endStateReason }
  const attributes = { [key.END_STATE]: endState, [key.END_STATE_REASON]: endStateReason }
  if (extras.has('end')) {
    const own = { [key.SPAN_KIND]: 'operation', [key.OPERATION_NAME]: 'end_session' }
    const span = tracer.startSpan('end_session.operation', { attributes: { ...own, ...attributes } }, context)
    markExtra(span, 'end')
    span.setStatus(status).end()
  }
  root.setStatus(status).setAttributes(attributes)
}
