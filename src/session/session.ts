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
  type SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { Config } from '../config.ts'
import { describe, guard, warn } from '../diag.ts'
import { type Agent, attributesOf, openingOf, toMillis } from '../events/attributes.ts'
import {
  ActionEvent,
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
import { cut, fields } from '../events/serialize.ts'
import { SessionSpanProcessor } from '../export/buffer.ts'
import { SessionExporter } from '../export/exporter.ts'
import { sumOf } from '../export/report.ts'
import type { MetricsRecorder } from '../metrics/recorder.ts'
import type { FlushReport } from '../options.ts'
import { RandomIdGenerator, type SdkSpan, type SpanProcessor } from '../sdk.ts'
import * as key from '../semconv.ts'
import { later } from '../timers.ts'
import { VERSION } from '../version.ts'
import { SessionClock } from './clock.ts'
import { registerGlobal } from './global.ts'
import { Hidden } from './hidden.ts'
import { redactedText, redactSpan } from './redact.ts'
import { samplerOf } from './sampler.ts'
import { activeContext, findStorage, runIn, sessionIn, withSession } from './scope.ts'
import { SessionTracerProvider } from './tracer.ts'

/** `Indeterminate` is what a session is until somebody says more. */
export type EndState = 'Success' | 'Fail' | 'Indeterminate'

/** What a session counted. */
export interface SessionStats {
  llms: number
  tools: number
  actions: number
  errors: number
  apis: number
  /** US dollars: of the model calls that named one, or, over AgentOps v2, what its backend has computed. */
  cost: number
}

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
  parent?: Session | Context
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
  waitUntil?: (promise: Promise<unknown>) => void
  /** The same for what is recorded after the end; it must hold the runtime's context weakly. */
  lateWaitUntil?: (promise: Promise<unknown>) => void
  onEnded?: (session: Session) => void
}

/** A callback that is handed its event, to fill in what is known only when the work is done. */
type Work<E, T> = (event: E) => T
/** A wrapper's arguments after its name. */
type WorkLast<E, T> = [work: Work<E, T>] | [first: unknown, work: Work<E, T>]

interface OpenSpan {
  agent?: Agent
  event?: AgentEvent | PlainEvent
}

/** A span that an instrumentation ends itself, and the context inside of it. */
export interface OpenedEvent {
  span: SdkSpan
  context: Context
}

/** What only the session itself changes. */
type Own = {
  -readonly [Field in 'hasErrors' | 'name' | 'state' | 'endState' | 'endStateReason' | 'tags']: Session[Field]
}

const AGENT = createContextKey('agentops.agent')
/** The root's status in each end state, as SpanStatusCode's numbers: the enum would cost more than it says. */
const STATUS: Record<EndState, SpanStatusCode> = { Success: 1, Fail: 2, Indeterminate: 0 }
/** All zeros would be no trace id. */
const UUID = /^(?![0-]+$)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** Prompts and completions are indexed attributes: OpenTelemetry's default of 128 would cut a conversation. */
const ATTRIBUTE_COUNT_LIMIT = 1024
/** W3C Trace Context, Level 2: at least the last seven bytes of the trace id are random. */
const RANDOM = 2

