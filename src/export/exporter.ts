/**
 * The SessionExporter: a standard OpenTelemetry `SpanExporter` that needs nothing but `fetch`. It has a format deliver
 * the spans through a connection, and hands to the spool what could not be sent.
 */
import type { ExportResult, ExportResultCode } from '@opentelemetry/core'
import { type Config, readConfig } from '../config.ts'
import { describe, guard } from '../diag.ts'
import type { AgentOpsOptions, Environment } from '../options.ts'
import type { ReadableSpan, SpanExporter } from '../sdk.ts'
import { runQuietly } from '../session/scope.ts'
import type { Session } from '../session/session.ts'
import { connect, type Requests } from './connection.ts'
import { type Delivery, NOTHING } from './parts.ts'
import type { Deadline } from './retry.ts'

// OpenTelemetry's numbers, typed by its enums: the enums themselves cost bytes in every bundle.
const SUCCESS: ExportResultCode.SUCCESS = 0
const FAILED: ExportResultCode.FAILED = 1

export class SessionExporter implements SpanExporter {
  readonly #config: Config
  readonly #session: Session | undefined
  readonly #requests: Requests
  #rootSeen = false
  #shutdown = false
  /** The exports under way. */
  #running: Promise<void> | undefined

  /**
   * `config`: options as for `createAgentOps`, of which the delivery options count, or a Config that is read already.
   * `session`: the one session whose spans these are, and the `requests` that it may cost.
   */
  constructor(
    config: AgentOpsOptions | Config = {},
    env?: Environment,
    session?: Session,
    requests: Requests = { left: Number.POSITIVE_INFINITY },
  ) {
    this.#config = 'resource' in config ? (config as Config) : readConfig(config, env)
    this.#session = session
    this.#requests = requests
  }

  /** Whether it delivers while the session goes on: AgentOps v2 does so only when it has to. */
  get early(): boolean {
    return !this.#config.format.api
  }

  /** OpenTelemetry's contract. An empty list, and anything after `shutdown`, succeeds without a request. */
  export(spans: ReadableSpan[], callback: (result: ExportResult) => void): void {
    const earlier = this.#running
    this.#running = this.deliver(spans).then(({ dropped, unsent, error = 'no destination' }) => {
      guard('an export callback', () =>
        callback(dropped + unsent.length ? { code: FAILED, error: new Error(error) } : { code: SUCCESS }),
      )
      return earlier
    })
  }

  /** Sends `spans` until `deadline`, by default `flushDeadlineMs` from now, and says what became of them; never rejects. */
  async deliver(
    spans: readonly ReadableSpan[],
    deadline: Deadline = { at: Date.now() + this.#config.flushDeadlineMs },
  ): Promise<Delivery<ReadableSpan>> {
    const { destination, format, spool } = this.#config
    if (!spans.length || this.#shutdown) return { ...NOTHING }
    if (!destination) return { ...NOTHING, dropped: spans.length, reason: 'no-destination' }
    const root = this.#session?.root.spanContext().spanId
    this.#rootSeen ||= !root || spans.some((span) => span.spanContext().spanId === root)
    // The last request is the root's: without it the backend has no session to show the others in.
    const keep = this.#rootSeen ? 0 : 1
    try {
      const connection = connect(this.#config, destination, deadline, this.#requests, keep, this.#session)
      // Without a request left there is nothing to encode for.
      const limited = connection.limited()
      const sent: Delivery<ReadableSpan> = limited
        ? { ...NOTHING, unsent: spans, ...limited }
        : await runQuietly(() => format.deliver(spans, connection))
      return spool && sent.unsent.length ? await spool.keep(sent, connection) : sent
    } catch (error) {
      return { ...NOTHING, dropped: spans.length, reason: 'undelivered', error: describe(error) }
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
