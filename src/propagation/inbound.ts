/** What a caller's trace context and baggage mean for a new session, and how far the caller is trusted. */
import { type Baggage, type Context, type Link, ROOT_CONTEXT, type TextMapPropagator, trace } from '@opentelemetry/api'
import { guard } from '../runtime/diag.ts'
import { SESSION_ID } from '../runtime/semconv.ts'
import { baggageIn, withBaggage } from './baggage.ts'
import { type Carrier, extract } from './propagators.ts'

/** The texts among an object's own properties. */
export function carrierIn(object: Readonly<Record<string, unknown>>): Carrier {
  return {
    get(name) {
      const value = Object.hasOwn(object, name) ? object[name] : undefined
      return typeof value === 'string' ? value : undefined
    },
    keys: () => Object.keys(object),
  }
}

export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || !value) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** What to do with a caller's trace: go on in it, link to it, or ignore it. */
export type Inbound = 'continue' | 'link' | 'ignore'

/** The options that decide. */
export interface InboundPolicy {
  readonly inbound: Inbound | ((request: Request | undefined) => Inbound | undefined)
  readonly trust?: (request: Request | undefined) => boolean
  readonly propagators: readonly TextMapPropagator[]
}

/** What a caller gives a session; a field that is not there is not given. */
interface FromCaller {
  /** In whose trace the session goes on, with the baggage that it hands on. */
  parent?: Context
  links?: Link[]
  /** The session that the caller's is part of. */
  groupId?: string
}

/** What a carrier gives. `request`: for those options that are functions of it. */
export function readInbound(carrier: Carrier, policy: InboundPolicy, request?: Request): FromCaller {
  const context = extract(carrier, policy.propagators)
  // Most requests come with nothing, of which only a function of the user's would make something.
  const isAsked = policy.trust || typeof policy.inbound === 'function'
  return context === ROOT_CONTEXT && !isAsked ? {} : fromCaller(context, policy, request)
}

/**
 * What a caller's context is to a new session. A caller that `trust` refuses is linked to, and its baggage is nobody's;
 * the `session.id` in it counts, and is handed on, only where `trust` accepts the caller.
 */
export function fromCaller(context: Context, policy: InboundPolicy, request?: Request): FromCaller {
  const { inbound, trust } = policy
  const trusted = trust && guard('trust', () => trust(request)) === true
  const chosen = typeof inbound === 'function' ? (guard('inbound', () => inbound(request)) ?? 'continue') : inbound
  if (chosen === 'ignore') return {}
  const caller = trace.getSpanContext(context)
  let baggage = trust && !trusted ? undefined : baggageIn(context)
  const groupId = baggage?.getEntry(SESSION_ID)?.value
  if (!trusted) baggage = baggage?.removeEntry(SESSION_ID)
  const goesOn = caller && trace.isSpanContextValid(caller) && chosen !== 'link' && !(trust && !trusted)
  const found: FromCaller = {}
  if (goesOn || size(baggage)) {
    // Of the caller's context these two alone: a propagator of the user's may have left anything in it.
    found.parent = goesOn ? trace.setSpanContext(ROOT_CONTEXT, caller) : ROOT_CONTEXT
    if (baggage && size(baggage)) found.parent = withBaggage(found.parent, baggage)
  }
  if (caller && !goesOn && trace.isSpanContextValid(caller)) found.links = [{ context: caller }]
  if (trusted && groupId) found.groupId = groupId
  return found
}

/** The links of a span about one message of several: they have no one trace to go on in. */
export function linksOf(carrier: Carrier, policy: InboundPolicy): Link[] {
  const { inbound } = policy
  return readInbound(carrier, { ...policy, inbound: inbound === 'ignore' ? inbound : 'link' }).links ?? []
}

function size(baggage: Baggage | undefined): number {
  return baggage?.getAllEntries().length ?? 0
}
