/** The SessionExporter: a standard OpenTelemetry `SpanExporter` for anybody's provider. */
import type { Config } from '../options/config.ts'
import type { AgentOpsOptions, Environment } from '../options/options.ts'
import { readConfig } from '../options/read.ts'
import { DestinationExporter } from '../outbox/exporter.ts'

/**
 * A `SpanExporter` that sends to AgentOps, or to the endpoint of `options` and the environment, with this library's
 * key, retries and limits. A wrong option is said and left out; an export never throws: its result says whether all
 * spans were taken.
 */
export class SessionExporter extends DestinationExporter {
  /** `options`: as for `createAgentOps`, of which the delivery options count, or a Config that is read already. */
  constructor(options: AgentOpsOptions | Config = {}, env?: Environment) {
    super('resource' in options ? (options as Config) : readConfig(options, env))
  }
}
