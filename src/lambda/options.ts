/** The options of Lambda beside everybody's. */
import type { AgentOpsOptions } from '../options/options.ts'
import type { LambdaContextLike } from './types.ts'

/** The options of any adapter, and those of Lambda alone. */
export interface LambdaOptions extends AgentOpsOptions {
  /**
   * `await` (default): the response waits for the session's delivery, one round trip. `extension`: the function registers as
   * its own internal extension, the response goes first, and Lambda waits for the delivery. It needs
   * `await extensionReady()` at the top level of the handler's module; where it cannot be, that is said and it is `await`.
   */
  flush?: 'await' | 'extension'
  /** Whether a caller's trace is taken from X-Ray's header where there is no `traceparent`. Default `false`: X-Ray's own spans are not in your backend. */
  xray?: boolean
  /**
   * Where the caller's trace context stands: gives headers (`traceparent`, `tracestate`, `baggage`), undefined for the usual
   * places. These are an HTTP request's headers, the attributes or headers of one message (also of one that SNS or
   * EventBridge have put into a queue's), EventBridge's detail, and of any other payload its own fields `traceparent` and
   * `headers`, those of its `input` or `Payload`, and the context of the client that invoked the function.
   */
  // biome-ignore lint/suspicious/noExplicitAny: any handler's event
  carrier?: (event: any, context: LambdaContextLike) => Headers | Record<string, string | undefined> | undefined
}

/**
 * Options, or a function of the event and the context that gives them. One that throws is said, and the defaults are
 * used.
 */
export type LambdaOptionsOf<Event = unknown> =
  | LambdaOptions
  | ((event: Event, context: LambdaContextLike) => LambdaOptions)