export class Session {
  readonly id: string
  readonly traceId: string
  /** The conversation that it belongs to, if any. */
  readonly groupId: string | undefined
  readonly name: string
  readonly state: 'running' | 'ending' | 'ended' = 'running'
  readonly endState: EndState = 'Indeterminate'
  readonly endStateReason: string | undefined
  readonly tags: readonly string[] = []
  /** Whether a span has failed. */
  readonly hasErrors: boolean = false
  readonly stats: SessionStats = { llms: 0, tools: 0, actions: 0, errors: 0, apis: 0, cost: 0 }
  readonly tracerProvider: SessionTracerProvider
  readonly tracer: Tracer
  /** The names of the agents opened in it, by id. */
  readonly agents: Map<string, string> = new Map()
  /** The session's root span, for attributes and span events of your own. */
  readonly root: Span
  /** The context in which the root is the active span: pass it where a library takes an OpenTelemetry context. */
  readonly context: Context
  /** @internal */
  readonly config: Config
  /** @internal For instrumentations: where requests of the session's own service go. */
  readonly origin: string | undefined
  /** @internal For instrumentations: called when the session closes, before the spans that are still open are ended. */
  readonly closing: Set<() => void> = new Set()
  /** @internal For instrumentations: called with each tool event that begins. */
  onTool: ((event: AgentEvent | PlainEvent, span: SdkSpan) => void) | undefined
  /** @internal For adapters: how long the response took, its body included, milliseconds. */
  answeredAfterMs: number | undefined
  /** @internal For instrumentations: what no span of this session shows. */
  readonly hidden: Hidden = new Hidden()
  readonly #flags: number
  readonly #startedAt: number
  #endedAt: number | undefined
  #outgrown = false
  readonly #clock: SessionClock
  readonly #processors: readonly SessionSpanProcessor[]
  readonly #attributes: Attributes | undefined
  readonly #open: Map<SdkSpan, OpenSpan> = new Map()
  readonly #spans: WeakMap<object, SpanContext> = new WeakMap()
  readonly #recordedErrors: WeakSet<object> = new WeakSet()
  readonly #holds: Set<Promise<unknown>> = new Set()
  #agent: Agent | undefined
  #ended: Promise<FlushReport> | undefined
  /** Whether somebody has said how it ended, be it `Indeterminate`. */
  #judged = false
  /** When the platform ends the invocation, milliseconds since the epoch. */
  #limit = Number.POSITIVE_INFINITY
  #waitUntil: RootInit['waitUntil']
  readonly #lateWaitUntil: RootInit['waitUntil']
  readonly #onEnded: RootInit['onEnded']

