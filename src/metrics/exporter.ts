/** An OpenTelemetry metric exporter that needs nothing but `fetch`: OTLP/HTTP as JSON, the way traces go. */
import type { ExportResult } from '@opentelemetry/core'
import { JsonMetricsSerializer } from '@opentelemetry/otlp-transformer'
import type { PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Config } from '../options/config.ts'
import type { MetricsConfig } from '../options/metrics.ts'
import type { AgentOpsOptions, Environment } from '../options/options.ts'
import { readConfig } from '../options/read.ts'
import { Deadline } from '../runtime/deadline.ts'
import { identify, warn } from '../runtime/diag.ts'
import { DELTA, FAILED, SUCCESS } from '../runtime/otel.ts'
import { runQuietly } from '../runtime/scope.ts'
import { authorised } from '../transport/auth.ts'
import { compress } from '../transport/compress.ts'
import type { Destination } from '../transport/connection.ts'
import { connect } from '../transport/connection.ts'
import { post } from '../transport/retry.ts'

/**
 * Compresses, authorises and retries like the exporter of traces. Without an endpoint of its own it posts to
 * `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`, else to `/v1/metrics` beside the traces. What cannot be sent is lost, and said.
 */
export class MetricExporter implements PushMetricExporter {
  readonly #config: MetricsConfig
  readonly #destination: Destination | undefined
  #running: Promise<void> = Promise.resolve()
  #hasFailed = false

  /** `config`: options as for `createAgentOps`, of which the delivery options count, or a Config that is read already. */
  constructor(config: AgentOpsOptions | Config = {}, env?: Environment, endpoint?: string) {
    this.#config = 'resource' in config ? (config as Config) : readConfig(config, env)
    this.#destination = destinationOf(this.#config, endpoint)
  }

  /**
   * `by`: when it must be over, milliseconds since the epoch, where somebody waits; default `flushDeadlineMs` from now. Who
   * waits does so for one attempt only, once the export before has failed.
   */
  export(metrics: ResourceMetrics, callback: (result: ExportResult) => void, by?: number): void {
    const earlier = this.#running
    this.#running = this.#post(metrics, by).then((error) => {
      this.#hasFailed = !!error
      if (error) warn(`metrics were lost: ${error}`, 'metrics were lost')
      callback(error ? { code: FAILED, error: new Error(error) } : { code: SUCCESS })
      return earlier
    })
  }

  async #post(metrics: ResourceMetrics, by?: number): Promise<string | undefined> {
    const config = this.#config
    const destination = this.#destination
    if (!destination) return 'no endpoint'
    try {
      const body = JsonMetricsSerializer.serializeRequest(metrics) as Uint8Array
      const encoded = await compress({ body, headers: { 'content-type': 'application/json' } }, config.compression)
      const deadline = new Deadline(by ?? Date.now() + config.flushDeadlineMs)
      const retries = by && this.#hasFailed ? 0 : (config.retryAttempts ?? Number.POSITIVE_INFINITY)
      const way = { config, destination, deadline, retries, keep: 0 }
      const connection = connect(way, { left: Number.POSITIVE_INFINITY })
      const outcome = await runQuietly(() => post(connection, destination.url, encoded, authorised))
      return outcome.reason && outcome.error
    } catch (error) {
      return identify(error)
    }
  }

  selectAggregationTemporality(): typeof DELTA {
    return DELTA
  }

  forceFlush(): Promise<void> {
    return this.#running
  }

  shutdown(): Promise<void> {
    return this.#running
  }
}

/** Where it is another origin, neither the token nor the headers of the traces' destination go there. */
function destinationOf(config: MetricsConfig, endpoint: string | undefined): Destination | undefined {
  const { destination, hidden, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: named } = config
  const url = endpoint ?? named ?? destination?.url.replace(/\/v1\/traces\/?(?=[?#]|$)/, '/v1/metrics')
  if (!url || (url === destination?.url && !endpoint)) return undefined
  const isNear = destination && new URL(url).origin === new URL(destination.url).origin
  return { ...(isNear ? destination : { headers: {}, hidden }), url }
}
