/**
 * One session: one trace with its own TracerProvider, clock, buffer and exporter. It lives `running → ending → ended`.
 * Nothing here knows a platform; a session never holds a request or an execution context, because what is kept in
 * AsyncLocalStorage together with one is not freed by workerd.
 */
import {
  type Attributes,
  type Context,
  createContextKey,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { Config } from '../config.ts'
import { describe, guard, warn } from '../diag.ts'
import { type Agent, attributesOf, openingOf, toMillis } from '../events/attributes.ts'
import {
  ActionEvent,
  type ActionEventInit,
  type AgentEvent,
  ErrorEvent,
  errorType,
  isStamped,
  LLMEvent,
  type LLMEventInit,
  type PlainEvent,
  ToolEvent,
} from '../events/event.ts'
import { observe } from '../events/observe.ts'
import { cut } from '../events/serialize.ts'
import { SessionSpanProcessor } from '../export/buffer.ts'
import { SessionExporter } from '../export/exporter.ts'
import type { FlushReport } from '../options.ts'
import { ParentBasedSampler, RandomIdGenerator, type Sampler, type SdkSpan, TraceIdRatioBasedSampler } from '../sdk.ts'
import * as key from '../semconv.ts'
import { VERSION } from '../version.ts'
import { SessionClock } from './clock.ts'
import { registerGlobal } from './global.ts'
import { activeContext, findStorage, runIn, sessionIn, withSession } from './scope.ts'
import { SessionTracerProvider, settleStatus } from './tracer.ts'

/** `Indeterminate` is what a session is until somebody says more. */
export type EndState = 'Success' | 'Fail' | 'Indeterminate'

/** What a session counted. */
export interface SessionStats {
  llms: number
  tools: number
  actions: number
  errors: number
  apis: number
}

export interface SessionInit {
  /** UUID. Default: drawn. The trace id is the same without dashes, unless the session goes on in a caller's trace. */
  id?: string
  name?: string
  tags?: string | readonly string[]
  /** Attributes of every span of the session. */
  attributes?: Attributes
  /** A session, or a context with a caller's span, in whose trace this session is a child. Default: a trace of its own. */
  parent?: Session | Context
}

/** What an adapter adds: it knows the request, the user does not. */
export interface RootInit extends SessionInit {
  kind?: SpanKind
  rootAttributes?: Attributes
  links?: Link[]
  waitUntil?: (promise: Promise<unknown>) => void
  onEnded?: (session: Session) => void
}

/** A callback that is handed its event, to fill in what is known only when the work is done. */
type Work<E, T> = (event: E) => T

interface OpenSpan {
  agent?: Agent
  event?: AgentEvent | PlainEvent
  failed?: boolean
}

const AGENT = createContextKey('agentops.agent')
const END_STATES: readonly string[] = ['Success', 'Fail', 'Indeterminate']
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const DASHBOARD = 'https://app.agentops.ai/sessions?trace_id='
/** Prompts and completions are indexed attributes: OpenTelemetry's default of 128 would cut a conversation. */
const ATTRIBUTE_COUNT_LIMIT = 1024

export class Session {
  readonly id: string
  readonly traceId: string
  readonly tracerProvider: SessionTracerProvider
  readonly tracer: Tracer
  readonly exporter: SessionExporter
  readonly stats: SessionStats = { llms: 0, tools: 0, actions: 0, errors: 0, apis: 0 }

  readonly #config: Config
  readonly #clock: SessionClock
  readonly #processor: SessionSpanProcessor
  readonly #root!: Span
  #context: Context
  readonly #attributes: Attributes
  readonly #open: Map<SdkSpan, OpenSpan> = new Map()
  readonly #spans: WeakMap<object, SpanContext> = new WeakMap()
  readonly #recordedErrors: WeakSet<object> = new WeakSet()
  readonly #holds: Set<Promise<unknown>> = new Set()
  #name: string
  #tags: readonly string[] = []
  #state: 'running' | 'ending' | 'ended' = 'running'
  #endState: EndState = 'Indeterminate'
  #reason: string | undefined
  #agent: Agent | undefined
  #ended: Promise<FlushReport> | undefined
  #waitUntil: RootInit['waitUntil']
  #onEnded: RootInit['onEnded']

  constructor(config: Config, init: RootInit = {}) {
    findStorage()
    if (config.instrumentations.global) registerGlobal()
    this.#config = config
    this.#clock = new SessionClock(config.clock)
    this.#name = cut(init.name || 'agent', 256)
    this.#attributes = init.attributes ?? {}
    this.#waitUntil = init.waitUntil
    this.#onEnded = init.onEnded
    this.id = this.#checkId(init.id) ?? crypto.randomUUID()
    this.setTags(init.tags ?? [])

    const parent = init.parent instanceof Session ? init.parent.#current() : init.parent
    const caller = parent && trace.getSpanContext(parent)
    this.traceId =
      caller && trace.isSpanContextValid(caller) ? caller.traceId : this.id.replaceAll('-', '').toLowerCase()

    this.exporter = new SessionExporter(config)
    this.#processor = new SessionSpanProcessor(this.exporter, config)
    const random = new RandomIdGenerator()
    this.tracerProvider = new SessionTracerProvider(
      {
        resource: config.resource,
        sampler: samplerOf(config),
        spanProcessors: [this.#processor],
        spanLimits: { attributeCountLimit: ATTRIBUTE_COUNT_LIMIT },
        idGenerator: { generateTraceId: () => this.traceId, generateSpanId: () => random.generateSpanId() },
      },
      {
        clock: this.#clock,
        parentOf: (context) => this.#parentOf(context),
        opened: (span) => this.#open.set(span, { agent: this.#agentIn(activeContext()) }),
        ending: (span) => this.#ending(span),
      },
    )
    this.tracer = this.tracerProvider.getTracer('agentops-edge', VERSION)

    this.#context = withSession(parent ?? ROOT_CONTEXT, this)
    this.#root = this.tracer.startSpan(
      `${this.#name}.session`,
      {
        kind: init.kind,
        links: init.links,
        attributes: { [key.SPAN_KIND]: 'session', [key.OPERATION_NAME]: this.#name, ...init.rootAttributes },
      },
      parent ?? ROOT_CONTEXT,
    )
    this.#context = trace.setSpan(this.#context, this.#root)
  }

  get name(): string {
    return this.#name
  }

  get state(): 'running' | 'ending' | 'ended' {
    return this.#state
  }

  get endState(): EndState {
    return this.#endState
  }

  get endStateReason(): string | undefined {
    return this.#reason
  }

  get tags(): readonly string[] {
    return this.#tags
  }

  /** The session's root span, for attributes and span events of your own. */
  get root(): Span {
    return this.#root
  }

  /** The context in which the root is the active span: pass it where a library takes an OpenTelemetry context. */
  get context(): Context {
    return this.#context
  }

  /** Where AgentOps' dashboard shows the session. */
  get url(): string {
    return `${DASHBOARD}${this.traceId}`
  }

  /** Runs `fn` with this session as the current one. Without AsyncLocalStorage `fn` runs all the same. */
  run<T>(fn: () => T): T {
    return runIn(this.#current(), fn)
  }

  /** Records an event that is over: a span with the event's own times. Never throws. After `end()` it is still sent. */
  record(event: AgentEvent | PlainEvent): void {
    guard('record', () => {
      if (typeof event?.eventType !== 'string' || !event.eventType) {
        warn(`record: expected an event with an eventType, got ${typeof event}; it is left out`, 'record')
        return
      }
      const taken = snapshot(event)
      event.id ??= taken.id
      const foreign = this.#config.clock && isStamped(event)
      const init = (foreign ? undefined : toMillis(taken.initTimestamp)) ?? this.#clock.now()
      taken.initTimestamp = init
      taken.endTimestamp = toMillis(taken.endTimestamp) ?? (taken.eventType === 'errors' ? init : this.#clock.now())
      const trigger = taken.triggerEvent as AgentEvent | undefined
      const under = trigger && this.#spans.get(trigger)
      const context = under ? trace.setSpanContext(this.#current(), under) : this.#current()
      const span = this.#openEvent(taken, context, init, event)
      if (taken.eventType === 'errors') {
        span.setStatus({
          code: SpanStatusCode.ERROR,
          message: cut(String(taken.details ?? taken.errorType ?? ''), 4096),
        })
      }
      span.end(taken.endTimestamp as number)
    })
  }

  /** Runs `fn` as an action. Its value is returned and its error thrown unchanged, both recorded. */
  action<T>(name: string, fn: Work<ActionEvent, T>): T
  action<T>(name: string, params: unknown, fn: Work<ActionEvent, T>): T
  action<T>(name: string, ...rest: [unknown, Work<ActionEvent, T>?]): T {
    const [params, fn] = optionalFirst<Work<ActionEvent, T>>(rest)
    return this.#perform(new ActionEvent({ actionType: name, params }), fn)
  }

  /** Runs `fn` as a tool call. Its value is returned and its error thrown unchanged, both recorded. */
  tool<T>(name: string, fn: Work<ToolEvent, T>): T
  tool<T>(name: string, params: unknown, fn: Work<ToolEvent, T>): T
  tool<T>(name: string, ...rest: [unknown, Work<ToolEvent, T>?]): T {
    const [params, fn] = optionalFirst<Work<ToolEvent, T>>(rest)
    return this.#perform(new ToolEvent({ name, params }), fn)
  }

  /** Runs `fn` as a model call; `fn` fills in `completion`, `promptTokens`… on the event that it is handed. */
  llm<T>(model: string, fn: Work<LLMEvent, T>): T
  llm<T>(model: string, init: LLMEventInit, fn: Work<LLMEvent, T>): T
  llm<T>(model: string, ...rest: [unknown, Work<LLMEvent, T>?]): T {
    const [init, fn] = optionalFirst<Work<LLMEvent, T>>(rest)
    return this.#perform(new LLMEvent({ model, ...(init as LLMEventInit) }), fn)
  }

  /** Runs `fn` as an agent: the events inside carry the agent's id and name. */
  agent<T>(name: string, fn: (agent: Agent) => T): T {
    const agent: Agent = { id: crypto.randomUUID(), name }
    const event: PlainEvent = { eventType: 'agents', name, agentId: agent.id }
    return this.#perform(event, () => fn(agent), agent)
  }

  /** Opens an agent that later events of this session carry; returns its id. */
  createAgent(name: string, id: string = crypto.randomUUID()): string {
    this.#agent = { id, name: cut(String(name), 256) }
    return id
  }

  /** Records an error as an event; the same error object is recorded once. */
  recordError(error: unknown, triggerEvent?: AgentEvent): void {
    if (typeof error === 'object' && error !== null) {
      if (this.#recordedErrors.has(error)) return
      this.#recordedErrors.add(error)
    }
    this.record(new ErrorEvent({ exception: error, triggerEvent }))
  }

  addTags(tags: string | readonly string[]): void {
    this.#tags = unique([...this.#tags, ...tagList(tags)])
  }

  setTags(tags: string | readonly string[]): void {
    this.#tags = unique(tagList(tags))
  }

  /** What the session ends with where `end()` is not told otherwise. */
  setEndState(state: EndState, reason?: string): void {
    if (!this.#validState(state) || this.#state === 'ended') return
    this.#endState = state
    this.#reason = reason === undefined ? undefined : cut(String(reason), 4096)
  }

  /** Keeps the session open until `promise` settles, at most `workDeadlineMs` after `end()`. */
  hold(promise: Promise<unknown>): void {
    const settled: Promise<unknown> = Promise.resolve(promise).then(
      () => this.#holds.delete(settled),
      () => this.#holds.delete(settled),
    )
    this.#holds.add(settled)
  }

  /** Sends what is finished. Never rejects. */
  async flush(): Promise<FlushReport> {
    try {
      await this.#processor.forceFlush()
    } catch (error) {
      return { ...this.#processor.report(), error: describe(error) }
    }
    return this.#processor.report()
  }

  /**
   * Ends the session and sends what is left; resolves when that is done and never rejects. Without a state it is the one
   * of `setEndState`, else `Indeterminate`. A second call changes nothing and resolves to the first one's report; an
   * invalid state is said and leaves the session running.
   */
  end(endState?: EndState, reason?: string): Promise<FlushReport> {
    if (this.#ended) return this.#ended
    if (endState !== undefined) {
      if (!this.#validState(endState)) {
        return Promise.resolve({
          ...this.#processor.report(),
          error: 'invalid end state: the session is still running',
        })
      }
      this.setEndState(endState, reason)
    }
    this.#state = 'ending'
    this.#ended = this.#finish()
    this.#waitUntil?.(this.#ended)
    return this.#ended
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end().then(() => undefined)
  }

  /** @internal For adapters: the name and the route are known only once a router has matched. */
  rename(name: string, attributes: Attributes): void {
    this.#name = cut(name, 256)
    this.#root.updateName(`${this.#name}.session`)
    this.#root.setAttributes({ [key.OPERATION_NAME]: this.#name, ...attributes })
  }

  /** @internal The error that ended the request: on the root span, and as an event unless a wrapper recorded it. */
  fail(error: unknown): void {
    guard('recording an error', () => {
      this.recordError(error)
      this.#root.recordException(error instanceof Error ? error : describe(error))
      this.#root.setAttributes({ [key.ERROR_TYPE]: errorType(error), [key.ERROR_MESSAGE]: cut(describe(error), 4096) })
      this.setEndState('Fail', describe(error))
    })
  }

  async #finish(): Promise<FlushReport> {
    if (this.#holds.size > 0) await this.#settleHolds()
    guard('ending the session', () => this.#close())
    this.#state = 'ended'
    guard('onEnded', () => this.#onEnded?.(this))
    const report = await this.flush()
    // The session stays in AsyncLocalStorage for as long as the request's code may run; the runtime's context must not.
    this.#waitUntil = undefined
    this.#processor.release()
    return report
  }

  async #settleHolds(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    let late = false
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        late = true
        resolve()
      }, this.#config.workDeadlineMs)
    })
    while (this.#holds.size > 0 && !late) await Promise.race([Promise.all(this.#holds), deadline])
    clearTimeout(timer)
  }

  #close(): void {
    for (const span of [...this.#open.keys()].reverse()) {
      if (span === this.#root) continue
      span.setAttribute(key.INCOMPLETE, true)
      span.end()
    }
    if (this.#endState === 'Success') this.#root.setStatus({ code: SpanStatusCode.OK })
    if (this.#endState === 'Fail') this.#root.setStatus({ code: SpanStatusCode.ERROR, message: this.#reason })
    this.#root.setAttribute(key.END_STATE, this.#endState)
    if (this.#reason !== undefined) this.#root.setAttribute(key.END_STATE_REASON, this.#reason)
    this.#root.end()
  }

  /** The active context where it is this session's, else the root's. */
  #current(): Context {
    const active = activeContext()
    return sessionIn(active) === this && trace.getSpan(active) ? withSession(active, this) : this.#context
  }

  /** A caller's own parent is kept; another session's is not, and a context without a span gets the root. */
  #parentOf(context: Context): Context {
    if (!this.#root) return context
    const owner = sessionIn(context)
    if (owner && owner !== this) return this.#context
    return trace.getSpan(context) ? withSession(context, this) : trace.setSpan(withSession(context, this), this.#root)
  }

  #agentIn(context: Context): Agent | undefined {
    return (context.getValue(AGENT) as Agent | undefined) ?? this.#agent
  }

  /** `original`: the object that an error may later name as its trigger. */
  #openEvent(event: AgentEvent | PlainEvent, context: Context, startTime?: number, original: object = event): Span {
    event.id ??= crypto.randomUUID()
    const { eventType } = event
    if (Object.hasOwn(this.stats, eventType)) this.stats[eventType as keyof SessionStats]++
    const { name, kind, attributes } = openingOf(event)
    const span = this.tracer.startSpan(name, { kind, attributes, startTime }, context)
    const open = this.#open.get(span as SdkSpan)
    if (open) {
      open.event = event
      open.agent = this.#agentIn(context)
    }
    this.#spans.set(original, span.spanContext())
    return span
  }

  /** Runs `fn` inside a span that the event describes when it ends. */
  #perform<E extends AgentEvent | PlainEvent, T>(event: E, fn: Work<E, T>, agent?: Agent): T {
    const opened = guard('an event', () => {
      const outer = this.#current()
      const context = agent ? outer.setValue(AGENT, agent) : outer
      event.initTimestamp = this.#clock.now()
      const span = this.#openEvent(event, context)
      return { span, context: trace.setSpan(context, span) }
    })
    if (!opened) return fn(event)
    const { span, context } = opened
    const settle = (failed: boolean, value: unknown): void => {
      guard('an event', () => {
        event.endTimestamp ??= this.#clock.now()
        if (failed) this.#failEvent(event, span, context, value)
        else event.returns ??= value
        span.end()
      })
    }
    return runIn(context, () => observe(() => fn(event), settle))
  }

  #failEvent(event: AgentEvent | PlainEvent, span: Span, context: Context, error: unknown): void {
    const open = this.#open.get(span as SdkSpan)
    if (open) open.failed = true
    span.recordException(error instanceof Error ? error : describe(error))
    span.setStatus({ code: SpanStatusCode.ERROR, message: cut(describe(error), 4096) })
    span.setAttribute(key.ERROR_TYPE, errorType(error))
    span.setAttribute(key.ERROR_MESSAGE, cut(describe(error), 4096))
    runIn(context, () => this.recordError(error, event as AgentEvent))
  }

  /** What every span of the session gets just before it ends. */
  #ending(span: SdkSpan): void {
    const open = this.#open.get(span)
    this.#open.delete(span)
    guard('a span', () => {
      const { agent, event, failed = false } = open ?? {}
      if (event) span.setAttributes(attributesOf(event, { agent, tags: this.#tags, failed }))
      else if (agent && Object.keys(span.attributes).some((name) => /^(gen_ai|tool)\./.test(name))) {
        span.setAttributes({ [key.AGENT_ID]: agent.id, [key.AGENT_NAME]: agent.name })
      }
      span.setAttributes({ [key.TAGS]: [...this.#tags], [key.SESSION_ID]: this.id, ...this.#attributes })
      if (span !== this.#root && !span.attributes[key.INCOMPLETE]) settleStatus(span)
    })
  }

  #validState(state: unknown): state is EndState {
    if (END_STATES.includes(state as string)) return true
    warn(
      `end state: expected ${END_STATES.join(', ')}, got ${describe(state).slice(0, 80)}; the session goes on`,
      'end-state',
    )
    return false
  }

  #checkId(id: string | undefined): string | undefined {
    if (id === undefined || UUID.test(id)) return id
    warn(`session id: expected a UUID, got ${describe(id).slice(0, 80)}; a new one is used`, 'session-id')
    return undefined
  }
}

function samplerOf({ disabled, sampler, parentBased }: Config): Sampler {
  // SamplingDecision.NOT_RECORD: a disabled session records nothing, whatever its caller decided.
  if (disabled) return { shouldSample: () => ({ decision: 0 }), toString: () => 'disabled' }
  const root = typeof sampler === 'number' ? new TraceIdRatioBasedSampler(sampler) : sampler
  return parentBased ? new ParentBasedSampler({ root }) : root
}

/** The wrappers' `(name, fn)` and `(name, params, fn)`. */
function optionalFirst<F>(rest: [unknown, F?]): [params: unknown, fn: F] {
  return rest.length > 1 ? [rest[0], rest[1] as F] : [undefined, rest[0] as F]
}

/** A copy, so that an event changed or recorded again later does not change a span; a field that throws is named. */
function snapshot(event: AgentEvent | PlainEvent): PlainEvent {
  const copy: Record<string, unknown> = { eventType: event.eventType }
  for (const name of Object.keys(event)) {
    try {
      copy[name] = (event as Record<string, unknown>)[name]
    } catch (error) {
      copy[name] = `[threw: ${describe(error)}]`
    }
  }
  copy.id ??= crypto.randomUUID()
  return copy as PlainEvent
}

function tagList(tags: unknown): string[] {
  const list = Array.isArray(tags) ? tags : [tags]
  const texts = list.filter((tag) => typeof tag === 'string')
  if (texts.length < list.length) warn('tags: expected text or a list of texts; the others are left out', 'tags')
  return texts.map((tag) => cut(tag, 256))
}

function unique(tags: string[]): readonly string[] {
  return [...new Set(tags)]
}
