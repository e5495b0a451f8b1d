/**
 * W3C Trace Context, Levels 1 and 2 (https://www.w3.org/TR/trace-context-2/): `traceparent` and `tracestate` as an
 * OpenTelemetry propagator. What is not changed is handed on as it came.
 */
import {
  type Context,
  isSpanContextValid,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  type TraceState,
  trace,
} from '@opentelemetry/api'
import { isTracingSuppressed } from '@opentelemetry/core'

const PARENT = 'traceparent'
const STATE = 'tracestate'
/** Version 00 has 55 characters; a later one may have more behind a dash. */
const TRACEPARENT = /^(?!ff|00.{54})[\da-f]{2}-((?!0{32})[\da-f]{32})-((?!0{16})[\da-f]{16})-([\da-f]{2})(-.*)?$/
/** Section 3.3.1: a key, in which Level 2 allows `@` anywhere but first, and a value of printable characters. */
const MEMBER = /^[a-z\d][a-z\d_*/@-]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]$/
const MAX_MEMBERS = 32
/** Sampled, and that the trace id is random: no other is known, and those are not handed on. */
const KNOWN_FLAGS = 3

export const traceContextPropagator: TextMapPropagator = {
  inject(context: Context, carrier: unknown, setter: TextMapSetter) {
    const span = trace.getSpanContext(context)
    if (!span || !isSpanContextValid(span) || isTracingSuppressed(context)) return
    setter.set(carrier, PARENT, `00-${span.traceId}-${span.spanId}-0${span.traceFlags & KNOWN_FLAGS}`)
    if (span.traceState) setter.set(carrier, STATE, span.traceState.serialize())
  },
  extract(context: Context, carrier: unknown, getter: TextMapGetter) {
    // Two of them are none, one with spaces or tabs around it is one.
    const [, traceId, spanId, flags] = TRACEPARENT.exec(`${getter.get(carrier, PARENT)}`.trim()) ?? []
    if (!traceId || !spanId) return context
    return trace.setSpanContext(context, {
      traceId,
      spanId,
      traceFlags: Number(`0x${flags}`) & KNOWN_FLAGS,
      isRemote: true,
      traceState: stateOf(membersOf(getter.get(carrier, STATE) ?? '')),
    })
  },
  fields: () => [PARENT, STATE],
}

/** One member that is malformed, or one too many, discards them all; of two with the same key the first, the latest, stays. */
function membersOf(given: string | string[]): string[] {
  const all = `${given}`.split(',').flatMap((member) => member.trim() || [])
  if (all.length > MAX_MEMBERS || !all.every((member) => MEMBER.test(member))) return []
  return all.filter((member, at) => all.findIndex((other) => keyOf(other) === keyOf(member)) === at)
}

function keyOf(member: string): string {
  return member.split('=', 1)[0] as string
}

/** Undefined where there is none. */
function stateOf(members: readonly string[]): TraceState | undefined {
  return members.length ? traceState(members) : undefined
}

function traceState(members: readonly string[]): TraceState {
  const without = (key: string): string[] => members.filter((member) => keyOf(member) !== key)
  const state: TraceState = {
    get: (key) => members.find((member) => keyOf(member) === key)?.slice(key.length + 1),
    set(key, value) {
      const member = `${key}=${value}`
      return MEMBER.test(member) ? traceState([member, ...without(key)].slice(0, MAX_MEMBERS)) : state
    },
    unset: (key) => traceState(without(key)),
    serialize: () => members.join(),
  }
  return state
}
