/**
 * AWS Lambda: `withAgentOps` wraps a handler. The process freezes when the response is out, so a session is delivered
 * before the invocation returns, or, as an internal extension, before Lambda may freeze it.
 *
 * @module
 */
import { isThenable } from '../http/answer.ts'
import { guard } from '../runtime/diag.ts'
import { wrapperOf } from '../runtime/wrapper.ts'
import { currentSession } from '../session/current.ts'
import { withCallback } from './callback.ts'
import { type LambdaInvocation, lambdaOpener } from './invocation.ts'
import type { LambdaOptionsOf } from './options.ts'
import type { LambdaContextLike } from './types.ts'

export { extensionReady } from './extension.ts'
export { flushSession } from './flush.ts'
export type { LambdaOptions, LambdaOptionsOf } from './options.ts'
export type { LambdaContextLike } from './types.ts'

/** `awslambda.HttpResponseStream.from` leaves on a stream what is to be written before its first chunk. */
interface ResponseStream {
  write(chunk: unknown): unknown
  _onBeforeFirstWrite?: (write: (chunk: unknown) => void) => void
}

/**
 * Wraps a handler: async, response-streaming (inside or outside `awslambda.streamifyResponse`), or, where the runtime
 * still has them, with a callback. What it returns, throws and streams is unchanged, as are its kind (async or not), arity,
 * properties and symbols. Options not given come from the environment.
 *
 * ```ts
 * export const handler = withAgentOps(async (event) => {
 *   return { statusCode: 200, body: await tool('search', () => search(event)) }
 * })
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: any handler's arguments
export function withAgentOps<Handler extends (...args: any[]) => unknown>(
  handler: Handler,
  options?: LambdaOptionsOf<Parameters<Handler>[0]>,
): Handler {
  const open = lambdaOpener(options)
  return wrapperOf(handler, (self, args) => {
    const [event, second, third] = args
    const call = (given: unknown[] = args): unknown => handler.apply(self, given as never)
    const stream = isStream(second) ? second : undefined
    const context = ((stream ? third : second) ?? {}) as LambdaContextLike
    // Wrapped twice, or by a middleware too: still the same invocation.
    if (guard('finding the session', () => currentSession(context))?.state === 'running') return call()
    const opened = open(event, context)
    if (!opened) return call()
    if (!stream && typeof third === 'function') return withCallback(opened, args, call)
    return settle(opened, call, stream)
  })
}

/** Where a handler answers with what it returns. */
function settle(opened: LambdaInvocation, call: () => unknown, stream?: ResponseStream): unknown {
  const end = (value: unknown): Promise<void> => {
    return opened.end(value, stream && guard('the status of a stream', () => statusOf(stream)))
  }
  const fail = (error: unknown): Promise<never> => opened.fail(error).then(() => Promise.reject(error))
  let result: unknown
  try {
    result = opened.run(call)
  } catch (error) {
    return fail(error)
  }
  if (isThenable(result)) return Promise.resolve(result).then((value) => end(value).then(() => value), fail)
  const ended = end(result)
  // The runtime refuses a streaming handler that is not async: not ours to hide.
  return stream ? result : ended.then(() => result)
}

function isStream(value: unknown): value is ResponseStream {
  return typeof (value as ResponseStream | undefined)?.write === 'function'
}

/** The prelude of an HTTP stream, asked for again, says its status. */
function statusOf({ _onBeforeFirstWrite: prelude }: ResponseStream): number | undefined {
  let status: unknown
  prelude?.((chunk) => {
    if (typeof chunk === 'string') status = JSON.parse(chunk).statusCode
  })
  return typeof status === 'number' ? status : undefined
}
