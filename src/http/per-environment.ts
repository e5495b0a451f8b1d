/** One Config per environment object: validated at the first request of an isolate, kept for the others. */
import { type Config, readConfig } from '../config.ts'
import { guard } from '../diag.ts'
import type { AgentOpsOptions, Environment } from '../options.ts'

/** `options`: as the user gave them, or what makes them from the adapter's own argument at each request. */
export function configReader<Argument>(
  options: AgentOpsOptions | ((argument: Argument) => AgentOpsOptions) | undefined,
): (env: Environment | null | undefined, argument: Argument) => Config {
  const configs: WeakMap<object, Config> = new WeakMap()
  const none: Environment = {}
  // An adapter opens a session for each request, so spans of instrumented libraries have somewhere to land.
  const read = (given: AgentOpsOptions | undefined, env: Environment): Config =>
    readConfig({ ...given, instrumentations: { global: true, ...given?.instrumentations } }, env)
  return (given, argument) => {
    const env = given ?? none
    if (typeof options === 'function') {
      return read(
        guard('the options function', () => options(argument)),
        env,
      )
    }
    const config = configs.get(env) ?? read(options, env)
    configs.set(env, config)
    return config
  }
}
