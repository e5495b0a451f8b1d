/**
 * Mastra: agents, workflows, steps and tools as events, by the bridge that its observability takes. Nothing of the
 * framework is imported; spans that it keeps to itself (of its own workflows) and the parts of a stream are no events.
 */
import type { Context } from '@opentelemetry/api'
import type { PlainEvent } from '../events/event.ts'
import { debug, guard } from '../runtime/diag.ts'
import { runIn } from '../runtime/scope.ts'
import * as key from '../runtime/semconv.ts'
import type { InstrumentedSession } from '../session/instruments.ts'
import { CALLER } from './around.ts'
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
  showCall,
  usageOf,
} from './framework.ts'

type Json = Readonly<Record<string, unknown>>

/** What is needed of a span of Mastra's that begins. */
export interface MastraSpanOptions {
  type: string
  name: string
  entityName?: string
  entityId?: string
  parent?: MastraSpan
  input?: unknown
  attributes?: object
  metadata?: object
  isEvent?: boolean
}

/** What is needed of one above it. */
export interface MastraSpan {
  id: string
  parent?: MastraSpan
}

/** What is needed of what Mastra tells of a span. */
export interface MastraTracingEvent {
  type: string
  exportedSpan: {
    id: string
    type?: string
    output?: unknown
    attributes?: object
    errorInfo?: { message: string; name?: string }
  }
}

/** As `ObservabilityBridge` of `@mastra/core/observability` has it. */
export interface MastraBridge {
  readonly name: string
  createSpan(options: MastraSpanOptions): { spanId: string; traceId: string; parentSpanId?: string } | undefined
  executeInContext<T>(spanId: string, fn: () => Promise<T>): Promise<T>
  executeInContextSync<T>(spanId: string, fn: () => T): T
  onTracingEvent(event: MastraTracingEvent): void
  releaseSpan(spanId: string): void
  flush(): Promise<void>
  shutdown(): Promise<void>
}

/** Where a span of Mastra's is, and what it is; nothing more where it is of no interest. */
interface Place {
  session: InstrumentedSession
  context: Context
  /** Its conversation. */
  thread?: unknown
  opened?: Opened
  call?: FrameworkCall
  /** It is part of a run that goes on where another stopped. */
  isResumed?: boolean
  /** The step's, whose request is its model's. */
  its?: FrameworkCall
}

const places: Running<Place> = /* @__PURE__ */ new Running()
/** Calls that somebody has made. */
const entered: WeakSet<FrameworkCall> = /* @__PURE__ */ new WeakSet()
const USAGE = {
  prompt: 'inputTokens',
  completion: 'outputTokens',
  cache_read: 'inputDetails.cacheRead',
  cache_creation: 'inputDetails.cacheWrite',
  reasoning: 'outputDetails.reasoning',
}

const IGNORED = /^(model_generation|model_chunk)$/
const TOOL = /(^|_)tool_call$/

/**
 * Makes agents, workflows, steps and tools of Mastra events of the session of the running code. With `llmCalls()` a
 * model's call has what the wire said.
 *
 * ```ts
 * new Mastra({
 *   agents: { … },
 *   observability: new Observability({ configs: { default: { serviceName: 'desk', bridge: mastraBridge() } } }),
 * })
 * ```
 */
export function mastraBridge(): MastraBridge {
  const above = (span: MastraSpan | undefined): Place | undefined => span && (places.get(span.id) ?? above(span.parent))

  const begin = (options: MastraSpanOptions): ReturnType<MastraBridge['createSpan']> => {
    const { type, parent } = options
    if (typeof type !== 'string') return debug('mastraBridge: this version of Mastra tells of its spans in another way')
    const outer = above(parent)
    const session = outer?.session ?? sessionHere()
    if (!session || session.state === 'ended') return undefined
    const { input } = options
    const { conversationId, model, provider } = Object(options.attributes) as Json
    const { threadId, resumedFromSpanId } = Object(options.metadata) as Json
    const conversation = threadId ?? conversationId ?? outer?.thread
    const isResumed = outer?.isResumed || !!resumedFromSpanId
    const place: Place = { session, context: outer?.context ?? contextOf(session), thread: conversation, isResumed }
    if (type === 'model_inference') {
      const prompt = (): unknown => Object(input).messages ?? input
      place.call = openCall(session, place.context, { conversation, model, provider, prompt })
      if (outer) outer.its = place.call
    } else if (!IGNORED.test(type) && !options.isEvent) {
      place.opened = open(session, eventOf(options), { outer: place.context, conversation, params: () => input })
      place.context = place.opened.context
      if (resumedFromSpanId) place.opened.span.setAttribute(key.RESUMED, true)
    }
    const spanId = place.opened?.span.spanContext().spanId ?? crypto.randomUUID().replaceAll('-', '').slice(0, 16)
    places.set(spanId, place)
    return { spanId, traceId: session.traceId, parentSpanId: parent?.id }
  }

  const end = ({ type, exportedSpan: span }: MastraTracingEvent): void => {
    const { opened, call, isResumed } = (type === 'span_ended' && places.take(span.id)) || {}
    const { errorInfo: info, attributes, output } = span
    const error = info && Object.assign(new Error(info.message), { name: info.name ?? 'Error' })
    const { usage, finishReason, responseModel, responseId, success, status } = Object(attributes)
    // Of a run that stops before it has a result; a tool's output is the user's own.
    const stopped = status ?? (/^(agent_run|model_step)$/.test(`${span.type}`) && Object(output).status)
    const said = Object(output).text ?? output
    if (opened) {
      const left = stopped === 'aborted' && new DOMException('', 'AbortError')
      const failure = left || (success === false ? new Error('the tool has failed') : undefined)
      if (stopped === 'suspended') opened.span.setAttribute(key.INTERRUPTED, true)
      close(opened, { returns: said, error: error ?? failure })
    }
    // A resumed run reports the calls before its stop once more, with their tokens for the first time. Where requests are
    // captured, those tokens have been counted already.
    if (!call || (isResumed && call.session.config.instrumentations.llm && !entered.has(call))) return
    const answer = { id: responseId, model: responseModel, finish: finishReason, text: said, error }
    showCall(call, { ...answer, usage: usageOf(usage, USAGE) })
  }

  const insideOf = (id: string): Context | undefined => {
    const place = places.get(id)
    if (place?.its) entered.add(place.its)
    return place?.its ? place.context.setValue(CALLER, place.its.caller) : place?.context
  }
  const within = <T>(id: string, fn: () => T): T => {
    const context = guard('a span of Mastra', () => insideOf(id))
    return context ? runIn(context, fn) : fn()
  }
  return {
    name: 'agentops',
    createSpan: (options) => guard('a span of Mastra', () => begin(options)),
    executeInContext: within,
    executeInContextSync: within,
    onTracingEvent: (event) => void guard('a span of Mastra', () => end(event)),
    // It has begun already: it ends with its name alone.
    releaseSpan: (id) =>
      void guard('a span of Mastra', () => {
        const opened = places.take(id)?.opened
        if (opened) close(opened)
      }),
    // The session sends what it has.
    flush: async () => {},
    shutdown: async () => {},
  }
}

function eventOf({ type, name, entityName, entityId, attributes }: MastraSpanOptions): PlainEvent {
  const named = entityName ?? entityId
  if (type === 'agent_run' && named) return agent(named)
  if (TOOL.test(type)) return { eventType: 'tools', name: named ?? name, toolCallId: Object(attributes).toolCallId }
  return action(type === 'model_step' ? `step ${Number(Object(attributes).stepIndex ?? 0) + 1}` : (named ?? name))
}
