/** What the option `metrics` takes. Types only: the core holds no metrics SDK. */
import type { Resource } from '@opentelemetry/resources'
import type { DeliveryConfig } from '../outbox/config.ts'
import type { Hidden } from '../runtime/hidden.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'
import type { Session } from '../session/session.ts'
import type { Delivered } from '../session/sink.ts'

/** What metrics need of what the user has said. */
export interface MetricsConfig extends DeliveryConfig {
  /** What nothing that is sent or said shows. */
  readonly hidden: Hidden
  readonly resource: Resource
  /** Where `agentops-edge/metrics` posts to, unless it is told. */
  readonly OTEL_EXPORTER_OTLP_METRICS_ENDPOINT?: string
}

/** The option `metrics`: what `sessionMetrics()` gives. It neither throws nor rejects. */
export interface MetricsRecorder {
  /** Called with every span that ends, sampled or not. */
  record(span: ReadableSpan, session: Session, config: MetricsConfig): void
  /** Sees to it that what is recorded is sent; a promise that has to be awaited where there is no `waitUntil`. */
  flush(delivered: Delivered, config: MetricsConfig): Promise<void> | undefined
  /** Sends what is recorded now. */
  forceFlush(config: MetricsConfig): Promise<void>
}
