/**
 * One session: one trace with its own TracerProvider and clock, built with the sinks that take its spans. It lives
 * `running → ending → ended`. Nothing here knows a platform; a session never holds a request or an execution context,
 * because what is kept in AsyncLocalStorage together with one is not freed by workerd.
 */

import { type Attributes, type Context, type Span, type Tracer, trace } from '@opentelemetry/api'
import type { Agent } from '../events/attributes.ts'
import { controlFlowOf } from '../events/control-flow.ts'
import {
  ActionEvent,
  type AgentEvent,
  LLMEvent,
  type LLMEventInit,
  type PlainEvent,
  ToolEvent,
} from '../events/event.ts'
import { unquoted } from '../events/unquoted.ts'
import type { FlushReport } from '../outbox/report.ts'
import { apart } from '../runtime/apart.ts'
import { describe, guard } from '../runtime/diag.ts'
import { activeContext, findStorage, runIn } from '../runtime/scope.ts'
import * as key from '../runtime/semconv.ts'
import { cut } from '../runtime/serialize.ts'
import { VERSION } from '../runtime/version.ts'
import { SessionClock } from '../tracing/clock.ts'
import { samplerOf } from '../tracing/sampler.ts'
import { SessionTracerProvider } from '../tracing/tracer.ts'
import type { SessionConfig } from './config.ts'
import { isEndState, sayEnd } from './end-state.ts'
import { Ending } from './ending.ts'
import { shown } from './hide.ts'
import { contextOf, identityOf, type RootInit, startRoot } from './init.ts'
import type { InstrumentedSession, OpenedEvent } from './instruments.ts'
import { Labelled } from './labelled.ts'
import { lookAt } from './last-look.ts'
import { brief, EventRecorder, failSpan, type Work, type WorkLast } from './recorder.ts'
import { redactedText } from './redact.ts'
import { contextFor, scopedIn, withSession } from './scope.ts'
import { counting, METER, type Outlets } from './sink.ts'
import type { EndState, SessionStats } from './view.ts'

/** What only the session itself changes. */
type Own = {
  -readonly [Field in
    | 'hasErrors'
    | 'name'
    | 'state'
    | 'endState'
    | 'endStateReason'
    | 'tags'
    | 'groupId']: Session[Field]
}

/**
 * One request, run or conversation turn: a trace whose root span is the session, and the events and spans inside it.
 * It is made by an adapter, `startSession()` or `withSession()`. No method throws or rejects for telemetry's sake,
 * also after the end: what the user's functions throw is thrown on.
 */
export class Session extends Labelled {
  readonly id: string
  readonly traceId: string
  readonly name: string
  readonly state: 'running' | 'ending' | 'ended' = 'running'
  readonly endState: EndState = 'Indeterminate'
  readonly endStateReason: string | undefined
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
  /** @internal For instrumentations: where requests of the session's own service go. */
  readonly origin: string | undefined
  /** @internal For instrumentations: called when the session closes, before the spans that are still open are ended. */
  readonly closing: Set<() => void> = new Set()
  /** @internal For instrumentations: called with each event that begins, and with each span that ends. */
  onTool: InstrumentedSession['onTool']
  /** @internal For adapters: how long the response took, its body included, milliseconds. */
  answeredAfterMs: number | undefined
  readonly #startedAt: number
  #endedAt: number | undefined
  readonly #clock: SessionClock
  /** @internal For instrumentations. */ readonly events: EventRecorder = new EventRecorder(this)
  readonly #ending: Ending
  readonly #onEnded: RootInit['onEnded']
  /** Whether somebody has said how it ended, be it `Indeterminate`. */
  #judged = false

