/** What a session is opened with, and what makes it one of its own: its id, and the trace that it belongs to. */
import {
  type Attributes,
  type Context,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanKind,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { warn } from '../runtime/diag.ts'
import { RANDOM } from '../runtime/otel.ts'
import * as key from '../runtime/semconv.ts'
import { cut } from '../runtime/serialize.ts'
import { isUuid } from '../runtime/uuid.ts'
import type { WaitUntil } from './ending.ts'
import type { Scoped } from './scope.ts'

/** What a session begins with, all optional. What is wrong is said, and left out. */
export interface SessionInit {
  /** UUID. Default: drawn. The trace id is the same without dashes, unless the session goes on in a caller's trace. */
  id?: string
  name?: string
  tags?: string | readonly string[]
  /** The conversation that it belongs to: any text up to 256 characters. It is `session.id` on every span then. */
  groupId?: string
  /** Attributes of every span of the session. */
  attributes?: Attributes
  /** A session, or a context with a caller's span, in whose trace this session is a child. Default: a trace of its own. */
  parent?: Scoped | Context
}

/** What an adapter adds: it knows the request, the user does not. */
export interface RootInit extends SessionInit {
  kind?: SpanKind
  /** The root's, where several processes make the same one: 16 hexadecimal digits. */
  rootSpanId?: string
  /** When the root began. Default: now. */
  startTime?: Date
  /** Of the request: what it is called as, and may be called as again. */
  origin?: string
  rootAttributes?: Attributes
  links?: Link[]
  waitUntil?: WaitUntil
  /** The same for what is recorded after the end; it must hold the runtime's context weakly. */
  lateWaitUntil?: WaitUntil
  onEnded?: () => void
  /** Whether its end may deliver other sessions, too: nothing waits for it, and the platform lets it work. Default: where there is `waitUntil`. */
  carries?: boolean
  /** Nobody may count on its timers: a Durable Object can stop them. */
  isUnwatched?: boolean
}

/** A parent that is no session, as a context. */
export function contextOf(parent: unknown): Context {
  if (typeof (parent as Context | undefined)?.getValue === 'function') return parent as Context
  if (parent) warn('parent: expected a session or an OpenTelemetry context; the session has none')
  return ROOT_CONTEXT
}

/** Each once, and no longer than 256 characters. */
export function tagsOf(tags: string | readonly string[]): string[] {
  if (Array.isArray(tags) && !tags.length) return []
  const list = [tags].flat()
  const texts = list.filter((tag) => typeof tag === 'string')
  if (texts.length < list.length) warn('tags: expected text or a list of texts; the others are left out')
  return [...new Set(texts.map((tag) => cut(tag, 256)))]
}

export interface Identity {
  id: string
  traceId: string
  /** Of every span, beside "sampled". */
  flags: number
}

/** `parent`: a context in whose trace the session goes on, where it names one. */
export function identityOf(given: string | undefined, parent: Context): Identity {
  const asked = isUuid(given) ? given : undefined
  if (given !== asked) warn('session id: expected a UUID; a new one is used')
  const id = asked ?? crypto.randomUUID()
  const caller = trace.getSpanContext(parent)
  if (caller && isSpanContextValid(caller)) return { id, traceId: caller.traceId, flags: caller.traceFlags & RANDOM }
  return { id, traceId: (asked?.toLowerCase() ?? id).replaceAll('-', ''), flags: asked ? 0 : RANDOM }
}

export function startRoot(tracer: Tracer, name: string, init: RootInit, parent: Context): Span {
  const { kind, startTime, links, rootAttributes } = init
  const attributes = { [key.SPAN_KIND]: 'session', [key.OPERATION_NAME]: name, ...rootAttributes }
  return tracer.startSpan(`${name}.session`, { kind, startTime, links, attributes }, parent)
}
