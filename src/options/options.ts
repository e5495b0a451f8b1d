/**
 * The options a user may give, and the environment variables that say the same. Every option is optional.
 */
import type { Attributes, AttributeValue, TextMapPropagator } from '@opentelemetry/api'
import type { Format } from '../formats/format.ts'
import type { Semconv } from '../outbox/config.ts'
import type { Drop, FlushReport } from '../outbox/report.ts'
import type { Spool } from '../outbox/spool.ts'
import type { Inbound } from '../propagation/inbound.ts'
import { guard } from '../runtime/diag.ts'
import type { Sampler, SdkSpan, SpanExporter } from '../runtime/sdk.ts'
import type {
  AgentsInstrumentation,
  AiInstrumentation,
  FetchInstrumentation,
  FrameworkInstrumentation,
  LlmInstrumentation,
} from '../session/instruments.ts'
import type { Keep } from '../session/keep.ts'
import type { MetricsRecorder } from './metrics.ts'

/** A value, or a function of the request that opened the session (undefined where none did). */
export type PerRequest<T> = T | ((request: Request | undefined) => T | undefined)

/** Such an option as a value; a function that throws is said and counts as not given. */
export function perRequest<T>(option: PerRequest<T> | undefined, request?: Request): T | undefined {
  if (typeof option !== 'function') return option
  return guard('an option that is a function of the request', () =>
    (option as (request: Request | undefined) => T | undefined)(request),
  )
}

/** Where and how sessions are delivered. */
export interface DeliveryOptions {
  /** AgentOps API key. Env: `AGENTOPS_API_KEY`. */
  apiKey?: string
  /**
   * URL that OTLP traces are posted to. Default: AgentOps' when there is a key. Env: `AGENTOPS_EXPORTER_ENDPOINT`, then
   * `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, then `OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/traces` appended.
   */
  endpoint?: string
  /** AgentOps' API, which exchanges the key for a token. Default `https://api.agentops.ai`. Env: `AGENTOPS_API_ENDPOINT`. */
  apiEndpoint?: string
  /** Sent with every export. Env: `OTEL_EXPORTER_OTLP_TRACES_HEADERS`, `OTEL_EXPORTER_OTLP_HEADERS`, both only to an endpoint of the same origin as the environment's, or where the environment names none. */
  headers?: Record<string, string> | Headers
  /**
   * Default `otlp-json`. The others are passed, so that no bundle holds what it does not use:
   * `import { otlpProtobuf, agentopsV2 } from 'agentops-edge/formats'`. Env: `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL`,
   * `OTEL_EXPORTER_OTLP_PROTOCOL` (only `http/json`, where no format is passed).
   */
  format?: 'otlp-json' | Format
  /** AgentOps v2: values keep their types, as its Python SDK sends them. Default `false`: text where its backend takes nothing else. */
  faithful?: boolean
  /** AgentOps v2: the key of a parent organisation, sent with `create_session`. Env: `AGENTOPS_PARENT_KEY`. */
  parentKey?: string
  /** Of a request's body. `auto` (default): gzip where the runtime has CompressionStream, and the body is one session's and larger than 14.6 KB, which is what a new connection sends in one round trip. Env: `OTEL_EXPORTER_OTLP_TRACES_COMPRESSION`, `OTEL_EXPORTER_OTLP_COMPRESSION`. */
  compression?: 'auto' | 'gzip' | 'none'
  /** Largest body of a request before compression, bytes, 1000 to 100 000 000. Default 4 194 304. A larger batch is split. */
  maxExportBytes?: number
  /** Longest time for one attempt, ms, 1 to 600 000. Default 10 000. Env: `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT`, `OTEL_EXPORTER_OTLP_TIMEOUT`. */
  exportTimeoutMs?: number
  /** Longest time for one flush with all its batches and attempts, ms, 1 to 600 000. Default 25 000, on Lambda 3000, and never past 28 s after the response where the platform ends an invocation at 30. */
  flushDeadlineMs?: number
  /** Attempts after the first for what a session has finished, 0 to 20. Default: as many as its time allows. */
  retryAttempts?: number
  /** Takes what could not be sent (see `agentops-edge/spool`), or a function of the environment that gives it. Default: none, and spans stay in memory for the next request. */
  spool?: Spool | ((env: Environment) => Spool | undefined)
  /** What spans are called there: `genAi` of `agentops-edge/semconv` for OpenTelemetry's conventions. Default: AgentOps' names. */
  semconv?: Semconv
  /** Whether a last span, `end_session.operation`, says how the session ended: AgentOps takes the status of the span that started last for the session's. Default: to AgentOps' own host, over OTLP. */
  endSpan?: boolean
  /** The `fetch` to send with. Default: the platform's. */
  fetch?: typeof fetch
}

