/** All that was said, as it is used: what each room needs of it is a part of this. */
import type { DeliveryConfig } from '../outbox/config.ts'
import type { SpanExporter } from '../runtime/sdk.ts'
import type { SessionConfig } from '../session/config.ts'
import type { MetricsConfig } from './metrics.ts'
import type { AgentOpsOptions } from './options.ts'

/** Options as they were given, if they were. */
export type Kept =
  | 'name'
  | 'sessionId'
  | 'tags'
  | 'attributes'
  | 'onDrop'
  | 'onExport'
  | 'fetch'
  | 'waitUntil'
  | 'clock'
  | 'parentKey'
  | 'trust'
  | 'propagateTo'
  | 'onSpan'
  | 'redact'
  | 'semconv'
  | 'metrics'
  | 'retryAttempts'
export type Defaulted =
  | 'mode'
  | 'scope'
  | 'inbound'
  | 'queueSessions'
  | 'disabled'
  | 'failOnDisconnect'
  | 'maxQueueSize'
  | 'maxExportBatchSize'
  | 'exportIntervalMs'
  | 'workDeadlineMs'
  | 'exportTimeoutMs'
  | 'flushDeadlineMs'
  | 'maxExportBytes'
  | 'compression'
  | 'maxRequests'
  | 'faithful'
  | 'captureContent'
  | 'recordValues'
  | 'propagators'

/** What a room says of an option, the option's own type says, too. */
type Shared = Kept | Defaulted

export interface Config
  extends Readonly<Pick<AgentOpsOptions, Kept>>,
    Readonly<Required<Pick<AgentOpsOptions, Defaulted>>>,
    Omit<DeliveryConfig, Shared>,
    Omit<MetricsConfig, Shared>,
    Omit<SessionConfig, Shared> {
  /** The destinations beside `destination`. */
  readonly exporters: readonly (Config | SpanExporter)[]
}
