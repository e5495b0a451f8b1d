/**
 * What a session and its instrumentations are to each other. Types only: the session holds none of
 * `agentops-edge/instrumentation`, which implements these.
 */
import type { Attributes, Context, Span, TextMapPropagator, Tracer, TracerProvider } from '@opentelemetry/api'
import type { AgentEvent, PlainEvent } from '../events/event.ts'
import type { Progress } from '../events/lasting.ts'
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
  /** How its value is being read, once its work is over: no adapter waits for one that only the platform reads. */
  progress?: Progress
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
  /** Replaces the global `fetch` where it is not replaced: a development server puts the platform's back with each edit. */
  install?(): void
}

/** Made by `llmCalls()`: requests to a model, and tools called over MCP, as events. */
export interface LlmInstrumentation {
  readonly instruments: 'llm'
  /** Whether tools of which only the models' requests tell are events. Default: they are. */
  readonly tools?: boolean
  /** As of `FetchInstrumentation`. */
  install?(): void
  /** Undefined for a request that is neither. */
  recognise(request: Outgoing, session: InstrumentedSession): ModelCall | undefined
}

/** Made by `aiSpans()`: spans of AI frameworks, as AgentOps reads them. */
export interface AiInstrumentation {
  readonly instruments: 'ai'
  /** Called while the span still takes attributes. */
  ending(span: SdkSpan, session: InstrumentedSession): void
}

/** A model's call as a framework tells of it: the request that comes of it is the same call, and shows it. */
export interface Caller {
  /** Where the request's event belongs. Default: the running context. */
  readonly context?: Context
  /** Of the request's event. */
  readonly attributes?: Attributes
  /** Set where a request has been recognised. */
  isSeen?: boolean
}

/** Made by `langChain()` and its like: agents, steps and tools, as a framework tells of them. */
export interface FrameworkInstrumentation<Name extends string = string> {
  readonly instruments: Name
  /** The framework's call that the running code's request is part of. `headers`: the request's. */
  caller?(session: InstrumentedSession, model: string | undefined, headers: Headers | undefined): Caller | undefined
  /** Called while a span still takes attributes, before `AiInstrumentation.ending`. */
  ending?(span: SdkSpan, session: InstrumentedSession): void
}

/** Made by `cloudflareAgents()`. */
export interface AgentsInstrumentation extends FrameworkInstrumentation<'cloudflareAgents'> {
  /** Where the code of an agent's object runs, in a session that has begun; undefined for an object that is no agent. */
  enter(session: InstrumentedSession, object: object, className: string): Context | undefined
}

/**
 * What is on: the option `instrumentations`, each made by its function of `agentops-edge/instrumentation`. Default:
 * none.
 */
export interface Instrumentations {
  /** Whether spans of any OpenTelemetry-instrumented library land in the session. */
  readonly global: boolean
  readonly fetch?: FetchInstrumentation
  readonly llm?: LlmInstrumentation
  readonly ai?: AiInstrumentation
  readonly aiSdk?: FrameworkInstrumentation<'aiSdk'>
  readonly openaiAgents?: FrameworkInstrumentation<'openaiAgents'>
  readonly langChain?: FrameworkInstrumentation<'langChain'>
  readonly cloudflareAgents?: AgentsInstrumentation
}

/** What the user has said about instrumentations and what they hand on. */
export interface InstrumentationConfig {
  readonly instrumentations: Instrumentations
  readonly captureContent: boolean
  /** A destination has names of its own: `redact` sees what each is sent, when it is handed over. */
  readonly isRedactedLater: boolean
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
  /** Called with each event that begins, and with each span that ends, whoever made it. It must not throw. */
  onTool: ((span: SdkSpan, event?: AgentEvent | PlainEvent) => void) | undefined
  /**
   * The span of an event that the instrumentation ends itself; what is filled in by then counts. It begins now, or at the
   * event's `initTimestamp`, milliseconds since the epoch; what begins inside of one with an `agentId` is that agent's.
   */
  begin(event: AgentEvent | PlainEvent, outer?: Context): OpenedEvent
  readonly events: OpenEvents
  /** The running context, with `span` as the active one. */
  within(span: Span): Context
  /** Milliseconds since the epoch, as the session's spans have them. */
  now(): number
}
