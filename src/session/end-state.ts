/** How a session ends. */

import type { SpanStatusCode } from '@opentelemetry/api'
import { describe, warn } from '../runtime/diag.ts'
import { ERROR, OK, UNSET } from '../runtime/otel.ts'
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
