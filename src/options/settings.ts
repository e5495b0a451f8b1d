/** Every option in one table: its kind, its default, the environment variables that say the same. */
import type { Attributes } from '@opentelemetry/api'
import type { Format } from '../formats/format.ts'
import type { Spool } from '../outbox/spool.ts'
import { PROPAGATORS } from '../propagation/propagators.ts'
import type { Hidden } from '../runtime/hidden.ts'
import { isWorkers } from '../runtime/platform.ts'
import type { Sampler } from '../runtime/sdk.ts'
import type { Keep } from '../session/keep.ts'
import type { Config, Defaulted, Kept } from './config.ts'
import {
  content,
  flag,
  fn,
  formatKind,
  hosts,
  type Kind,
  keep,
  list,
  object,
  oneOf,
  perRequest,
  policy,
  propagators,
  recorder,
  sampler,
  semconv,
  share,
  spool,
  tags,
  text,
  url,
  whole,
} from './kinds.ts'

export const AGENTOPS_API = 'https://api.agentops.ai/'

/** A Worker's request on the free plan may make 50, the user's own included; on a paid one 10,000, where nobody has set less. */
const MAX_REQUESTS = isWorkers() ? 12 : Number.POSITIVE_INFINITY
/** What makes a destination, its keys included: what is missing there is nobody else's. */
export const OWN: RegExp = /Key$|^(endpoint|apiEndpoint|headers|format|semconv)$|ENDPOINT$/

/** Every option, and every variable that is none's (in capitals): its kind, its default, its variables in order. */
export const SETTINGS: Record<string, readonly [kind: Kind, fallback?: unknown, ...variables: string[]]> = {
  apiKey: [text, undefined, 'AGENTOPS_API_KEY'],
  endpoint: [url],
  AGENTOPS_EXPORTER_ENDPOINT: [url],
  apiEndpoint: [url, AGENTOPS_API, 'AGENTOPS_API_ENDPOINT'],
  OTEL_EXPORTER_OTLP_ENDPOINT: [url],
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: [url],
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: [url],
  headers: [object, {}],
  format: [formatKind, 'otlp-json', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'],
  faithful: [flag, false],
  parentKey: [text, undefined, 'AGENTOPS_PARENT_KEY'],
  compression: [
    oneOf('auto', 'gzip', 'none'),
    'auto',
    'OTEL_EXPORTER_OTLP_TRACES_COMPRESSION',
    'OTEL_EXPORTER_OTLP_COMPRESSION',
  ],
  maxExportBytes: [whole(1000, 1e8), 4 << 20],
  maxRequests: [whole(1, 1e6), MAX_REQUESTS],
  spool: [spool],
  semconv: [semconv],
  endSpan: [flag],
  exporters: [list, []],
  serviceName: [text],
  OTEL_SERVICE_NAME: [text],
  resourceAttributes: [object, {}],
  AGENTOPS_APP_URL: [url, 'https://app.agentops.ai/'],
  name: [perRequest(text), undefined, 'AGENTOPS_TRACE_NAME'],
  sessionId: [perRequest(text)],
  failOnDisconnect: [flag, false],
  tags: [perRequest(tags), undefined, 'AGENTOPS_DEFAULT_TAGS'],
  attributes: [perRequest(object)],
  mode: [oneOf('single', 'multi'), 'single'],
  scope: [oneOf('async', 'process'), 'async'],
  inbound: [policy, 'continue'],
  trust: [fn],
  propagateTo: [hosts],
  propagators: [propagators, Object.values(PROPAGATORS), 'OTEL_PROPAGATORS'],
  recordValues: [flag, true],
  captureContent: [content, false, 'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT'],
  onSpan: [fn],
  redact: [fn],
  keep: [keep],
  metrics: [recorder],
  queueSessions: [oneOf('batch', 'message'), 'batch'],
  maxQueueSize: [whole(1, 1e6), 2048, 'AGENTOPS_MAX_QUEUE_SIZE', 'OTEL_BSP_MAX_QUEUE_SIZE'],
  maxExportBatchSize: [whole(1, 1e5), 512, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE'],
  exportIntervalMs: [whole(1, 6e5), 1000, 'AGENTOPS_EXPORT_FLUSH_INTERVAL', 'OTEL_BSP_SCHEDULE_DELAY'],
  workDeadlineMs: [whole(0, 9e5), 15_000],
  exportTimeoutMs: [whole(1, 6e5), 10_000, 'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT'],
  flushDeadlineMs: [whole(1, 6e5), 25_000],
  retryAttempts: [whole(0, 20)],
  sampler: [sampler],
  OTEL_TRACES_SAMPLER: [
    oneOf(
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ),
    'parentbased_always_on',
  ],
  OTEL_TRACES_SAMPLER_ARG: [share, 1],
  instrumentations: [object, {}],
  AGENTOPS_INSTRUMENT_LLM_CALLS: [flag, true],
  onDrop: [fn],
  onExport: [fn],
  fetch: [fn],
  waitUntil: [fn],
  clock: [fn],
  disabled: [flag, false, 'OTEL_SDK_DISABLED'],
  debug: [flag, false, 'AGENTOPS_DEBUG'],
}

/** The settings that the Config is made of, beside the options that it takes over as they are. */
export interface Settings extends Pick<Config, Kept | Defaulted> {
  apiKey?: string
  endpoint?: string
  AGENTOPS_EXPORTER_ENDPOINT?: string
  apiEndpoint: string
  AGENTOPS_APP_URL: string
  format: Format | 'otlp-json'
  spool?: Spool
  endSpan?: boolean
  exporters: readonly object[]
  OTEL_EXPORTER_OTLP_ENDPOINT?: string
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT?: string
  headers: object
  serviceName?: string
  OTEL_SERVICE_NAME?: string
  resourceAttributes: Attributes
  debug: boolean
  /** What nothing that is sent or said shows. */
  hidden: Hidden
  keep?: readonly Keep[]
  sampler?: number | Sampler
  OTEL_TRACES_SAMPLER: string
  OTEL_TRACES_SAMPLER_ARG: number
  instrumentations: Record<string, unknown>
  AGENTOPS_INSTRUMENT_LLM_CALLS: boolean
}
