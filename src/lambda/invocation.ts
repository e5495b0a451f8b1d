/** One invocation of a function, one session; used by the wrapper and by the middleware for middy. */
import { guard, warn } from '../diag.ts'
import { Deadline } from '../export/retry.ts'
import { judgeByStatus, recordStatus } from '../http/outcome.ts'
import { configReader } from '../http/per-environment.ts'
import { CONSUMER, ERROR, type Invocation, MARGIN_MS, openInvocation } from '../lifetime/invocation.ts'
import type { AgentOpsOptions, FlushReport } from '../options.ts'
import { linksOf, readInbound } from '../propagation/inbound.ts'
import * as key from '../semconv.ts'
import { currentSession, setOwner } from '../session/scope.ts'
import type { Session } from '../session/session.ts'
import { Extension } from './extension.ts'
import { lambdaResource } from './resource.ts'
import { fieldsOf, inboundOf, type LambdaMessage, triggerOf } from './trigger.ts'
import type { Fields, LambdaContextLike } from './types.ts'
import { decidedHere } from './xray.ts'

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

/** A spool gets a second of its own after the deadline of an export. */
const SPOOL_MS = 1000

export interface LambdaInvocation {
  session: Session
  run: Invocation['run']
  /** Ends the session; resolves when the response may go. `status`: of a streamed response. Never rejects. */
  end(result: unknown, status?: number): Promise<void>
  fail(error: unknown): Promise<void>
}

/** Opens the session of an invocation; undefined where none can be. Never throws. */
export type OpenLambda = (event: unknown, context: LambdaContextLike) => LambdaInvocation | undefined

const env = (): Record<string, string | undefined> => process.env
/** Not a request's: whether this process has been invoked before, and its extension. */
let cold = true
let extension: Extension | undefined

/**
 * Registers the function as its own extension, for `flush: 'extension'`; to be awaited at the top level of the handler's
 * module. Resolves to whether Lambda has taken it, at once outside Lambda. Never rejects.
 */
export async function extensionReady(): Promise<boolean> {
  return startExtension()?.registered ?? false
}

function startExtension(): Extension | undefined {
  const { AWS_LAMBDA_RUNTIME_API: api, AWS_LAMBDA_MAX_CONCURRENCY: concurrency } = env()
  if (!api) return undefined
  if (concurrency !== undefined) {
    return warn(
      `flush: 'extension' is not possible on managed instances, so responses wait for their session's delivery`,
    )
  }
  extension ??= new Extension(api)
  return extension
}

export function lambdaOpener(options: LambdaOptionsOf | undefined): OpenLambda {
  if (typeof options === 'object' && options?.flush === 'extension') guard('the extension', startExtension)
  let own: Pick<LambdaOptions, 'flush' | 'xray'> = {}
  const readConfig = configReader<[unknown, LambdaContextLike]>(
    ([event, context]) => {
      const { flush, xray, ...rest } = (typeof options === 'function' ? options(event, context) : options) ?? {}
      own = { flush, xray }
      return rest
    },
    () => lambdaResource(env()),
  )
  const open: OpenLambda = (event, context) => {
    const wasCold = cold && env().AWS_LAMBDA_INITIALIZATION_TYPE !== 'provisioned-concurrency'
    cold = false
    own = {}
    const read = readConfig(env(), [event, context])
    const { flush = 'await', xray = false } = own
    if (flush !== 'await' && flush !== 'extension') warn('flush: expected await or extension; await is used')
    if (flush === 'extension') startExtension()
    const trigger = triggerOf(event, context)
    const { messages = [], request } = trigger
    const header = xray ? xrayHeader(context) : undefined
    // One message goes on in its sender's trace; several have no one trace to go on in.
    const carrier = messages.length === 1 ? messages[0]?.carrier : trigger.carrier
    const inbound = inboundOf(carrier, xray, header)
    const isXray = xray && !carrier?.get('traceparent') && !!inbound.get('traceparent')
    const config = isXray ? decidedHere(read) : read
    const invocation = openInvocation(
      config,
      {
        name: trigger.name,
        kind: trigger.kind,
        rootAttributes: {
          ...trigger.attributes,
          ...invocationAttributes(context),
          [key.FAAS_COLDSTART]: wasCold,
        },
        origin: trigger.origin,
        ...readInbound(inbound, config, request),
      },
      { endBy: Date.now() + context.getRemainingTimeInMillis() - MARGIN_MS - (config.spool ? SPOOL_MS : 0) },
      request,
    )
    const { session } = invocation
    setOwner(context, session)
    const isMet = guard('the extension', () => extension?.meet(context.awsRequestId))
    const watched = messages.map((message) => {
      const { attributes } = message
      const links = linksOf(inboundOf(message.carrier, xray), config)
      const span = session.tracer.startSpan(trigger.name, { kind: CONSUMER, links, attributes }, session.context)
      return { message, span }
    })

    const settle = (failed: ReadonlySet<LambdaMessage>, implicit: boolean): void => {
      for (const { message, span } of watched) {
        const retried = failed.has(message)
        span.setAttributes({
          [key.MESSAGE_OUTCOME]: retried ? 'retry' : 'ack',
          [key.MESSAGE_IMPLICIT]: implicit || undefined,
        })
        if (retried) span.setStatus({ code: ERROR })
        span.end()
      }
    }
    const judge = (result: unknown, status: number | undefined): void => {
      const failed = failedOf(result, messages, !!trigger.ordered)
      settle(failed ?? new Set(), !failed)
      const code = request ? (status ?? statusOf(result)) : undefined
      if (code !== undefined) {
        recordStatus(session, code)
        judgeByStatus(session, code)
      } else if (failed?.size) {
        session.conclude('Fail', `${failed.size} of ${messages.length} messages are delivered again`)
      }
    }
    const delivered = async (ending: Promise<FlushReport>): Promise<void> => {
      // The export keeps to its own limit; this one is for a `fetch` or a spool that keeps to none.
      const left = guard('the remaining time', () => context.getRemainingTimeInMillis()) ?? 0
      const over = within(left - MARGIN_MS / 2, ending)
      const isFirst = flush === 'extension' && isMet && extension?.active
      // The extension has been told of this invocation, whatever its options say.
      extension?.hold(context.awsRequestId, over)
      if (!isFirst) await over
    }
    return {
      session,
      run: invocation.run,
      end: (result, status) => delivered(invocation.end(() => judge(result, status), deferred(flush))),
      fail(error) {
        guard('ending a batch', () => settle(new Set(messages), true))
        return delivered(invocation.fail(error))
      },
    }
  }
  return (event, context) => {
    const opened = guard('opening a session', () => open(event, context))
    // Without a session there is nothing that the extension has to wait for.
    if (!opened) guard('the extension', () => extension?.hold(context.awsRequestId, Promise.resolve()))
    return opened
  }
}

