/** The options of Lambda beside everybody's. */
import type { AgentOpsOptions } from '../options/options.ts'
import type { LambdaContextLike } from './types.ts'

export interface LambdaOptions extends AgentOpsOptions {
  /**
   * `await` (default): the response waits for the session's delivery, one round trip. `extension`: the function registers as
   * its own internal extension, the response goes first, and Lambda waits for the delivery. It needs
   * `await extensionReady()` at the top level of the handler's module; where it cannot be, that is said and it is `await`.
   */
  flush?: 'await' | 'extension'
  /** Whether a caller's trace is taken from X-Ray's header where there is no `traceparent`. Default `false`: X-Ray's own spans are not in your backend. */
  xray?: boolean
}

export type LambdaOptionsOf<Event = unknown> =
  | LambdaOptions
  | ((event: Event, context: LambdaContextLike) => LambdaOptions)
