/** What the handlers of a Worker share: their options, and a session that lasts as long as a call. */

import { configReader } from '../http/config-reader.ts'
import { invoke, openInvocation, prepare } from '../lifetime/invocation.ts'
import type { Execution } from '../lifetime/wait-until.ts'
import type { Config } from '../options/config.ts'
import type { AgentOpsOptions, Environment } from '../options/options.ts'
import { enclosingSession } from '../session/current.ts'
import type { RootInit } from '../session/init.ts'
import type { Trigger } from './trigger.ts'

/** As the user gives them to `instrument`. */
export type OptionsOf<Env = unknown> = AgentOpsOptions | ((env: Env, trigger: Trigger) => AgentOpsOptions)

/** Gives the Config of this environment, for what started the handler. */
export type ReadConfig = (env: unknown, trigger: Trigger) => Config

/** A handler, bound to the object that it belongs to. */
export type Handle<Input> = (input: Input, env: unknown, ctx: Execution, ...rest: unknown[]) => unknown

/** Never throws: options that fail are said, and the environment's own are used. */
export function configOf(options: OptionsOf | undefined): ReadConfig {
  const read = configReader<[env: unknown, trigger: Trigger]>(
    typeof options === 'function' ? ([env, trigger]) => options(env, trigger) : options,
  )
  return (env, trigger) => read(env as Environment, [env, trigger])
}

/** A session for each call of a handler that answers nothing; `describe` gives what its trigger says about it. */
export function instrumentHandler<Input>(
  handle: Handle<Input>,
  readConfig: ReadConfig,
  describe: (input: Input) => { trigger: Trigger; init: RootInit },
): Handle<Input> {
  return async (input, env, ctx, ...rest) => {
    await prepare()
    const call = (): unknown => handle(input, env, ctx, ...rest)
    // Wrapped twice, or called by another handler with its context: still the same invocation.
    if (enclosingSession(input, ctx)) return call()
    return invoke(() => {
      const { trigger, init } = describe(input)
      return openInvocation(readConfig(env, trigger), init, { execution: ctx })
    }, call)
  }
}
