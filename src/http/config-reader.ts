/** One Config per environment object: validated at the first request of an isolate, kept for the others. */
import type { Attributes } from '@opentelemetry/api'
import type { Config } from '../options/config.ts'
import type { AgentOpsOptions, Environment } from '../options/options.ts'
import { readConfig } from '../options/read.ts'
import { guard } from '../runtime/diag.ts'

interface Read {
  options: AgentOpsOptions | undefined
  config: Config
}

/**
 * `options`: as the user gave them, or what makes them from the adapter's own argument at each request; those that are
 * the same as at the request before, value by value, are not read again. `detect`: the platform's part of the resource.
 */
export function configReader<Argument>(
  options: AgentOpsOptions | ((argument: Argument) => AgentOpsOptions) | undefined,
  detect: (argument: Argument) => Attributes | undefined = () => undefined,
): (env: Environment | null | undefined, argument: Argument) => Config {
  const last: WeakMap<object, Read> = new WeakMap()
  const none: Environment = {}
  return (given, argument) => {
    const env = given ?? none
    const read = last.get(env)
    const current = typeof options === 'function' ? guard('the options function', () => options(argument)) : options
    if (read && isSame(read.options, current)) return read.config
    // An adapter opens a session for each request, so spans of instrumented libraries have somewhere to land.
    const wanted = { ...current, instrumentations: { global: true, ...current?.instrumentations } }
    const detected = guard('describing the platform', () => detect(argument))
    const config = readConfig(wanted, env, undefined, undefined, detected)
    last.set(env, { options: current, config })
    return config
  }
}

function isSame(one: AgentOpsOptions = {}, other: AgentOpsOptions = {}): boolean {
  const names = Object.keys({ ...one, ...other }) as (keyof AgentOpsOptions)[]
  return one === other || names.every((name) => one[name] === other[name])
}
