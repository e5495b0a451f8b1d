/** Runs of a framework as events of a session: what its hooks tell, each where it belongs. */
import { type Context, trace } from '@opentelemetry/api'
import { errorType, type PlainEvent } from '../events/event.ts'
import { describe } from '../runtime/diag.ts'
import { activeContext } from '../runtime/scope.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import { cut, toText } from '../runtime/serialize.ts'
import type { Caller, InstrumentedSession } from '../session/instruments.ts'
import { countsOf, type Spent, usageAttributes } from './around.ts'
import { fail } from './fetch.ts'
import { isCount } from './wires/wire.ts'

export interface Run {
  readonly session: InstrumentedSession
  readonly event: PlainEvent
  readonly span: SdkSpan
  /** In which it is the active span; inside an agent, events carry it. */
  readonly context: Context
}

/** A model's call that a framework makes; its request's event shows it, where there is one. */
export interface ModelRun {
  readonly session: InstrumentedSession
  readonly caller: Caller
  readonly event: PlainEvent
  /** Where its event belongs. */
  readonly context: Context
}

/** What a framework says that a model answered. */
export interface Said {
  id?: unknown
  model?: unknown
  finish?: unknown
  usage?: Readonly<Record<string, unknown>>
  completion?: unknown
  error?: unknown
}

/** Where the running code is, though it may have no span of the session. */
export function contextHere(session: InstrumentedSession): Context {
  return session.within(trace.getSpan(activeContext()) ?? session.root)
}

/** `conversation`: the framework's name for it (a thread), where it has one. */
export function openRun(
  session: InstrumentedSession,
  event: PlainEvent,
  outer: Context = contextHere(session),
  conversation?: unknown,
): Run {
  if (event.eventType === 'agents') {
    event.agentId ??= crypto.randomUUID()
    session.agents.set(event.agentId, cut(event.name, 256))
  }
  const { span, context } = session.begin(event, outer)
  // On a span that is no model's call AgentOps would take a `gen_ai.*` for one.
  span.setAttributes({ [key.CONVERSATION]: textOf(conversation) })
  return { session, event, span, context }
}

/** With contents off, of an error only its class is shown: its message may quote what it was told. */
export function closeRun({ session, event, span }: Run, said: { error?: unknown; returns?: unknown } = {}): void {
  if (!span.isRecording()) return
  const { error, returns } = said
  if (session.config.captureContent && returns !== undefined) event.returns = returns
  if (error !== undefined) failRun(span, session, error)
  span.end()
}

function failRun(span: SdkSpan, session: InstrumentedSession, error: unknown): void {
  fail(span, errorType(error), session.config.captureContent ? describe(error) : undefined)
}

export function openModel(
  session: InstrumentedSession,
  event: PlainEvent,
  outer: Context,
  { conversation, provider }: { conversation?: unknown; provider?: unknown } = {},
): ModelRun {
  const attributes = {
    [key.CONVERSATION_ID]: textOf(conversation),
    [key.GEN_AI_PROVIDER]: textOf(provider),
    [key.GEN_AI_SYSTEM]: textOf(provider),
  }
  event.initTimestamp = session.now()
  return { session, event, context: outer, caller: { context: outer, attributes } }
}

/** What the framework says of a call is an event where no request has shown it. */
export function closeModel({ session, caller, event, context }: ModelRun, said: Said): void {
  if (caller.isSeen) return
  caller.isSeen = true
  const { captureContent } = session.config
  const { span } = session.begin(event, context)
  const usage: Spent = {}
  for (const [name, count] of Object.entries(said.usage ?? {})) if (isCount(count)) usage[name] = count
  Object.assign(event, countsOf(usage), { responseModel: textOf(said.model) })
  if (captureContent) event.completion = said.completion
  span.setAttributes({
    ...usageAttributes(usage),
    ...caller.attributes,
    [key.GEN_AI_RESPONSE_ID]: textOf(said.id),
    [key.GEN_AI_FINISH_REASONS]: textOf(said.finish) && [`${said.finish}`],
  })
  if (said.error !== undefined) failRun(span, session, said.error)
  span.end()
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value ? toText(value, 256) : undefined
}
