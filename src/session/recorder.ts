/** Makes events spans of a session: those that are over, those that wrap work, and those that somebody else ends. */

import { type Context, createContextKey, type Span, type SpanContext, type Tracer, trace } from '@opentelemetry/api'
import { type Agent, openingOf, toMillis } from '../events/attributes.ts'
import { controlFlowOf } from '../events/control-flow.ts'
import { type AgentEvent, ErrorEvent, errorType, isStamped, type PlainEvent } from '../events/event.ts'
import { lasting } from '../events/lasting.ts'
import { observe, type Settle } from '../events/observe.ts'
import { unquoted } from '../events/unquoted.ts'
import { type Extra, markExtra } from '../outbox/extras.ts'
import { apart } from '../runtime/apart.ts'
import { describe, guard, isError, warn } from '../runtime/diag.ts'
import { ERROR } from '../runtime/otel.ts'
import { runIn } from '../runtime/scope.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import * as key from '../runtime/semconv.ts'
import { cut, field } from '../runtime/serialize.ts'
import type { SessionConfig } from './config.ts'
import type { InstrumentedSession, OpenedEvent } from './instruments.ts'
import type { OpenSpan } from './last-look.ts'

/** A callback that is handed its event, to fill in what is known only when the work is done. */
export type Work<E, T> = (event: E) => T
/** A wrapper's arguments after its name. */
export type WorkLast<E, T> = [work: Work<E, T>] | [first: unknown, work: Work<E, T>]

/** What the recorder takes from the session. */
export interface Recorded extends Pick<InstrumentedSession, 'stats' | 'onTool' | 'now' | 'closing'> {
  readonly extras: ReadonlySet<Extra>
  readonly tracer: Tracer
  readonly config: Pick<SessionConfig, 'captureContent' | 'clock'>
  /** The active context where it is this session's, else the root's. */
  current(): Context
}

const AGENT = createContextKey('agentops.agent')

export class EventRecorder {
  readonly #session: Recorded
  /** The spans that have not ended, the oldest first. */
  readonly #open: Map<SdkSpan, OpenSpan> = new Map()
  /** Called when a span has ended, or the work of an event is over though its value is not. */
  onSettled: (() => void) | undefined
  /** By event, for errors that name their trigger. */
  #spans: WeakMap<object, SpanContext> | undefined
  /** Whether a failed span alone shows it, or an event of its own. */
  #errors: WeakMap<object, 'shown' | 'event'> | undefined
  /** The agent of events that run inside none. */
  agent: Agent | undefined

  constructor(session: Recorded) {
    this.#session = session
  }

