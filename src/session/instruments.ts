/**
 * What a session and its instrumentations are to each other. Types only: the session holds none of
 * `agentops-edge/instrumentation`, which implements these.
 */
import type { Context, Span, TextMapPropagator, Tracer, TracerProvider } from '@opentelemetry/api'
import type { AgentEvent, PlainEvent } from '../events/event.ts'
import type { Hidden } from '../runtime/hidden.ts'
import type { SdkSpan } from '../runtime/sdk.ts'
import type { SessionView } from './view.ts'

/** A request that goes out, as an instrumentation of models looks at it. */
export interface Outgoing {
  url: URL
  method: string
  headers: Headers
  /** Reads the request's body: text at once, or when it has come; undefined where it is none. */
  body(): string | Promise<string | undefined> | undefined
}

/** A span that an instrumentation ends itself, and the context inside of it. */
export interface OpenedEvent {
  span: SdkSpan
  context: Context
}

/** An event of the user's that runs, beside which an instrumentation sees more. */
export interface RunningEvent {
  /** The event as it is written, with what has been seen: the user's word goes before. */
  fill?(event: AgentEvent | PlainEvent): AgentEvent | PlainEvent
  /** How many still read what its work has returned: its span waits for them. */
  held?: number
  /** Ends the span that waited. */
  end?(): void
}

/** The spans of a session that have not ended. */
export interface OpenEvents {
  /** The event of the user's whose span this is. */
  running(span: SdkSpan): RunningEvent | undefined
  /** The one that `span` is inside of. */
  above(span: SdkSpan): SdkSpan | undefined
}

/** A request to a model, or of a tool: who reads along. */
export interface ModelCall {
  /** Its own span; none where it is part of somebody else's, which then tells what became of it. */
  opened?: OpenedEvent
  /** Called when the response has begun. */
  responded?(response: Response): void
  /** Called with the body, part by part; a part must not be kept. */
  read?(bytes: Uint8Array): void
  /** Called at the end, before the span ends; `error`: why the call, or its body, did not come to its end. */
  ended?(error?: unknown): void
  /** Whether the answer has come to its end, though its body may not have. */
  readonly isComplete?: boolean
}

/** Made by `fetchCalls()`: a span for each outgoing request. */
export interface FetchInstrumentation {
  readonly instruments: 'fetch'
}

/** Made by `llmCalls()`: requests to a model, and tools called over MCP, as events. */
export interface LlmInstrumentation {
  readonly instruments: 'llm'
  /** Undefined for a request that is neither. */
  recognise(request: Outgoing, session: InstrumentedSession): ModelCall | undefined
}

/** Made by `aiSpans()`: spans of AI frameworks, as AgentOps reads them. */
export interface AiInstrumentation {
  readonly instruments: 'ai'
  /** Called while the span still takes attributes. */
  ending(span: SdkSpan, session: InstrumentedSession): void
}

/** Made by what reads a framework's hooks: its agents, steps and tools, as events. */
export interface FrameworkInstrumentation<Name extends string> {
  readonly instruments: Name
}

/** What is on. */
export interface Instrumentations {
  /** Whether spans of any OpenTelemetry-instrumented library land in the session. */
  readonly global: boolean
  readonly fetch?: FetchInstrumentation
  readonly llm?: LlmInstrumentation
  readonly ai?: AiInstrumentation
  readonly aiSdk?: FrameworkInstrumentation<'aiSdk'>
  readonly openaiAgents?: FrameworkInstrumentation<'openaiAgents'>
}

/** What the user has said about instrumentations and what they hand on. */
export interface InstrumentationConfig {
  readonly instrumentations: Instrumentations
  readonly captureContent: boolean
  readonly disabled: boolean
  readonly propagateTo?: readonly (string | RegExp)[] | ((url: URL) => boolean)
  readonly propagators: readonly TextMapPropagator[]
}

/** What a session lends to an instrumentation. */
export interface InstrumentedSession extends SessionView {
  readonly config: InstrumentationConfig
  readonly tracer: Tracer
  /** Where libraries take their tracers from. */
  readonly tracerProvider: TracerProvider
  readonly root: Span
  /** Where requests of the session's own service go. */
  readonly origin: string | undefined
  /** The names of the agents opened in it, by id. */
  readonly agents: Map<string, string>
  /** What no span of this session shows. */
  readonly hidden: Hidden
  /** Called when the session closes, before the spans that are still open are ended. */
  readonly closing: Set<() => void>
  /** Called with each tool event that begins. */
  onTool: ((event: AgentEvent | PlainEvent, span: SdkSpan) => void) | undefined
  /**
   * The span of an event that the instrumentation ends itself; what is filled in by then counts. It begins now, or at the
   * event's `initTimestamp`, milliseconds since the epoch.
   */
  begin(event: AgentEvent | PlainEvent, outer?: Context): OpenedEvent
  readonly events: OpenEvents
  /** The running context, with `span` as the active one. */
  within(span: Span): Context
  /** Milliseconds since the epoch, as the session's spans have them. */
  now(): number
}