  constructor(config: Config, init: RootInit = {}) {
    findStorage()
    if (config.instrumentations.global) registerGlobal()
    this.config = config
    this.origin = init.origin
    this.#clock = new SessionClock(config.clock)
    this.#startedAt = init.startTime?.getTime() ?? this.#clock.now()
    this.#attributes = init.attributes
    this.#waitUntil = init.waitUntil
    this.#lateWaitUntil = init.lateWaitUntil
    this.#onEnded = init.onEnded
    this.name = cut(init.name || 'agent', 256)
    this.setTags(init.tags ?? [])
    this.groupId = init.groupId ? `${init.groupId}`.slice(0, 256) : undefined
    this.id = init.id ?? crypto.randomUUID()
    if (!UUID.test(this.id)) {
      this.id = crypto.randomUUID()
      warn('session id: expected a UUID; a new one is used')
    }

    const parent = (init.parent instanceof Session ? init.parent.#current() : init.parent) ?? ROOT_CONTEXT
    const caller = trace.getSpanContext(parent)
    const goesOn = caller && trace.isSpanContextValid(caller)
    this.traceId = goesOn ? caller.traceId : this.id.replaceAll('-', '').toLowerCase()
    this.#flags = goesOn ? caller.traceFlags & RANDOM : this.id === init.id ? 0 : RANDOM

    const { destination, exporters, maxRequests, onExport, metrics } = config
    const targets = destination || !exporters.length ? [config, ...exporters] : exporters
    const own = targets.filter((target) => !('export' in target))
    this.#processors = targets.map((target) => {
      // Each of ours has its share, so that one destination's faults cost the others nothing; what remains is the first's.
      const requests = { left: Math.ceil((maxRequests - own.indexOf(target)) / own.length) }
      const isForeign = 'export' in target
      const exporter = isForeign ? target : new SessionExporter(target, undefined, this, requests)
      return new SessionSpanProcessor(exporter, {
        ...(isForeign ? config : target),
        onDrop: config.onDrop,
        onExport: onExport && (() => onExport(this.#report())),
        onOutgrown: config.keep && (() => this.#outgrow()),
      })
    })
    const ids = new RandomIdGenerator()
    const { generateSpanId } = ids
    this.tracerProvider = new SessionTracerProvider(
      {
        resource: config.resource,
        sampler: samplerOf(config),
        spanProcessors: metrics ? [...this.#processors, this.#recording(metrics)] : [...this.#processors],
        spanLimits: { attributeCountLimit: ATTRIBUTE_COUNT_LIMIT },
        idGenerator: Object.assign(ids, {
          generateTraceId: () => this.traceId,
          generateSpanId: () => (!this.root && init.rootSpanId) || generateSpanId(),
        }),
      },
      {
        clock: this.#clock,
        flags: () => this.#flags,
        parentOf: (context) => this.#parentOf(context),
        opened: (span) => this.#open.set(span, { agent: this.#agentIn(activeContext()) }),
        ending: (span) => this.#ending(span),
      },
    )
    this.tracer = this.tracerProvider.getTracer('agentops-edge', VERSION)

    this.context = withSession(parent, this)
    this.root = this.tracer.startSpan(
      `${this.name}.session`,
      {
        kind: init.kind,
        startTime: init.startTime,
        links: init.links,
        attributes: { [key.SPAN_KIND]: 'session', [key.OPERATION_NAME]: this.name, ...init.rootAttributes },
      },
      parent,
    )
    this.context = trace.setSpan(this.context, this.root)
  }

  /** Where AgentOps' dashboard shows the session. */
  get url(): string {
    return `https://app.agentops.ai/sessions?trace_id=${this.traceId}`
  }

  /** Milliseconds since it began, or until it ended. */
  get durationMs(): number {
    return (this.#endedAt ?? this.#clock.now()) - this.#startedAt
  }

  /** Runs `fn` with this session as the current one. Without AsyncLocalStorage `fn` runs all the same. */
  run<T>(fn: () => T): T {
    return runIn(this.#current(), fn)
  }

  /** Records an event that is over: a span with the event's own times. Never throws. After `end()` it is still sent. */
  record(event: AgentEvent | PlainEvent): void {
    guard('record', () => {
      if (typeof event?.eventType !== 'string' || !event.eventType) {
        warn('record: expected an event with an eventType; it is left out')
        return
      }
      const taken = snapshot(event)
      const foreign = this.config.clock && isStamped(event)
      const isError = taken.eventType === 'errors'
      const init = (foreign ? undefined : toMillis(taken.initTimestamp)) ?? this.#clock.now()
      taken.initTimestamp = init
      taken.endTimestamp = toMillis(taken.endTimestamp) ?? (isError ? init : this.#clock.now())
      const under = this.#spans.get(taken.triggerEvent as AgentEvent)
      const context = under ? trace.setSpanContext(this.#current(), under) : this.#current()
      const span = this.#openEvent(taken, context, init, event)
      if (isError) span.setStatus({ code: STATUS.Fail, message: brief(taken.details ?? taken.errorType ?? '') })
      span.end(taken.endTimestamp as number)
      if (event.id === undefined && Object.isExtensible(event)) event.id = taken.id
    })
  }

  /** Runs `fn` as an action. Its value is returned and its error thrown unchanged, both recorded. */
  action<T>(name: string, fn: Work<ActionEvent, T>): T
  action<T>(name: string, params: unknown, fn: Work<ActionEvent, T>): T
  action<T>(name: string, ...args: WorkLast<ActionEvent, T>): T {
    return this.#perform((params) => new ActionEvent({ actionType: name, params }), args)
  }

  /** Runs `fn` as a tool call. Its value is returned and its error thrown unchanged, both recorded. */
  tool<T>(name: string, fn: Work<ToolEvent, T>): T
  tool<T>(name: string, params: unknown, fn: Work<ToolEvent, T>): T
  tool<T>(name: string, ...args: WorkLast<ToolEvent, T>): T {
    return this.#perform((params) => new ToolEvent({ name, params }), args)
  }

  /** Runs `fn` as a model call; `fn` fills in `completion`, `promptTokens`… on the event that it is handed. */
  llm<T>(model: string, fn: Work<LLMEvent, T>): T
  llm<T>(model: string, init: LLMEventInit, fn: Work<LLMEvent, T>): T
  llm<T>(model: string, ...args: WorkLast<LLMEvent, T>): T {
    return this.#perform((init) => {
      const event = new LLMEvent(init as LLMEventInit)
      event.model ??= model
      return event
    }, args)
  }

  /** Runs `fn` as an agent: the events inside carry the agent's id and name. */
  agent<T>(name: string, fn: (agent: Agent) => T): T {
    const agent: Agent = { id: crypto.randomUUID(), name }
    this.agents.set(agent.id, name)
    return this.#perform(() => ({ eventType: 'agents', name, agentId: agent.id }), [() => fn(agent)], agent)
  }

  /** Opens an agent that later events of this session carry; returns its id. */
  createAgent(name: string, id: string = crypto.randomUUID()): string {
    this.#agent = { id, name: cut(name, 256) }
    this.agents.set(id, this.#agent.name)
    return id
  }

  /** Records an error as an event; the same error object is recorded once. */
  recordError(error: unknown, triggerEvent?: AgentEvent): void {
    if (Object(error) === error) {
      if (this.#recordedErrors.has(error as object)) return
      this.#recordedErrors.add(error as object)
    }
    this.record(new ErrorEvent({ exception: error, triggerEvent }))
  }

  addTags(tags: string | readonly string[]): void {
    this.setTags([this.tags, tags].flat())
  }

  setTags(tags: string | readonly string[]): void {
    const list = [tags].flat()
    const texts = list.filter((tag) => typeof tag === 'string')
    if (texts.length < list.length) warn('tags: expected text or a list of texts; the others are left out')
    ;(this as Own).tags = [...new Set(texts.map((tag) => cut(tag, 256)))]
  }

  /** What the session ends with where `end()` is not told otherwise. */
  setEndState(state: EndState, reason?: string): void {
    if (!Object.hasOwn(STATUS, state)) {
      const expected = Object.keys(STATUS).join(', ')
      warn(`end state: expected ${expected}, got ${cut(describe(state), 80)}; the session goes on`, 'end-state')
    } else if (this.state !== 'ended') {
      this.#judged = true
      ;(this as Own).endState = state
      ;(this as Own).endStateReason = reason === undefined ? reason : brief(reason)
    }
  }

  /** @internal For adapters: what it ends with where nobody has said. */
  conclude(state: EndState, reason?: string): void {
    if (!this.#judged) this.setEndState(state, reason)
  }

  /** Keeps the session open until `promise` settles, at most `workDeadlineMs` after `end()`. */
  hold(promise: Promise<unknown>): void {
    // `ctx.waitUntil(session.end())`: the end must not wait for itself.
    if (promise === this.#ended) return
    const settled: Promise<unknown> = Promise.allSettled([promise]).then(() => this.#holds.delete(settled))
    this.#holds.add(settled)
  }

  /** Sends what is finished. Never rejects. */
  async flush(): Promise<FlushReport> {
    await Promise.all(this.#processors.map((processor) => processor.forceFlush()))
    return this.#report()
  }

  /**
   * Ends the session and sends what is left; resolves when that is done and never rejects. Without a state it is the one
   * of `setEndState`, else `Indeterminate`. A second call changes nothing and resolves to the first one's report; an
   * invalid state is said and leaves the session running.
   */
  end(endState?: EndState, reason?: string): Promise<FlushReport> {
    if (this.#ended) return this.#ended
    if (endState !== undefined) this.setEndState(endState, reason)
    if (endState !== undefined && endState !== this.endState) {
      const error = 'invalid end state: the session is still running'
      return Promise.resolve({ ...this.#report(), error })
    }
    ;(this as Own).state = 'ending'
    const ended = this.#finish()
    this.#ended = ended
    guard('waitUntil', () => this.#waitUntil?.(ended))
    return ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }

  /** @internal For adapters: holds `promise`, and the invocation for it; false where there is no `waitUntil` to do that. */
  keepAlive(promise: Promise<unknown>): boolean {
    this.hold(promise)
    this.#waitUntil?.(promise)
    return !!this.#waitUntil
  }

  /** @internal For adapters: when the platform ends the invocation, milliseconds since the epoch. */
  endBy(at: number): void {
    this.#limit = at
    for (const processor of this.#processors) processor.endBy(at)
  }

  /** @internal For adapters: the process ends; see `SessionSpanProcessor.leave`. */
  async leave(ms: number, last: boolean): Promise<void> {
    await Promise.all(this.#processors.map((processor) => processor.leave(ms, last)))
  }

  /** @internal For instrumentations: the span of an event that they end themselves; what is filled in by then counts. */
  begin(event: AgentEvent | PlainEvent, outer: Context = this.#current()): OpenedEvent {
    event.initTimestamp = this.#clock.now()
    const span = this.#openEvent(event, outer)
    return { span, context: trace.setSpan(outer, span) }
  }

  /** @internal For instrumentations: the running context, with `span` as the active one. */
  within(span: Span): Context {
    return trace.setSpan(this.#current(), span)
  }

  /** @internal Milliseconds since the epoch, as the session's spans have them. */
  now(): number {
    return this.#clock.now()
  }

  /** @internal For formats: a text that is no span's, as it may be sent. */
  shown(name: string, text: string): string {
    return redactedText(this.config.redact, name, `${this.hidden.from(text)}`)
  }

  /** @internal For adapters: the name and the route are known only once a router has matched. */
  rename(name: string, attributes: Attributes): void {
    ;(this as Own).name = cut(name, 256)
    this.root.updateName(`${this.name}.session`)
    this.root.setAttributes({ [key.OPERATION_NAME]: this.name, ...attributes })
  }

  /** @internal The error that ended the request: on the root span, and as an event unless a wrapper recorded it. */
  fail(error: unknown): void {
    guard('recording an error', () => {
      this.recordError(error)
      fail(this.root, error)
      this.setEndState('Fail', describe(error))
    })
  }

  async #finish(): Promise<FlushReport> {
    if (this.#holds.size > 0) {
      let off = (): void => {}
      const deadline = new Promise<void>((resolve) => {
        // What is held must leave some of the invocation's time to the export.
        const left = Math.max(0, (this.#limit - Date.now()) * 0.8)
        off = later(resolve, Math.min(this.config.workDeadlineMs, left))
      })
      await Promise.race([this.#released(), deadline])
      off()
    }
    guard('ending the session', () => this.#close())
    ;(this as Own).state = 'ended'
    guard('onEnded', () => this.#onEnded?.(this))
    this.#decide()
    await Promise.all(this.#processors.map((processor) => processor.close()))
    const report = this.#report()
    await this.#flushMetrics(report)
    // The session stays in AsyncLocalStorage for as long as the request's code may run; the runtime's context must not.
    this.#waitUntil = this.#lateWaitUntil
    for (const processor of this.#processors) {
      processor.release((flushed) => guard('waitUntil', () => this.#waitUntil?.(flushed)))
    }
    return report
  }

  #report(): FlushReport {
    return sumOf(this.#processors.map((processor) => processor.report()))
  }

  async #released(): Promise<void> {
    while (this.#holds.size > 0) await Promise.all(this.#holds)
  }

  #recording(metrics: MetricsRecorder): SpanProcessor {
    return {
      onStart() {},
      onEnd: (span) => void guard('metrics', () => metrics.record(span, this)),
      async forceFlush() {},
      async shutdown() {},
    }
  }

  /** Metrics of many sessions go in one request; only where nothing keeps the runtime alive for it is it waited for. */
  #flushMetrics(report: FlushReport): Promise<void> | undefined {
    const { config } = this
    const waitUntil = this.#waitUntil
    return guard('metrics', () => config.metrics?.flush({ config, report, waitUntil, endBy: this.#limit }))
  }

  /** Tail sampling. A function that throws refuses nothing. */
  #decide(): void {
    const { keep } = this.config
    if (!keep || this.#outgrown) return
    const kept = keep.some((one) => guard('keep', () => one(this)) !== false)
    for (const processor of this.#processors) {
      if (kept) processor.open()
      else processor.refuse()
    }
  }

  /** It is too large to wait for the decision: it is kept. */
  #outgrow(): void {
    this.#outgrown = true
    this.root.setAttribute(key.KEPT, 'outgrown')
    warn('keep: a session has outgrown its buffer, so it is kept. Raise maxQueueSize or maxExportBytes')
    for (const processor of this.#processors) processor.open()
  }

  #close(): void {
    const { root, endState } = this
    for (const close of this.closing) guard('an instrumentation', close)
    this.closing.clear()
    for (const span of [...this.#open.keys()].reverse()) {
      if (span === root) continue
      span.setAttribute(key.INCOMPLETE, true)
      span.end()
    }
    root.setStatus({ code: STATUS[endState], message: this.endStateReason })
    root.setAttributes({ [key.END_STATE]: endState, [key.END_STATE_REASON]: this.endStateReason })
    this.#endedAt = this.#clock.now()
    root.end()
  }

  /** The active context where it is this session's, else the root's. */
  #current(): Context {
    const active = activeContext()
    return sessionIn(active) === this && trace.getSpan(active) ? withSession(active, this) : this.context
  }

  /** A caller's own parent is kept; another session's is not, and a context without a span gets the root. */
  #parentOf(context: Context): Context {
    if (!this.root) return context
    const owner = sessionIn(context) ?? this
    if (owner !== this) return this.context
    return trace.setSpan(withSession(context, this), trace.getSpan(context) ?? this.root)
  }

  #agentIn(context: Context): Agent | undefined {
    return (context.getValue(AGENT) as Agent | undefined) ?? this.#agent
  }

  /** `original`: the object that an error may later name as its trigger. */
  #openEvent(event: AgentEvent | PlainEvent, context: Context, startTime?: number, original: object = event): SdkSpan {
    event.id ??= crypto.randomUUID()
    const { eventType } = event
    if (eventType !== 'cost' && Object.hasOwn(this.stats, eventType)) this.stats[eventType as keyof SessionStats]++
    const { name, ...options } = openingOf(event)
    const span = this.tracer.startSpan(name, { ...options, startTime }, context) as SdkSpan
    if (span.isRecording()) this.#open.set(span, { event, agent: this.#agentIn(context) })
    this.#spans.set(original, span.spanContext())
    if (eventType === 'tools') guard('a tool call', () => this.onTool?.(event, span))
    return span
  }

  /** Runs the last of `args` inside a span that the event describes when it ends. */
  #perform<E extends AgentEvent | PlainEvent, T>(make: (first?: unknown) => E, args: WorkLast<E, T>, agent?: Agent): T {
    const [work, first] = args.reverse() as [Work<E, T>, unknown]
    const event = make(first)
    const run = guard('an event', () => {
      const current = this.#current()
      const outer = agent ? current.setValue(AGENT, agent) : current
      const { span, context } = this.begin(event, outer)
      let settled = false
      const settle = (failed: boolean, value: unknown): void => {
        // A thenable may be awaited more than once.
        if (settled) return
        settled = true
        guard('an event', () => {
          event.endTimestamp ??= this.#clock.now()
          if (failed) {
            fail(span, value)
            runIn(context, () => this.recordError(value, event as AgentEvent))
          } else event.returns ??= value
        })
        span.end()
      }
      return () => runIn(context, () => observe(() => work(event), settle))
    })
    return run ? run() : work(event)
  }

  /** What every span of the session gets just before it ends. */
  #ending(span: SdkSpan): void {
    const { agent, event } = this.#open.get(span) ?? {}
    const { instrumentations, onSpan, redact } = this.config
    this.#open.delete(span)
    guard('a span', () => {
      instrumentations.ai?.ending(span, this)
      if (event) event.endTimestamp ??= this.#clock.now()
      const failed = span.status.code === STATUS.Fail
      const own = event ? attributesOf(event, agent, this.tags, failed) : {}
      this.stats.cost += Number(own[key.GEN_AI_TOTAL_COST] ?? 0)
      if (!event && agent && Object.keys(span.attributes).some((name) => /^(gen_ai|tool)\./.test(name))) {
        Object.assign(own, { [key.AGENT_ID]: agent.id, [key.AGENT_NAME]: agent.name })
      }
      Object.assign(own, {
        [key.TAGS]: [...this.tags],
        [key.SESSION_ID]: this.groupId ?? this.id,
        [key.CONVERSATION_ID]: this.groupId,
      })
      // The user's own come last, and replace none of ours.
      span.setAttributes({ ...own, ...this.#attributes, ...own })
      // AgentOps reads a span without a status as indeterminate: one that ended without an error went well.
      if (!failed && span !== this.root && !span.attributes[key.INCOMPLETE]) span.setStatus({ code: STATUS.Success })
    })
    if (onSpan) guard('onSpan', () => onSpan(span))
    if (span.status.code === STATUS.Fail) (this as Own).hasErrors = true
    if (this.hidden.texts.length) redactSpan((_, value) => this.hidden.from(value), span)
    if (redact) redactSpan(redact, span)
  }
}

/** A copy, so that an event changed or recorded again later does not change a span. */
function snapshot(event: AgentEvent | PlainEvent): PlainEvent {
  return { eventType: event.eventType, ...Object.fromEntries(fields(event)) }
}

/** An error, or a text of the user's, short enough for a status. */
function brief(error: unknown): string {
  return cut(describe(error), 4096)
}

/** The error that ended the work of `span`. */
function fail(span: Span, error: unknown): void {
  const message = brief(error)
  const stack = guard('a stack', () => error instanceof Error && error.stack && cut(error.stack, 16_384))
  span.recordException({ name: errorType(error), message, stack: stack || undefined })
  span.setStatus({ code: STATUS.Fail, message })
  span.setAttributes({ [key.ERROR_TYPE]: errorType(error), [key.ERROR_MESSAGE]: message })
}