  /** Ends the spans that have not ended, the newest first; not the root. */
  endOpen(root: Span): void {
    for (const span of [...this.#open.keys()].reverse()) {
      if (span === root) continue
      span.setAttribute(key.INCOMPLETE, true)
      span.end()
    }
  }

  /** A span of the session has begun, whoever made it. */
  opened(span: SdkSpan, context: Context): void {
    this.#open.set(span, { agent: this.#agentIn(context) })
  }

  /** What is known of a span that ends; it is forgotten. */
  take(span: SdkSpan): OpenSpan {
    const taken = this.#open.get(span) ?? {}
    this.#open.delete(span)
    this.onSettled?.()
    return taken
  }

  /** The event of an open span. */
  running(span: SdkSpan): OpenSpan | undefined {
    const open = this.#open.get(span)
    return open?.event && open
  }

  /** The open span that `span` is inside of. */
  above({ parentSpanContext }: SdkSpan): SdkSpan | undefined {
    for (const span of this.#open.keys()) if (span.spanContext().spanId === parentSpanContext?.spanId) return span
  }

  /** Whether an event runs: not the root, nor one whose value nobody has begun to read, or only the platform reads. */
  isBusy(): boolean {
    let running = 0
    for (const { progress } of this.#open.values()) if (!progress || progress() === 'read') running++
    return running > 1
  }

  /** An event that is over: a span with the event's own times. */
  record(event: AgentEvent | PlainEvent, extra?: Extra): void {
    if (typeof event?.eventType !== 'string' || !event.eventType) {
      warn('record: expected an event with an eventType; it is left out')
      return
    }
    const session = this.#session
    const taken = snapshot(event)
    const foreign = session.config.clock && isStamped(event)
    const isOfError = taken.eventType === 'errors'
    const init = (foreign ? undefined : toMillis(taken.initTimestamp)) ?? session.now()
    taken.initTimestamp = init
    taken.endTimestamp = toMillis(taken.endTimestamp) ?? (isOfError ? init : session.now())
    const under = this.#spans?.get(taken.triggerEvent as AgentEvent)
    const context = under ? trace.setSpanContext(session.current(), under) : session.current()
    const span = this.#openEvent(taken, context, init, event)
    if (extra) markExtra(span, extra)
    if (isOfError) span.setStatus({ code: ERROR, message: brief(taken.details ?? taken.errorType ?? '') })
    span.end(taken.endTimestamp as number)
    if (event.id === undefined && Object.isExtensible(event)) event.id = taken.id
  }

  /** The same error object is recorded once. `isShown`: a span that failed by it says it; an event only repeats it. */
  recordError(error: unknown, triggerEvent?: AgentEvent, isShown?: boolean): void {
    const { config, extras, stats } = this.#session
    this.#errors ??= new WeakMap()
    const recordedAs = this.#errors.get(error as object)
    if (recordedAs === 'event' || (recordedAs && isShown)) return
    const isEvent = !isShown || extras.has('error')
    if (Object(error) === error) this.#errors.set(error as object, isEvent ? 'event' : 'shown')
    if (!isEvent || recordedAs) stats.errors += recordedAs ? -1 : 1
    if (!isEvent) return
    const exception = unquoted(error, config)
    guard('record', () => this.record(new ErrorEvent({ exception, triggerEvent }), isShown ? 'error' : undefined))
  }

  /** An instrumentation's event, that it ends itself; it began at its `initTimestamp`, where it has one. */
  begin(event: AgentEvent | PlainEvent, outer: Context): OpenedEvent {
    const { agentId: id, name, initTimestamp } = event as PlainEvent
    const inner = id ? outer.setValue(AGENT, { id, name }) : outer
    const opened = this.#begin(event, inner, (initTimestamp as number) ?? this.#session.now(), initTimestamp as number)
    Object.assign(this.#open.get(opened.span) ?? {}, { isObserved: true })
    return opened
  }

  /** `startTime`: of its span, where that is another time than now. */
  #begin(event: AgentEvent | PlainEvent, outer: Context, at: number, startTime?: number): OpenedEvent {
    event.initTimestamp = at
    const span = this.#openEvent(event, outer, startTime)
    return { span, context: trace.setSpan(outer, span) }
  }

  /** Runs the last of `args` inside a span that the event describes when it ends. */
  perform<E extends AgentEvent | PlainEvent, T>(
    make: (first: unknown, now: number) => E,
    args: WorkLast<E, T>,
    agent?: Agent,
  ): T {
    const [work, first] = args.reverse() as [Work<E, T>, unknown]
    const session = this.#session
    const now = session.now()
    const event = make(first, now)
    const run = guard('an event', () => {
      const current = session.current()
      const outer = agent ? current.setValue(AGENT, agent) : current
      const { span, context } = this.#begin(event, outer, now)
      const settle = this.#settling(event, span, context)
      return () => runIn(context, () => observe(() => work(event), settle))
    })
    return run ? run() : work(event)
  }

  /** What ends an event when its work is over, however long that lasts. */
  #settling(event: AgentEvent | PlainEvent, span: SdkSpan, context: Context): Settle {
    const session = this.#session
    const { closing } = session
    let state: 'running' | 'read' | 'settled' = 'running'
    // `at`: when it was over, where that is longer ago.
    const end = (failed: boolean, value: unknown, now: number, at?: number): void => {
      state = 'settled'
      guard('an event', () => {
        event.endTimestamp ??= at ?? now
        if (failed) {
          failSpan(span, unquoted(value, session.config))
          runIn(context, () => this.recordError(value, event as AgentEvent, true))
        } else event.returns ??= value
      })
      const open = this.#open.get(span)
      if (open?.held) {
        const over = at ?? now
        open.end = () => span.end(over)
      } else span.end(at)
    }
    return (failed, value) => {
      // A thenable may be awaited more than once.
      if (state !== 'running') return
      const returnedAt = session.now()
      if (failed && controlFlowOf(value)) return end(false, undefined, returnedAt)
      // What nobody has begun to read when the session closes was over when it was returned; what is cut off stays open.
      const close = (): void => {
        const how = progress?.()
        if (how !== 'read') end(false, undefined, session.now(), how === 'unread' ? returnedAt : undefined)
      }
      const over = (failed: boolean, value: unknown): void => {
        closing.delete(close)
        if (state !== 'settled') end(failed, value, session.now())
      }
      const progress =
        failed || Object(value) !== value
          ? undefined
          : guard('a value that lasts', () => lasting(value, { within: (part) => runIn(context, part), over }))
      if (!progress) return end(failed, value, returnedAt)
      state = 'read'
      closing.add(close)
      Object.assign(this.#open.get(span) ?? {}, { progress })
      this.onSettled?.()
    }
  }

  /** `original`: the object that an error may later name as its trigger. */
  #openEvent(event: AgentEvent | PlainEvent, context: Context, startTime?: number, original: object = event): SdkSpan {
    const { stats, tracer, onTool } = this.#session
    event.id ??= apart(() => crypto.randomUUID())
    const { eventType } = event
    if (eventType !== 'cost' && Object.hasOwn(stats, eventType)) stats[eventType as keyof typeof stats]++
    const { name, ...options } = openingOf(event)
    const span = tracer.startSpan(name, { ...options, startTime }, context) as SdkSpan
    if (span.isRecording()) this.#open.set(span, { event, agent: this.#agentIn(context) })
    this.#spans ??= new WeakMap()
    this.#spans.set(original, span.spanContext())
    onTool?.(span, event)
    return span
  }

  #agentIn(context: Context): Agent | undefined {
    return (context.getValue(AGENT) as Agent | undefined) ?? this.agent
  }
}

/** A copy, so that an event changed or recorded again later does not change a span. */
function snapshot(event: AgentEvent | PlainEvent): PlainEvent {
  const fields = Object.keys(event).map((name) => [name, field(event, name)])
  return { eventType: event.eventType, ...Object.fromEntries(fields) }
}

/** An error, or a text of the user's, short enough for a status. */
export function brief(error: unknown): string {
  return cut(describe(error), 4096)
}

/** The error that ended the work of `span`. */
export function failSpan(span: Span, error: unknown): void {
  const message = brief(error)
  const stack = guard('a stack', () => isError(error) && error.stack && cut(error.stack, 16_384))
  span.recordException({ name: errorType(error), message, stack: stack || undefined })
  span.setStatus({ code: ERROR, message })
  span.setAttributes({ [key.ERROR_TYPE]: errorType(error), [key.ERROR_MESSAGE]: message })
}
