/**
 * The SessionExporter: a standard OpenTelemetry `SpanExporter` that needs nothing but `fetch`. This file only puts the
 * parts together: encode → authorise → send → read, the middle two inside the retry.
 */
import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import { type ExportResult, type ExportResultCode, suppressTracing } from '@opentelemetry/core'
import { type Config, readConfig } from '../config.ts'
import { describe, guard } from '../diag.ts'
import type { AgentOpsOptions, Drop, Environment } from '../options.ts'
import type { ReadableSpan, SpanExporter } from '../sdk.ts'
import { runIn } from '../session/scope.ts'
import { authorised } from './auth.ts'
import { encodeOtlpJson, readOtlpJson } from './otlp-json.ts'
import { retrying } from './retry.ts'
import { type Outcome, send } from './transport.ts'

/** What became of one batch. */
export interface Delivery {
  sent: number
  dropped: number
  reason?: Drop['reason']
  error?: string
}

// OpenTelemetry's numbers, typed by its enums: the enums themselves cost bytes in every bundle.
const SUCCESS: ExportResultCode.SUCCESS = 0
const FAILED: ExportResultCode.FAILED = 1

export class SessionExporter implements SpanExporter {
  readonly #config: Config
  #shutdown = false
  /** The exports under way. */
  #running: Promise<void> | undefined

  /** `config`: options as for `createAgentOps`, of which the delivery options count, or a Config that is read already. */
  constructor(config: AgentOpsOptions | Config = {}, env?: Environment) {
    this.#config = 'resource' in config ? (config as Config) : readConfig(config, env)
  }

  /** OpenTelemetry's contract. An empty list, and anything after `shutdown`, succeeds without a request. */
  export(spans: ReadableSpan[], callback: (result: ExportResult) => void): void {
    const earlier = this.#running
    this.#running = this.deliver(spans).then(({ dropped, error = 'no destination' }) => {
      guard('an export callback', () =>
        callback(dropped ? { code: FAILED, error: new Error(error) } : { code: SUCCESS }),
      )
      return earlier
    })
  }

  /** Sends `spans` and says what became of them; never rejects. */
  async deliver(spans: readonly ReadableSpan[]): Promise<Delivery> {
    const { destination, fetch = globalThis.fetch } = this.#config
    const dropped = spans.length
    if (!dropped || this.#shutdown) return { sent: 0, dropped: 0 }
    if (!destination) return { sent: 0, dropped, reason: 'no-destination' }
    try {
      const { url } = destination
      const body = encodeOtlpJson(spans)
      // The exporter's own requests are nobody's spans, and must not keep the session's context alive.
      const quiet = suppressTracing(ROOT_CONTEXT)
      const post = (): Promise<Outcome> =>
        retrying(this.#config, (timeoutMs) => {
          const until = Date.now() + timeoutMs
          // Waiting for a token is part of the attempt.
          return authorised(destination, fetch, timeoutMs, (headers) =>
            send(url, headers, body, fetch, Math.max(until - Date.now(), 1)),
          )
        })
      // In our storage, and in that of whoever registered a context manager first.
      const outcome = await context.with(quiet, () => runIn(quiet, post))
      if (!outcome.reason) return readOtlpJson(outcome.body, dropped)
      return { sent: 0, dropped, reason: outcome.reason, error: outcome.error }
    } catch (error) {
      return { sent: 0, dropped, reason: 'undelivered', error: describe(error) }
    }
  }

  async forceFlush(): Promise<void> {
    await this.#running
  }

  async shutdown(): Promise<void> {
    await this.#running
    this.#shutdown = true
  }
}
