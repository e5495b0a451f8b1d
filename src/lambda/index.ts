/**
 * AWS Lambda: `withAgentOps` wraps a handler. The process freezes when the response is out, so a session is delivered
 * before the invocation returns, or, as an internal extension, before Lambda may freeze it.
 */
import { guard } from '../runtime/diag.ts'
import { currentSession } from '../session/current.ts'
import { type LambdaInvocation, lambdaOpener } from './invocation.ts'
import type { LambdaOptionsOf } from './options.ts'
import type { LambdaContextLike } from './types.ts'

export { extensionReady } from './extension.ts'
export { flushSession } from './flush.ts'
export type { LambdaOptions, LambdaOptionsOf } from './options.ts'
export type { LambdaContextLike } from './types.ts'

type Callback = (error?: unknown, result?: unknown) => void

/** `awslambda.HttpResponseStream.from` leaves on a stream what is to be written before its first chunk. */
interface ResponseStream {
  write(chunk: unknown): unknown
  _onBeforeFirstWrite?: (write: (chunk: unknown) => void) => void
}

/**
 * Wraps a handler: async, response-streaming (inside or outside `awslambda.streamifyResponse`), or, where the runtime
 * still has them, with a callback. What it returns, throws and streams is unchanged, as are its arity and its symbols.
 * Options not given come from the environment.
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
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    const [event, second, third] = args
    const call = (given: unknown[] = args): unknown => handler.apply(this, given as never)
    const stream = isStream(second) ? second : undefined
    const context = (stream ? third : second) as LambdaContextLike
    // Wrapped twice, or by a middleware too: still the same invocation.
    if (guard('finding the session', () => currentSession(context))?.state === 'running') return call()
    const opened = open(event, context)
    if (!opened) return call()
    if (!stream && typeof third === 'function' && handler.length > 2) return withCallback(opened, args, call)
    return settle(opened, () => opened.run(call), stream)
  }
  // Lambda counts the arguments, and finds what it knows of a handler in its symbols.
  for (const name of Reflect.ownKeys(handler)) {
    const descriptor = Object.getOwnPropertyDescriptor(handler, name)
    if (descriptor && name !== 'prototype')
      guard('a property of the handler', () => Object.defineProperty(wrapped, name, descriptor))
  }
  return wrapped as Handler
}

async function settle(opened: LambdaInvocation, call: () => unknown, stream?: ResponseStream): Promise<unknown> {
  let result: unknown
  try {
    result = await call()
  } catch (error) {
    await opened.fail(error)
    throw error
  }
  await opened.end(result, stream && guard('the status of a stream', () => statusOf(stream)))
  return result
}

/** The first that comes counts, as on the platform: the callback, or the handler's throw. */
function withCallback(opened: LambdaInvocation, args: unknown[], call: (given: unknown[]) => unknown): unknown {
  let over = false
  const [event, context, callback] = args as [unknown, unknown, Callback]
  const after = (ended: Promise<void>, answer: () => void): void => void ended.then(answer)
  const own: Callback = (error, result) => {
    if (over) return callback(error, result)
    over = true
    const failed = error !== undefined && error !== null
    after(failed ? opened.fail(error) : opened.end(result), () => callback(error, result))
  }
  const returned = opened.run(() => {
    try {
      return call([event, context, own])
    } catch (error) {
      over = true
      void opened.fail(error)
      throw error
    }
  })
  if (typeof (returned as PromiseLike<unknown> | undefined)?.then !== 'function') return returned
  return settle({ ...opened, end: async (...rest) => void (over || (await opened.end(...rest))) }, () => returned)
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
