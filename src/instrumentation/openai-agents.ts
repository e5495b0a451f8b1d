/**
 * OpenAI's Agents SDK (`@openai/agents` from 0.4 on): its agents, turns, tools, handoffs and guardrails, and model calls that
 * no request shows. The SDK keeps its provider of traces, and where it is in one, on `globalThis`, so nothing of it is imported.
 */
import { type Context, trace } from '@opentelemetry/api'
import type { PlainEvent } from '../events/event.ts'
import { debug, guard, warn } from '../runtime/diag.ts'
import { activeContext, runIn } from '../runtime/scope.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import { cut } from '../runtime/serialize.ts'
import type { Caller, FrameworkInstrumentation, InstrumentedSession } from '../session/instruments.ts'
import { sessionHere } from './fetch.ts'
import {
  action,
  agent,
  close,
  contextOf,
  type FrameworkCall,
  type Opened,
  open,
  openCall,
  Running,
  type Said,
  showCall,
  usageOf,
} from './framework.ts'
import { answers } from './tool-calls.ts'
import { attempt, type Json } from './wires/wire.ts'

const PROVIDER: unique symbol = /* @__PURE__ */ Symbol.for('openai.agents.core.traceProvider')
const STORAGE: unique symbol = /* @__PURE__ */ Symbol.for('openai.agents.core.asyncLocalStorage')
const MARK: unique symbol = /* @__PURE__ */ Symbol.for('agentops-edge.openai-agents.1')

/** A span of the SDK's. */
interface Span {
  readonly spanId: string
  readonly parentId: string | null
  readonly spanData: Json
  readonly error: { message: string; data?: Json } | null
  readonly endedAt: string | null
  /** What it stands inside of. */
  readonly previousSpan?: Span
}

/** Where the running code is. It changes in place. */
interface Place {
  active?: boolean
  trace?: { traceId: string; name: string; groupId: string | null }
  span?: Span
}

interface Storage {
  [MARK]?: boolean
  getStore(): Place | undefined
  run<T>(place: Place | undefined, fn: (...args: unknown[]) => T, ...args: unknown[]): T
}

interface Provider {
  /** Of several copies of this library the one that it tells. */
  readonly [MARK]?: FrameworkInstrumentation['caller']
  registerProcessor(processor: object): void
  getCurrentTrace?(): unknown
}

interface Shown {
  readonly session: InstrumentedSession
  /** Inside of it. */
  readonly context: Context
  readonly opened?: Opened
  readonly call?: FrameworkCall
}

/** The id of what the SDK does not trace. */
const UNTRACED = 'no-op'
/** The name of a run to which the user gave none. */
const UNNAMED = 'Agent workflow'
const USAGE = {
  prompt: 'input_tokens|prompt_tokens',
  completion: 'output_tokens|completion_tokens',
  total: 'total_tokens',
  cache_read: 'input_tokens_details.cached_tokens|prompt_tokens_details.cached_tokens',
  reasoning: 'output_tokens_details.reasoning_tokens|completion_tokens_details.reasoning_tokens',
}
const shown: Running<Shown> = /* @__PURE__ */ new Running()
/** Their spans. */
const own: WeakSet<SdkSpan> = new WeakSet()
/** Who asks where the code is meanwhile asks for the span that is about to be. */
let isBeginning = false
/** It is not told any more: the user has set other processors. */
let isDropped = false

/**
 * Makes what OpenAI's Agents SDK does spans of the session: agents by their names, turns, model calls, tools, handoffs and
 * guardrails. Registered with the SDK's tracing, once, by calling it; the SDK's own export goes on as it is set.
 *
 * ```ts
 * app.use(agentops({ instrumentations: { llm: llmCalls(), openaiAgents: openaiAgents() } }))
 * ```
 */
export function openaiAgents(): FrameworkInstrumentation<'openaiAgents'> {
  if (!guard('registering with the Agents SDK', register)) {
    warn(
      'openaiAgents: globalThis or the SDK’s provider is frozen, or of another form, so of it only requests are seen',
    )
  }
  return { instruments: 'openaiAgents', caller: callerOf }
}