  /** `outlets`: makes what takes the session's spans; it must not look at the session before it is built. */
  constructor(config: SessionConfig, init: RootInit, outlets: (session: Session) => Outlets) {
    super(config, init)
    findStorage()
    this.origin = init.origin
    this.#clock = new SessionClock(config.clock)
    this.#startedAt = init.startTime?.getTime() ?? this.#clock.now()
    this.#onEnded = init.onEnded
    this.name = cut(init.name || 'agent', 256)
    const parent = init.parent instanceof Session ? init.parent.current() : contextOf(init.parent)
    const { id, traceId, flags } = identityOf(init.id, parent)
    this.id = id
    this.traceId = traceId

    const { sinks, meter } = outlets(this)
    for (const { extras } of meter ? [...sinks, METER] : sinks) for (const extra of extras) this.extras.add(extra)
    this.#ending = new Ending(this, { sinks, meter }, init.waitUntil, init.lateWaitUntil)
    this.tracerProvider = new SessionTracerProvider({
      ...{ clock: this.#clock, traceId, flags, resource: config.resource, sampler: samplerOf(config) },
      sinks: meter ? [...sinks, counting(meter)] : sinks,
      rootSpanId: () => (this.root ? undefined : init.rootSpanId),
      parentOf: (context) => this.#parentOf(context),
      opened: (span) => this.events.opened(span, activeContext()),
      ending: (span) => {
        if (lookAt(span, this.events.take(span), this)) (this as Own).hasErrors = true
      },
    })
    this.tracer = this.tracerProvider.getTracer('agentops-edge', VERSION)

    this.context = contextFor(this, parent)
    this.root = startRoot(this.tracer, this.name, init, parent)
    this.context = trace.setSpan(this.context, this.root)
  }

  /** Where the session is shown: on AgentOps' dashboard, or below `AGENTOPS_APP_URL`. */
  get url(): string {
    return `${this.config.AGENTOPS_APP_URL}sessions?trace_id=${this.traceId}`
  }

  /** Milliseconds since it began, or until it ended. */
  get durationMs(): number {
    return (this.#endedAt ?? this.#clock.now()) - this.#startedAt
  }

  /** Runs `fn` with this session as the current one. Without AsyncLocalStorage `fn` runs all the same. */
  run<T>(fn: () => T): T {
    return runIn(this.current(), fn)
  }

  /** Records an event that is over: a span with the event's own times. Never throws. After `end()` it is still sent. */
  record(event: AgentEvent | PlainEvent): void {
    guard('record', () => this.events.record(event))
  }

  /** Runs `fn` as an action. Its value is returned and its error thrown unchanged, both recorded. */
  action<T>(name: string, fn: Work<ActionEvent, T>): T
  action<T>(name: string, params: unknown, fn: Work<ActionEvent, T>): T
  action<T>(name: string, ...args: WorkLast<ActionEvent, T>): T {
    return this.events.perform((params, now) => new ActionEvent({ actionType: name, params, initTimestamp: now }), args)
  }

  /** Runs `fn` as a tool call. Its value is returned and its error thrown unchanged, both recorded. */
  tool<T>(name: string, fn: Work<ToolEvent, T>): T
  tool<T>(name: string, params: unknown, fn: Work<ToolEvent, T>): T
  tool<T>(name: string, ...args: WorkLast<ToolEvent, T>): T {
    return this.events.perform((params, now) => new ToolEvent({ name, params, initTimestamp: now }), args)
  }

  /** Runs `fn` as a model call; `fn` fills in `completion`, `promptTokens`… on the event that it is handed. */
  llm<T>(model: string, fn: Work<LLMEvent, T>): T
  llm<T>(model: string, init: LLMEventInit, fn: Work<LLMEvent, T>): T
  llm<T>(model: string, ...args: WorkLast<LLMEvent, T>): T {
    return this.events.perform((init) => {
      const event = new LLMEvent(init as LLMEventInit)
      event.model ??= model
      return event
    }, args)
  }

  /** Runs `fn` as an agent: the events inside carry the agent's id and name. */
  agent<T>(name: string, fn: (agent: Agent) => T): T {
    const agent: Agent = { id: apart(() => crypto.randomUUID()), name }
    this.agents.set(agent.id, name)
    return this.events.perform(() => ({ eventType: 'agents', name, agentId: agent.id }), [() => fn(agent)], agent)
  }

  /** Opens an agent that later events of this session carry; returns its id. */
  createAgent(name: string, id: string = crypto.randomUUID()): string {
    const agent = { id, name: cut(name, 256) }
    this.events.agent = agent
    this.agents.set(id, agent.name)
    return id
  }

  /** Records an error as an event; the same error object is recorded once. */
  recordError(error: unknown, triggerEvent?: AgentEvent): void {
    this.events.recordError(error, triggerEvent)
  }

  /** What the session ends with where `end()` is not told otherwise. */
  setEndState(state: EndState, reason?: string): void {
    if (!isEndState(state) || this.state === 'ended') return
    this.#judged = true
    ;(this as Own).endState = state
    ;(this as Own).endStateReason = reason === undefined ? reason : brief(reason)
  }

  /** @internal For adapters: what it ends with where nobody has said. */
  conclude(state: EndState, reason?: string): void {
    if (!this.#judged) this.setEndState(state, reason)
  }

  /** Keeps the session open until `promise` settles, at most `workDeadlineMs` after `end()`. */
  hold(promise: Promise<unknown> | undefined): void {
    // `ctx.waitUntil(session.end())`: the end must not wait for itself.
    if (promise && promise !== this.#ending.ended) this.#ending.hold(promise)
  }

  /** Sends what is finished. Never rejects. */
  flush(): Promise<FlushReport> {
    return this.#ending.flush()
  }

  /**
   * Ends the session and sends what is left; resolves when that is done and never rejects. Without a state it is the one
   * of `setEndState`, else `Indeterminate`. A second call changes nothing and resolves to the first one's report; an
   * invalid state is said and leaves the session running.
   */
  end(endState?: EndState, reason?: string): Promise<FlushReport> {
    if (this.#ending.ended) return this.#ending.ended
    if (endState !== undefined) this.setEndState(endState, reason)
    if (endState !== undefined && endState !== this.endState) {
      const error = 'invalid end state: the session is still running'
      return Promise.resolve({ ...this.report(), error })
    }
    const ended = this.finish(false)
    guard('waitUntil', () => this.#ending.waitUntil?.(ended))
    return ended
  }

  /** @internal For adapters: ends it in an invocation that lives until this is over. `leaves`: nobody looks at the report. */
  finish(leaves: boolean): Promise<FlushReport> {
    if (this.#ending.ended) return this.#ending.ended
    ;(this as Own).state = 'ending'
    return this.#ending.run(leaves)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }

  /** @internal For adapters: holds `promise`, and the invocation for it; false where there is no `waitUntil` to do that. */
  keepAlive(promise: Promise<unknown>): boolean {
    this.hold(promise)
    this.#ending.waitUntil?.(promise)
    return !!this.#ending.waitUntil
  }

  /** @internal For adapters: when the platform ends the invocation, milliseconds since the epoch; `waits`: for what is held. */
  endBy(at: number, waits?: boolean): void {
    this.#ending.endBy(at, waits)
  }

  /** @internal For adapters: the process ends; see `Sink.leave`. */
  leave(ms: number, last: boolean): Promise<void> {
    return this.#ending.leave(ms, last)
  }

  /** @internal For instrumentations: the span of an event that they end themselves; what is filled in by then counts. */
  begin(event: AgentEvent | PlainEvent, outer: Context = this.current()): OpenedEvent {
    return this.events.begin(event, outer)
  }

  /** @internal For instrumentations: the running context, with `span` as the active one. */
  within(span: Span): Context {
    return trace.setSpan(this.current(), span)
  }

  /** @internal Milliseconds since the epoch, as the session's spans have them. */
  now(): number {
    return this.#clock.now()
  }

  /** @internal For formats: a text that is no span's, as it may be sent. */
  shown(name: string, text: string): string {
    return redactedText(this.config.redact, name, shown(text, this.hidden))
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
      const flow = controlFlowOf(error)
      if (flow?.status) this.root.setAttribute(key.HTTP_STATUS, flow.status)
      if (flow) return this.conclude('Success')
      this.events.recordError(error, undefined, true)
      const told = unquoted(error, this.config)
      failSpan(this.root, told)
      this.setEndState('Fail', describe(told))
    })
  }

  /** @internal For sinks: what has become of the session's spans. */
  report(): FlushReport {
    return this.#ending.report()
  }

  /** @internal For sinks: it is too large to wait for the decision of `keep`. */
  outgrow(): void {
    this.root.setAttribute(key.KEPT, 'outgrown')
    this.#ending.outgrow()
  }

  /** @internal */
  amend(attributes: Attributes): void {
    this.#ending.amend(attributes)
  }

  /** @internal Ends the spans that are open, the root last. */
  close(): void {
    const { root } = this
    for (const close of this.closing) guard('an instrumentation', close)
    this.closing.clear()
    this.events.endOpen(root)
    sayEnd(this)
    this.#endedAt = this.#clock.now()
    root.end()
  }

  /** @internal All its work is over. */
  ended(): void {
    ;(this as Own).state = 'ended'
    guard('onEnded', () => this.#onEnded?.())
  }

  /** @internal The active context where it is this session's, else the root's. */
  current(): Context {
    const active = activeContext()
    return scopedIn(active) === this && trace.getSpan(active) ? withSession(active, this) : this.context
  }

  /** A caller's own parent is kept; another session's is not, and a context without a span gets the root. */
  #parentOf(context: Context): Context {
    if (!this.root) return context
    const owner = scopedIn(context) ?? this
    if (owner !== this) return this.context
    const inner = withSession(context, this)
    return trace.getSpan(inner) ? inner : trace.setSpan(inner, this.root)
  }
}
