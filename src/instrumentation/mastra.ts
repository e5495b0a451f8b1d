/**
 * Mastra: agents, workflows, steps and tools as events, by the bridge that its observability takes. Nothing of the
 * framework is imported; spans that it keeps to itself (of its own workflows) and the parts of a stream are no events.
 */
import type { Context } from '@opentelemetry/api'
import type { PlainEvent } from '../events/event.ts'
import { debug, guard } from '../runtime/diag.ts'
import { runIn } from '../runtime/scope.ts'
import type { InstrumentedSession } from '../session/instruments.ts'
import { CALLER } from './around.ts'
import { sessionHere } from './fetch.ts'
import { closeModel, closeRun, contextHere, type ModelRun, openModel, openRun, type Run } from './runs.ts'

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
  run?: Run
  model?: ModelRun
  /** The step's, whose request is its model's. */
  calls?: ModelRun
  forget(): void
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
  /** Those that have not ended, by their ids; a session that closes takes its own out. */
  const places: Map<string, Place> = new Map()

  const above = (span: MastraSpan | undefined): Place | undefined => {
    for (let at = span; at; at = at.parent) if (places.has(at.id)) return places.get(at.id)
    return undefined
  }

  const open = (options: MastraSpanOptions): ReturnType<MastraBridge['createSpan']> => {
    const { type, parent } = options
    if (typeof type !== 'string') return debug('mastraBridge: this version of Mastra tells of its spans in another way')
    const outer = above(parent)
    const session = outer?.session ?? sessionHere()
    if (!session || session.state === 'ended') return undefined
    const context = outer?.context ?? contextHere(session)
    const place: Place = { session, context, forget: () => void places.delete(spanId) }
    const { conversationId, model, provider } = Object(options.attributes) as Json
    const { threadId = conversationId ?? outer?.thread } = Object(options.metadata) as Json
    place.thread = threadId
    if (type === 'model_inference') {
      const event: PlainEvent = { eventType: 'llms', operation: 'chat', model }
      if (session.config.captureContent) event.prompt = messagesOf(options.input)
      // Mastra names the API, too: openai.chat.
      const said = { conversation: threadId, provider: `${provider ?? ''}`.split('.')[0] }
      place.model = openModel(session, event, context, said)
      if (outer) outer.calls = place.model
    } else if (!IGNORED.test(type) && !options.isEvent) {
      place.run = openRun(session, eventOf(options, session.config.captureContent), context, threadId)
      place.context = place.run.context
    }
    const spanId = place.run?.span.spanContext().spanId ?? crypto.randomUUID().replaceAll('-', '').slice(0, 16)
    places.set(spanId, place)
    session.closing.add(place.forget)
    return { spanId, traceId: session.traceId, parentSpanId: parent?.id }
  }

  const take = (id: string): Place | undefined => {
    const place = places.get(id)
    place?.forget()
    place?.session.closing.delete(place.forget)
    return place
  }

  const close = ({ type, exportedSpan: span }: MastraTracingEvent): void => {
    const place = type === 'span_ended' ? take(span.id) : undefined
    if (!place) return
    const { errorInfo: info, attributes, output } = span
    const error = info && Object.assign(new Error(info.message), { name: info.name ?? 'Error' })
    const { usage, finishReason, responseModel, responseId, success } = Object(attributes)
    if (place.run) {
      const failure = success === false ? new Error('the tool has failed') : undefined
      closeRun(place.run, { returns: Object(output).text ?? output, error: error ?? failure })
    }
    if (!place.model) return
    const { inputTokens: prompt, outputTokens: completion, inputDetails, outputDetails } = Object(usage)
    closeModel(place.model, {
      id: responseId,
      model: responseModel,
      finish: finishReason,
      usage: {
        prompt,
        completion,
        cache_read: inputDetails?.cacheRead || undefined,
        cache_creation: inputDetails?.cacheWrite || undefined,
        reasoning: outputDetails?.reasoning || undefined,
      },
      completion: Object(output).text ?? output,
      error,
    })
  }

  const contextOf = (id: string): Context | undefined => {
    const place = places.get(id)
    return place?.calls ? place.context.setValue(CALLER, place.calls.caller) : place?.context
  }
  const within = <T>(id: string, fn: () => T): T => {
    const context = guard('a span of Mastra', () => contextOf(id))
    return context ? runIn(context, fn) : fn()
  }
  return {
    name: 'agentops',
    createSpan: (options) => guard('a span of Mastra', () => open(options)),
    executeInContext: within,
    executeInContextSync: within,
    onTracingEvent: (event) => void guard('a span of Mastra', () => close(event)),
    // It has begun already: it ends with its name alone.
    releaseSpan: (id) =>
      void guard('a span of Mastra', () => {
        const run = take(id)?.run
        if (run) closeRun(run)
      }),
    // The session sends what it has.
    flush: async () => {},
    shutdown: async () => {},
  }
}

function eventOf(
  { type, name, entityName, entityId, attributes, input }: MastraSpanOptions,
  contents: boolean,
): PlainEvent {
  const named = entityName ?? entityId
  const params = contents ? input : undefined
  if (type === 'agent_run' && named) return { eventType: 'agents', name: named, params }
  if (TOOL.test(type)) {
    return { eventType: 'tools', name: named ?? name, toolCallId: Object(attributes).toolCallId, params }
  }
  const step = type === 'model_step' && `step ${Number(Object(attributes).stepIndex ?? 0) + 1}`
  return { eventType: 'actions', actionType: step || (named ?? name), params }
}

function messagesOf(input: unknown): PlainEvent['prompt'] {
  return (Object(input).messages ?? input) as PlainEvent['prompt']
}