function register(): boolean {
  const provider = providerOf()
  if (provider) return attach(provider)
  // The SDK makes it with its first trace where only its core is imported, and looks here first.
  return Reflect.defineProperty(globalThis, PROVIDER, {
    configurable: true,
    get: () => undefined,
    set(made: Provider) {
      Object.defineProperty(globalThis, PROVIDER, { value: made, writable: true, configurable: true })
      guard('registering with the Agents SDK', () => attach(made))
    },
  })
}

function attach(provider: Provider): boolean {
  if (provider[MARK]) return true
  if (typeof provider.registerProcessor !== 'function') return false
  Object.defineProperty(provider, MARK, { value: callerOf })
  provider.registerProcessor(PROCESSOR)
  // Makes its storage.
  guard('the storage of the Agents SDK', () => provider.getCurrentTrace?.())
  guard('the storage of the Agents SDK', follow)
  return true
}

const providerOf = (): Provider | undefined => (globalThis as { [PROVIDER]?: Provider })[PROVIDER]
const storageOf = (): Storage | undefined => (globalThis as { [STORAGE]?: Storage })[STORAGE]

/** What runs inside of the SDK's spans runs inside of the session's, too. */
function follow(): void {
  const storage = storageOf()
  if (!storage || storage[MARK]) return
  Object.defineProperty(storage, MARK, { value: true })
  const { run } = storage
  storage.run = (place, fn, ...args) => {
    const inner = guard('a run of the Agents SDK', () => insideOf(place))
    return run.call(storage, place, inner ? () => runIn(inner, () => fn(...args)) : fn, ...args) as never
  }
}

/** The context of wherever `place` is by then. */
function insideOf(place: Place | undefined): Context | undefined {
  if (isDropped) {
    isDropped = false
    providerOf()?.registerProcessor(PROCESSOR)
  }
  const outer = activeContext()
  const first = place?.span?.spanId
  if (!place || !sessionHere()?.config.instrumentations.openaiAgents) return undefined
  const now = (): Context => {
    for (let span = place.span; span && span.spanId !== first; span = span.previousSpan) {
      const found = guard('a span of the Agents SDK', () => begin(span as Span, place))
      if (found) return found.context
    }
    return outer
  }
  return {
    getValue: (key) => now().getValue(key),
    setValue: (key, value) => now().setValue(key, value),
    deleteValue: (key) => now().deleteValue(key),
  }
}

/** What the SDK tells, each of which it awaits before the next that listens. */
const PROCESSOR = {
  async onTraceStart(): Promise<void> {
    guard('a trace of the Agents SDK', follow)
  },
  async onTraceEnd(): Promise<void> {},
  async onSpanStart(span: Span): Promise<void> {
    guard('a span of the Agents SDK', () => begin(span, storageOf()?.getStore()))
  },
  async onSpanEnd(span: Span): Promise<void> {
    guard('a span of the Agents SDK', () => end(span))
  },
  async shutdown(): Promise<void> {
    isDropped = true
  },
  async forceFlush(): Promise<void> {},
}

function begin(span: Span, place: Place | undefined): Shown | undefined {
  const { spanId, parentId, spanData, endedAt } = span
  const known = shown.get(spanId)
  if (known || endedAt || isBeginning || spanId === UNTRACED) return known
  // The SDK may be further by the time it tells.
  let above = span.previousSpan
  while (above && above.spanId !== parentId) above = above.previousSpan
  const outer = above ? begin(above, place) : shown.get(parentId)
  isBeginning = true
  try {
    const session = outer?.session ?? sessionHere()
    if (!session?.config.instrumentations.openaiAgents || session.state === 'ended') return undefined
    const one = showing(session, placed(session, outer), spanData, place?.trace)
    shown.set(spanId, one)
    return one
  } finally {
    isBeginning = false
  }
}

/** Inside of its parent, or of what the user has opened in there. */
function placed(session: InstrumentedSession, outer: Shown | undefined): Context {
  const here = contextOf(session)
  let span = trace.getSpan(here) as SdkSpan | undefined
  if (!outer || !span || own.has(span)) return outer?.context ?? here
  const wanted = trace.getSpanContext(outer.context)?.spanId
  while (span && span.spanContext().spanId !== wanted) span = session.events.above(span)
  return span ? here : outer.context
}

