/** What captures of frameworks share: their agents, tools and model calls as events, each of which the framework ends. */
import { type Context, trace } from '@opentelemetry/api'
import { controlFlowOf } from '../events/control-flow.ts'
import type { PlainEvent } from '../events/event.ts'
import { activeContext } from '../runtime/scope.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import type { Caller, InstrumentedSession } from '../session/instruments.ts'
import { countsOf, type Spent, usageAttributes } from './around.ts'
import { failed } from './fetch.ts'
import { askerOf, coming, wants } from './tool-calls.ts'
import { isCount, type Json, type ToolCall } from './wires/wire.ts'

const MAX_RUNNING = 5000

/** What runs, by the framework's id of it: no longer than its session, and of what never ends not more than so many. */
export class Running<Item extends { readonly session: InstrumentedSession }> {
  readonly #items: Map<unknown, Item> = new Map()
  readonly #sessions: WeakSet<InstrumentedSession> = new WeakSet()

  get(id: unknown): Item | undefined {
    return this.#items.get(id)
  }

  set(id: unknown, item: Item): void {
    const { session } = item
    if (this.#items.size >= MAX_RUNNING) this.#items.delete(this.#items.keys().next().value)
    this.#items.set(id, item)
    if (this.#sessions.has(session)) return
    this.#sessions.add(session)
    session.closing.add(() => {
      this.#sessions.delete(session)
      for (const [id, one] of this.#items) if (one.session === session) this.#items.delete(id)
    })
  }

  /** Gives what was there. */
  take(id: unknown): Item | undefined {
    const item = this.#items.get(id)
    this.#items.delete(id)
    return item
  }
}

/** A span that has begun, the context inside of it, and what it is to say. */
export interface Opened {
  readonly session: InstrumentedSession
  readonly event: PlainEvent
  readonly span: SdkSpan
  readonly context: Context
}

/** A model's call that a framework makes; its request's event shows it, where there is one. */
export interface FrameworkCall {
  readonly session: InstrumentedSession
  readonly caller: Caller
  /** Where it belongs. */
  readonly context: Context
  /** Milliseconds since the epoch. */
  readonly begunAt: number
  model?: unknown
  provider?: unknown
}

/** What a framework says that a model answered. */
export interface Said {
  id?: unknown
  model?: unknown
  usage?: Spent
  finish?: unknown
  calls?: readonly Partial<ToolCall>[]
  /** Contents. */
  prompt?: unknown
  text?: unknown
  error?: unknown
}

/** The context of the running code, which may have no span of the session. */
export function contextOf(session: InstrumentedSession): Context {
  return session.within(trace.getSpan(activeContext()) ?? session.root)
}

export function open(session: InstrumentedSession, event: PlainEvent, outer?: Context): Opened {
  const { span, context } = session.begin(event, outer)
  return { session, event, span, context }
}

export function openAgent(session: InstrumentedSession, name: string, outer: Context): Opened {
  const agentId = crypto.randomUUID()
  session.agents.set(agentId, name)
  return open(session, { eventType: 'agents', name, agentId }, outer)
}

export function openAction(session: InstrumentedSession, actionType: string, outer?: Context): Opened {
  return open(session, { eventType: 'actions', actionType }, outer)
}

/** `error`: why it failed, unless its caller left it. */
export function close({ session, span }: Opened, error?: unknown): void {
  if (!span.isRecording()) return
  if (error !== undefined && !controlFlowOf(error)) failed(span, session, error)
  span.end()
}

/** What a framework says of a call is an event where no request has shown it. `at`: when it was over. */
export function showCall(call: FrameworkCall, said: Said, operation = 'chat', at: number = call.session.now()): void {
  const { session, caller, context, begunAt: initTimestamp } = call
  const { captureContent } = session.config
  const { id, usage, finish, calls = [], error } = said
  if (caller.isSeen) return
  caller.isSeen = true
  const named = calls.map(({ id, name, arguments: given }) => {
    return { id, name, arguments: captureContent ? given : undefined }
  })
  const answer = { role: 'assistant', content: captureContent ? said.text : undefined, finish_reason: finish }
  const event: PlainEvent = { eventType: 'llms', operation, initTimestamp, endTimestamp: at, ...countsOf(usage ?? {}) }
  event.model = call.model
  event.responseModel = said.model ?? undefined
  if (captureContent) event.prompt = said.prompt
  if (finish || answer.content || calls.length) event.completion = [{ ...answer, tool_calls: named }]
  const { span } = session.begin(event, context)
  span.setAttributes({
    ...usageAttributes(usage ?? {}),
    ...caller.attributes,
    [key.GEN_AI_PROVIDER]: text(call.provider),
    [key.GEN_AI_SYSTEM]: text(call.provider),
    [key.GEN_AI_RESPONSE_ID]: text(id),
    [key.GEN_AI_FINISH_REASONS]: finish ? [`${finish}`] : undefined,
  })
  // From here on tools of the session are looked at.
  coming(session)()
  wants(session, calls as ToolCall[], askerOf(session, span, initTimestamp))
  if (error !== undefined) failed(span, session, error)
  span.end(at)
}

/** Counts by our names: of those by which a framework may know one the first that is there. */
export function usageOf(given: Json, names: Readonly<Record<string, string>>): Spent {
  const usage: Spent = {}
  for (const name in names) {
    const values = `${names[name]}`
      .split('|')
      .map((path) => path.split('.').reduce<unknown>((part, field) => Object(part)[field], given))
    const value = values.find(isCount)
    if (isCount(value)) usage[name] = value
  }
  return usage
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value ? value.slice(0, 256) : undefined
}
