/** What captures of frameworks share: their agents, steps, tools and model calls as events, each of which the framework ends. */
import { type Context, trace } from '@opentelemetry/api'
import { controlFlowOf } from '../events/control-flow.ts'
import { errorType, type PlainEvent } from '../events/event.ts'
import { activeContext } from '../runtime/scope.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import { cut } from '../runtime/serialize.ts'
import type { Caller, InstrumentedSession } from '../session/instruments.ts'
import { countsOf, type Spent, usageAttributes } from './around.ts'
import { failed } from './fetch.ts'
import { askerOf, coming, wants } from './tool-calls.ts'
import { isCount, type Json, type ToolCall } from './wires/wire.ts'

const MAX_RUNNING = 5000
const MAX_NAME = 256
/** Types of errors by which a caller leaves. */
const LEFT = /^(AbortError|APIUserAbortError)$/

/** What runs, by the framework's id of it: no longer than its session, and of what never ends not more than so many. */
export class Running<Item extends { readonly session: InstrumentedSession }> {
  readonly #items: Map<unknown, Item> = new Map()
  readonly #sessions: WeakSet<InstrumentedSession> = new WeakSet()

  get(id: unknown): Item | undefined {
    return this.#items.get(id)
  }

  /** Of `session`, the oldest first. */
  of(session: InstrumentedSession): Item[] {
    return [...this.#items.values()].filter((item) => item.session === session)
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

interface Beginning {
  /** Default: where the running code is. */
  outer?: Context
  /** The framework's name for it: a thread, a group. */
  conversation?: unknown
  /** Called where contents are recorded. */
  params?: (() => unknown) | undefined
}

/** A model's call that a framework makes; its request's event shows it, where there is one. */
export interface FrameworkCall {
  readonly session: InstrumentedSession
  readonly caller: Caller
  /** Where it belongs. */
  readonly context: Context
  /** Milliseconds since the epoch. */
  readonly begunAt: number
  /** Default `chat`. */
  readonly operation?: string
  model?: unknown
  /** As the framework calls it. */
  provider?: unknown
  /** Called where contents are recorded. */
  readonly prompt?: () => unknown
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

/** OpenTelemetry's names of providers, where they are not the frameworks', in which `amazon-` may come first and `ai` last. */
const PROVIDERS: Readonly<Record<string, string>> = {
  azure: 'azure.ai.openai',
  bedrock: 'aws.bedrock',
  google: 'gcp.gemini',
  google_genai: 'gcp.gemini',
  google_vertexai: 'gcp.vertex_ai',
  mistral: 'mistral_ai',
  workersai: 'cloudflare.workers_ai',
  xai: 'x_ai',
}

/** The context of the running code, which may have no span of the session. */
export function contextOf(session: InstrumentedSession): Context {
  return session.within(trace.getSpan(activeContext()) ?? session.root)
}

export const agent = (name: unknown): PlainEvent => ({ eventType: 'agents', name: cut(`${name}`, MAX_NAME) })
export const action = (what: unknown): PlainEvent => ({ eventType: 'actions', actionType: cut(`${what}`, MAX_NAME) })

export function open(
  session: InstrumentedSession,
  event: PlainEvent,
  { outer = contextOf(session), conversation, params }: Beginning = {},
): Opened {
  if (session.config.captureContent) event.params = params?.()
  if (event.eventType === 'agents') {
    event.agentId = crypto.randomUUID()
    session.agents.set(event.agentId, `${event.name}`)
  }
  const { span, context } = session.begin(event, outer)
  // On a span that is no model's call AgentOps would take a `gen_ai.*` for one.
  span.setAttributes({ [key.CONVERSATION]: text(conversation) })
  return { session, event, span, context }
}

/** `error`: why it failed, unless its caller left it. `returns`: contents. */
export function close({ session, event, span }: Opened, said: { error?: unknown; returns?: unknown } = {}): void {
  const { error, returns } = said
  if (!span.isRecording()) return
  if (session.config.captureContent && returns !== undefined) event.returns = returns
  if (error !== undefined) failedBy(span, session, error)
  span.end()
}

/** A framework has errors of its own for a run that its caller left. */
function failedBy(span: SdkSpan, session: InstrumentedSession, error: unknown): void {
  if (controlFlowOf(error)) return
  const { message } = Object(error) as { message?: unknown }
  const isLeft = LEFT.test(errorType(error)) || /^Abort(ed)?$/.test(`${message}`)
  failed(span, session, isLeft ? new DOMException('', 'AbortError') : error)
}

export function openCall(
  session: InstrumentedSession,
  context: Context,
  { conversation, ...more }: { conversation?: unknown } & Partial<FrameworkCall>,
): FrameworkCall {
  const caller = { context, attributes: { [key.CONVERSATION_ID]: text(conversation) } }
  return { session, context, caller, begunAt: session.now(), ...more }
}

/** What a framework says of a call is an event where no request has shown it. `at`: when it was over. */
export function showCall(call: FrameworkCall, said: Said, at: number = call.session.now()): void {
  const { session, caller, context, operation = 'chat', begunAt: initTimestamp, prompt } = call
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
  if (captureContent) event.prompt = said.prompt ?? prompt?.()
  if (finish || answer.content || calls.length) {
    event.completion = [{ ...answer, tool_calls: named.length ? named : undefined }]
  }
  const { span } = session.begin(event, context)
  // Some name the API, too: openai.chat.
  const [name = ''] = `${call.provider ?? ''}`.replace(/^amazon\W?_?|(?<=mistral)ai$/, '').split('.')
  const provider = text(PROVIDERS[name] ?? name)
  span.setAttributes({
    ...usageAttributes(usage ?? {}),
    ...caller.attributes,
    [key.GEN_AI_PROVIDER]: provider,
    [key.GEN_AI_SYSTEM]: provider,
    [key.GEN_AI_RESPONSE_ID]: text(id),
    [key.GEN_AI_FINISH_REASONS]: finish ? [`${finish}`] : undefined,
  })
  // From here on tools of the session are looked at.
  coming(session)()
  wants(session, calls as ToolCall[], askerOf(session, span, initTimestamp))
  if (error !== undefined) failedBy(span, session, error)
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
  return typeof value === 'string' && value ? value.slice(0, MAX_NAME) : undefined
}