/**
 * The options of every adapter and of `createAgentOps()`, all optional. A wrong one is said once, with what was
 * expected, and its default is used. Options go before the environment.
 */
export interface AgentOpsOptions extends DeliveryOptions {
  /** Further destinations beside the one that these options or the environment name: delivery options, which default to these and their variables (but for the destination, its keys, its headers and its format), or any OpenTelemetry `SpanExporter`. Each has a buffer of its own. */
  exporters?: readonly (DeliveryOptions | SpanExporter)[]
  /** Outgoing requests that a session may cost, tokens, retries and splits included, 1 to 1 000 000; several destinations share them evenly (a `SpanExporter` takes no part: its requests cannot be counted). The last is kept for the root. Default 12 on Workers (which allow a request 50 on the free plan, 10,000 on a paid one), else unlimited. */
  maxRequests?: number
  /** Default `unknown_service`. Env: `OTEL_SERVICE_NAME`. */
  serviceName?: string
  /** Attributes of the resource. Env: `OTEL_RESOURCE_ATTRIBUTES` (`key=value,…`). */
  resourceAttributes?: Attributes
  /** Name of a session; its root span is `<name>.session`. Default: method and route, or the trigger. Env: `AGENTOPS_TRACE_NAME`. */
  name?: PerRequest<string>
  /**
   * Groups the sessions of one conversation: any text up to 256 characters, which is `session.id`
   * on every span then, and `gen_ai.conversation.id` on those of models. Each request still has a trace, ends and is sent by itself.
   */
  sessionId?: PerRequest<string>
  /** Whether a client that leaves before the response's end makes its session fail. Default `false`. */
  failOnDisconnect?: boolean
  /** Env: `AGENTOPS_DEFAULT_TAGS` (comma-separated). */
  tags?: PerRequest<string | readonly string[]>
  /** Attributes of every span of a session. */
  attributes?: PerRequest<Attributes>
  /** `single` (default): at most one active session in a scope. `multi`: several side by side, each called by itself. */
  mode?: 'single' | 'multi'
  /**
   * `async` (default): the session of a call is found through AsyncLocalStorage. `process`: the client's only active
   * session is found from anywhere; for processes that do one thing at a time.
   */
  scope?: 'async' | 'process'
  /** Spans a session's buffer holds, 1 to 1 000 000. Default 2048. Env: `AGENTOPS_MAX_QUEUE_SIZE`, `OTEL_BSP_MAX_QUEUE_SIZE`. */
  maxQueueSize?: number
  /** Spans in one export, 1 to 100 000. Default 512. Env: `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`. */
  maxExportBatchSize?: number
  /** How long finished spans of a living session wait, ms, 1 to 600 000; doubles with each export up to 15 000. Default 1000. Env: `AGENTOPS_EXPORT_FLUSH_INTERVAL`, `OTEL_BSP_SCHEDULE_DELAY`. */
  exportIntervalMs?: number
  /** How long after the response ended a session waits for what it holds, ms, 0 to 900 000. Default 15 000. */
  workDeadlineMs?: number
  /** Share of sessions that are recorded, 0 to 1, or an OpenTelemetry `Sampler`. Default 1. A caller's sampled flag goes first. Env: `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG`. */
  sampler?: number | Sampler
  /**
   * Tail sampling: asked when the session has ended; what it refuses is never sent (`FlushReport.sampledOut`). A list
   * keeps what one of it keeps: `keepErrors`, `keepSlow(ms)`, `keepTagged(…)`, `keepRare()`, `keepShare(0.1)`. Nothing is
   * exported before: a session that outgrows its buffer is kept, and says so. Default: all.
   */
  keep?: Keep | readonly Keep[]
  /** What to do with a caller's `traceparent`: go on in its trace (default), link to it, or ignore it. */
  inbound?: Inbound | ((request: Request | undefined) => Inbound | undefined)
  /**
   * Whether a caller is trusted. One that is joins the session that its baggage names (`session.id`); one that is not has
   * its trace linked to, its sampled flag not honoured and its baggage dropped. Default: nobody is, and everybody's trace
   * is gone on in. Undefined instead of a request: an RPC or a message.
   */
  trust?: (request: Request | undefined) => boolean
  /**
   * Which hosts outgoing requests carry the trace and the baggage to: `api.example.com`, `*.example.com`, an origin, a
   * pattern for the URL, or a function of it. Default: the origin of the session's request,
   * where the platform routes by it: Workers, Vercel, API Gateway. (`tracedFetch.via(binding)` always does.)
   */
  propagateTo?: readonly (string | RegExp)[] | ((url: URL) => boolean)
  /** OpenTelemetry propagators, of B3 or X-Ray for example. Default: W3C Trace Context and Baggage. Env: `OTEL_PROPAGATORS` (`tracecontext`, `baggage`, `none`). */
  propagators?: readonly TextMapPropagator[]
  /**
   * Workers, queues. `batch` (default): a session a batch, a span a message, linked to its producer's. `message`: the
   * handler is called once for each message, with a batch of that one, in a session that goes on in its producer's trace
   * (see `inbound`); a message whose handler throws is delivered again, and the others go on.
   */
  queueSessions?: 'batch' | 'message'
  /**
   * `global`: spans of any OpenTelemetry-instrumented library land in the session (default: on for hono and workers, off
   * for a client of your own). The others are off until they are given what `agentops-edge/instrumentation` makes:
   * `fetchCalls()`, `llmCalls()` (off by env `AGENTOPS_INSTRUMENT_LLM_CALLS=false`), `aiSpans()`, `aiSdk()`, `openaiAgents()`, `langChain()`, `cloudflareAgents()`.
   */
  instrumentations?: {
    global?: boolean
    fetch?: FetchInstrumentation | false
    llm?: LlmInstrumentation | false
    ai?: AiInstrumentation | false
    aiSdk?: FrameworkInstrumentation<'aiSdk'> | false
    openaiAgents?: FrameworkInstrumentation<'openaiAgents'> | false
    langChain?: FrameworkInstrumentation<'langChain'> | false
    cloudflareAgents?: AgentsInstrumentation | false
  }
  /** Whether prompts, completions, tool arguments and providers' error messages that instrumentations see are recorded. Default `false`. Env: `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` (`true`, `SPAN_ONLY` or `SPAN_AND_EVENT`). */
  captureContent?: boolean
  /**
   * Whether the values of your own events are recorded: parameters, results, prompts, completions, and fields of types of
   * your own. Names, ids, times, tokens, costs, errors and the status always are. Default `true`.
   */
  recordValues?: boolean
  /** Called with each span just before it ends: add attributes, rename it. */
  onSpan?: (span: SdkSpan) => void
  /**
   * The last look at every attribute of a span, its events, its links and the resource, at `name`, `status.message` and
   * `event.name`: gives the value to send, or undefined to leave it out. Where it throws, the value is replaced.
   */
  redact?: (key: string, value: AttributeValue) => AttributeValue | undefined
  /** Metrics beside the traces: `sessionMetrics()` of `agentops-edge/metrics`. */
  metrics?: MetricsRecorder
  /** Called for spans that are lost. */
  onDrop?: (drop: Drop) => void
  /** Called after every export with the session's counters. */
  onExport?: (report: FlushReport) => void
  /** Keeps the runtime alive for a promise. Default: the platform's, where the adapter finds one. */
  waitUntil?: (promise: Promise<unknown>) => void
  /** Milliseconds since the Unix epoch, fractions allowed. Default: the platform's clock. */
  clock?: () => number
  /** Whether more is said than what somebody has to know: what was left out of spans and why, among others. Default `false`. Env: `AGENTOPS_DEBUG`. */
  debug?: boolean
  /** `true`: sessions work, nothing is recorded or sent. Env: `OTEL_SDK_DISABLED` (only `true` counts there). */
  disabled?: boolean
}

/** Where environment variables come from: a Worker's `env`, Hono's `c.env`, `process.env`. Only text, numbers and booleans are read. */
export type Environment = Readonly<Record<string, unknown>>