/** Where the response goes first, nothing is encoded in the turn that returns it. */
function deferred(flush: LambdaOptions['flush']): Promise<void> | undefined {
  return flush === 'extension' ? undefined : Promise.resolve()
}

async function within(ms: number, ending: Promise<FlushReport>): Promise<void> {
  try {
    await new Deadline(Date.now() + ms).within(ms, ending)
  } catch {
    warn(
      'the invocation’s time is nearly over, so it returns before its session is delivered; what is left may be lost',
    )
  }
}

function invocationAttributes(context: LambdaContextLike): Record<string, string | undefined> {
  const { awsRequestId, invokedFunctionArn: arn, functionVersion } = context
  const parts = `${arn ?? ''}`.split(':')
  // `arn:aws:lambda:region:account:function:name[:alias or version]`: an alias would be another resource tomorrow.
  const resource = parts.length > 7 ? [...parts.slice(0, 7), functionVersion].join(':') : arn
  return {
    [key.FAAS_INVOCATION_ID]: awsRequestId,
    [key.CLOUD_RESOURCE_ID]: resource,
    [key.CLOUD_ACCOUNT_ID]: parts[4],
    [key.AWS_INVOKED_ARN]: arn === resource ? undefined : arn,
  }
}

/** Under concurrency the environment's variable is nobody's; the runtime's store knows each invocation's. */
function xrayHeader(context: LambdaContextLike): string | undefined {
  const { awslambda } = globalThis as { awslambda?: { InvokeStore?: { getXRayTraceId?(): string | undefined } } }
  const own = context.xRayTraceId ?? awslambda?.InvokeStore?.getXRayTraceId?.()
  return own ?? (env().AWS_LAMBDA_MAX_CONCURRENCY === undefined ? env()._X_AMZN_TRACE_ID : undefined)
}

/** An HTTP response's; API Gateway v2 and function URLs take any other value as a body, with 200. */
function statusOf(result: unknown): number {
  const status = Number(fieldsOf(result).statusCode)
  return Number.isInteger(status) ? status : 200
}

/** The messages that the handler has named as failed; undefined where it named none. */
function failedOf(
  result: unknown,
  messages: readonly LambdaMessage[],
  ordered: boolean,
): ReadonlySet<LambdaMessage> | undefined {
  const { batchItemFailures } = fieldsOf(result)
  if (!messages.length || !Array.isArray(batchItemFailures)) return undefined
  const ids = new Set(batchItemFailures.map((item) => (fieldsOf(item) as Fields).itemIdentifier))
  const failed = messages.filter(({ id }) => ids.has(id))
  // An identifier that is none of the batch's, or an empty one, fails the whole batch: Lambda's rule.
  if (failed.length < ids.size) return new Set(messages)
  const first = failed[0]
  return new Set(ordered && first ? messages.slice(messages.indexOf(first)) : failed)
}

/**
 * Sends what a session has finished, for those who wrap no handler; to be awaited before the handler returns. Default: the
 * current session. `context`: the invocation's, whose time it keeps to, as `session.end()` does from then on. Never rejects.
 *
 * ```ts
 * const session = agentops.startSession()
 * try { return await work() } finally { await flushSession(session, context); await session.end() }
 * ```
 */
export async function flushSession(
  session: Session | undefined = currentSession(),
  context?: Pick<LambdaContextLike, 'getRemainingTimeInMillis'>,
): Promise<FlushReport> {
  const nothing: FlushReport = { sent: 0, dropped: 0, spooled: 0, pending: 0 }
  if (!session) return { ...nothing, error: 'no session is active here' }
  guard('the remaining time', () => {
    if (context) session.endBy(Date.now() + context.getRemainingTimeInMillis() - MARGIN_MS)
  })
  return session.flush()
}
