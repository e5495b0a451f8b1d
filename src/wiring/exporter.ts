/** The SessionExporter: a standard OpenTelemetry `SpanExporter` for anybody's provider. */
import type { Config } from '../options/config.ts'
import type { AgentOpsOptions, Environment } from '../options/options.ts'
import { readConfig } from '../options/read.ts'
import { DestinationExporter } from '../outbox/exporter.ts'

export class SessionExporter extends DestinationExporter {
  /** `options`: as for `createAgentOps`, of which the delivery options count, or a Config that is read already. */
  constructor(options: AgentOpsOptions | Config = {}, env?: Environment) {
    super('resource' in options ? (options as Config) : readConfig(options, env))
  }
}