function showing(
  session: InstrumentedSession,
  context: Context,
  data: Json,
  { groupId }: Partial<NonNullable<Place['trace']>> = {},
): Shown {
  const { type, name, turn, server } = data
  const conversation = groupId
  if (type === 'response' || type === 'generation') {
    return { session, context, call: openCall(session, context, { conversation }) }
  }
  // A run to which the user gave no name is its agents.
  if (type === 'task' && name === UNNAMED) return { session, context }
  const what = {
    turn: `turn ${turn}`,
    guardrail: `guardrail ${name}`,
    mcp_tools: `list tools ${server ?? ''}`.trim(),
  }
  const event: PlainEvent =
    type === 'agent'
      ? agent(name)
      : type === 'function'
        ? { eventType: 'tools', name }
        : action(what[type as 'turn'] ?? name ?? type)
  const opened = open(session, event, { outer: context, conversation })
  own.add(opened.span)
  return { session, context: opened.context, opened }
}

function end({ spanId, spanData, error }: Span): void {
  const { opened, call } = shown.take(spanId) ?? {}
  const { type } = spanData
  const failure = error ? errorOf(error, type === 'function' ? 'tool_error' : '_OTHER') : undefined
  if (call) {
    call.model = spanData.model ?? spanData._response?.model
    showCall(call, { ...saidOf(spanData, call.session.config.captureContent), error: failure })
  }
  if (!opened) return
  const { session, event, span } = opened
  if (type === 'function' && session.config.captureContent) {
    event.params = attempt(() => JSON.parse(spanData.input)) ?? spanData.input
  }
  if (type === 'guardrail') event.returns = { triggered: spanData.triggered === true }
  if (type === 'handoff' && spanData.to_agent) {
    event.actionType = cut(`handoff to ${spanData.to_agent}`, 256)
    span.updateName(`${event.actionType}.operation`)
    answers(session, { name: `transfer_to_${spanData.to_agent}`.replace(/\W/g, '_'), digest: undefined }, span)
  }
  close(opened, { error: failure, returns: type === 'function' ? spanData.output : undefined })
}

/** What it has is the error's text alone. */
function errorOf({ message, data }: { message: string; data?: Json }, unnamed: string): Error {
  const said = `${data?.error ?? message}`
  return Object.assign(new Error(said), { name: /^\w*(Error|Exception|Triggered)(?=:|$)/.exec(said)?.[0] ?? unnamed })
}

/** Of the forms of both of OpenAI's APIs. */
function saidOf({ response_id, _response, _input, usage, input, output }: Json, captureContent: boolean): Said {
  const choice = output?.[0]?.choices?.[0]
  const items: Json[] = _response?.output ?? choice?.message?.tool_calls ?? []
  const calls = items.flatMap((item) => {
    const { name, arguments: given } = item?.function ?? item ?? {}
    return name && given !== undefined ? { id: item.call_id ?? item.id, name, arguments: given } : []
  })
  const texts = items.flatMap(({ content }) => (Array.isArray(content) ? content.map(({ text }) => text ?? '') : []))
  return {
    ...{ id: response_id, model: _response?.model ?? output?.[0]?.model, calls, finish: choice?.finish_reason },
    usage: usageOf(_response?.usage ?? usage ?? output?.[0]?.usage, USAGE),
    ...(captureContent && { prompt: _input ?? input, text: texts.join('') || choice?.message?.content }),
  }
}

/** The SDK's model call that the running code is inside of. */
function callerOf(session: InstrumentedSession, model?: string, headers?: Headers): Caller | undefined {
  if (!session.config.instrumentations.openaiAgents) return undefined
  const told = providerOf()?.[MARK]
  if (told && told !== callerOf) return told(session, model, headers)
  const place = storageOf()?.getStore()
  const isInside = place?.active && place.trace?.traceId !== UNTRACED
  if (!isInside && /Agents\/JavaScript/.test(headers?.get('user-agent') ?? '')) {
    debug(
      'openaiAgents: a model’s call of the Agents SDK is in no trace. Its tracing is off (setTracingDisabled, tracingDisabled, OPENAI_AGENTS_DISABLE_TRACING, NODE_ENV=test), or it is older than 0.4: its agents and tools are not seen',
    )
  }
  const { span } = (isInside && place) || {}
  const found = span && guard('a span of the Agents SDK', () => begin(span, place))
  return found?.session === session ? found.call?.caller : undefined
}
