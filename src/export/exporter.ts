/**
 * The SessionExporter: a standard OpenTelemetry `SpanExporter` that needs nothing but `fetch`. This file only puts the
 * parts together: encode → authorise → send, the last two inside the retry.
 */

import { ROOT_CONTEXT } from '@opentelemetry/api'
import { type ExportResult, ExportResultCode, suppressTracing } from '@opentelemetry/core'
import { type Config, type Destination, readConfig } from '../config.ts'
import { describe } from '../diag.ts'
import type { AgentOpsOptions, Drop, Environment } from '../options.ts'
import type { ReadableSpan, SpanExporter } from '../sdk.ts'
import { runIn } from '../session/scope.ts'
import { authorise, forgetToken } from './auth.ts'
import { encodeOtlpJson } from './otlp-json.ts'
import { retrying } from './retry.ts'
import { type Outcome, send } from './transport.ts'

/** What became of one batch. */
export interface Delivery {
  sent: number
  dropped: number
  reason?: Drop['reason']
  error?: string
}

export type ExporterConfig = Pick<
  Config,
  'destination' | 'fetch' | 'exportTimeoutMs' | 'flushDeadlineMs' | 'retryAttempts'
>

export class SessionExporter implements SpanExporter {
  readonly #config: ExporterConfig
  #shutdown = false
  #running: Promise<unknown> = Promise.resolve()

  /** `config`: options as for `createAgentOps`, of which the delivery options count, or a Config that is read already. */
  constructor(config: AgentOpsOptions | Config = {}, env?: Environment) {
    this.#config = isConfig(config) ? config : readConfig(config, env)
  }

  /** OpenTelemetry's contract. An empty list, and anything after `shutdown`, succeeds without a request. */
  export(spans: ReadableSpan[], callback: (result: ExportResult) => void): void {
    const running = this.deliver(spans).then(({ dropped, error }) => {
      if (dropped === 0) callback({ code: ExportResultCode.SUCCESS })
      else callback({ code: ExportResultCode.FAILED, error: new Error(error ?? 'no destination') })
    })
    this.#running = Promise.all([this.#running, running]).catch(() => {})
  }

  /** Sends `spans` and says what became of them; never rejects. */
  async deliver(spans: readonly ReadableSpan[]): Promise<Delivery> {
    const { destination } = this.#config
    if (spans.length === 0 || this.#shutdown) return { sent: 0, dropped: 0 }
    if (!destination) return { sent: 0, dropped: spans.length, reason: 'no-destination' }
    try {
      const body = encodeOtlpJson(spans)
      // The exporter's own requests are nobody's spans, and must not keep the session's context alive.
      const outcome = await runIn(suppressTracing(ROOT_CONTEXT), () => this.#post(destination, body))
      return toDelivery(outcome, spans.length)
    } catch (error) {
      return { sent: 0, dropped: spans.length, reason: 'undelivered', error: describe(error) }
    }
  }

  async forceFlush(): Promise<void> {
    await this.#running
  }

  async shutdown(): Promise<void> {
    await this.forceFlush()
    this.#shutdown = true
  }

  #post(destination: Destination, body: Uint8Array): Promise<Outcome> {
    const { exportTimeoutMs, flushDeadlineMs, retryAttempts, fetch = globalThis.fetch } = this.#config
    const deadline = Date.now() + flushDeadlineMs
    let refreshed = false
    const attempt = async (timeoutMs: number): Promise<Outcome> => {
      const authorised = await authorise(destination, fetch, timeoutMs)
      if ('kind' in authorised) return authorised
      const { headers } = authorised
      const outcome = await send({ url: destination.url, headers, body }, fetch, timeoutMs)
      if (outcome.kind !== 'refused' || outcome.status !== 401 || !destination.tokenUrl || refreshed) return outcome
      refreshed = true
      forgetToken(destination, headers)
      return attempt(timeoutMs)
    }
    return retrying(attempt, { attempts: retryAttempts + 1, timeoutMs: exportTimeoutMs, deadline })
  }
}

function toDelivery(outcome: Outcome, spans: number): Delivery {
  switch (outcome.kind) {
    case 'accepted': {
      const rejected = Math.min(outcome.rejected, spans)
      return {
        sent: spans - rejected,
        dropped: rejected,
        reason: 'rejected',
        error: rejected ? outcome.message : undefined,
      }
    }
    case 'refused':
      return { sent: 0, dropped: spans, reason: 'rejected', error: outcome.message }
    case 'retryable':
      return { sent: 0, dropped: spans, reason: 'undelivered', error: outcome.message }
  }
}

function isConfig(config: AgentOpsOptions | Config): config is Config {
  return 'resource' in config
}
