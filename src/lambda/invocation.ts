/** One invocation of a function, one session; used by the wrapper and by the middleware for middy. */

import { configReader } from '../http/config-reader.ts'
import { judgeByStatus, recordStatus } from '../http/outcome.ts'
import { type Invocation, MARGIN_MS, openInvocation } from '../lifetime/invocation.ts'
import type { Config } from '../options/config.ts'
import type { FlushReport } from '../outbox/report.ts'
import { linksOf, readInbound } from '../propagation/inbound.ts'
import { Deadline } from '../runtime/deadline.ts'
import { guard, warn } from '../runtime/diag.ts'
import * as key from '../runtime/semconv.ts'
import { setOwner } from '../session/current.ts'
import type { Session } from '../session/session.ts'
import { openBatch } from './batch.ts'
import { givenCarrier, inboundOf } from './carriers.ts'
import { runningExtension, startExtension } from './extension.ts'
import { fieldsOf } from './fields.ts'
import { isManaged, managed } from './managed.ts'
import type { LambdaOptions, LambdaOptionsOf } from './options.ts'
import { lambdaResource } from './resource.ts'
import { triggerOf } from './trigger.ts'
import type { LambdaContextLike } from './types.ts'
import { type CutOff, watchUnfinished } from './unfinished.ts'
import { watchUnseen } from './unseen.ts'
import { decidedHere } from './xray.ts'

/** A spool gets a second of its own after the deadline of an export. */
const SPOOL_MS = 1000
/** What is left of its time when the session of an invocation that is cut off is delivered. */
const CUT_OFF_MS = 50

export interface LambdaInvocation {
  session: Session
  run: Invocation['run']
  /** Ends the session; resolves when the response may go. `status`: of a streamed response. Never rejects. */
  end(result: unknown, status?: number): Promise<void>
  /** The handler has thrown. `response`: what was answered all the same, by which the session is judged then. */
  fail(error: unknown, response?: unknown): Promise<void>
  /** The runtime answers with null when the event loop is empty. */
  mayIdle(): void
}

/** Opens the session of an invocation; undefined where none can be. Never throws. */
export type OpenLambda = (event: unknown, context: LambdaContextLike) => LambdaInvocation | undefined

const env = (): Record<string, string | undefined> => process.env
/** Not a request's: whether this process has been invoked before. */
let cold = true

export function lambdaOpener(options: LambdaOptionsOf | undefined): OpenLambda {
  if (typeof options === 'object' && options?.flush === 'extension') guard('the extension', startExtension)
  let lambdaOptions: Pick<LambdaOptions, 'flush' | 'xray' | 'carrier'> = {}
  const readConfig = configReader<[unknown, LambdaContextLike]>(
    ([event, context]) => {
      const { flush, xray, carrier, ...rest } =
        (typeof options === 'function' ? options(event, context) : options) ?? {}
      lambdaOptions = { flush, xray, carrier }
      return rest
    },
    () => lambdaResource(env()),
  )
  const managedOf: WeakMap<Config, Config> = new WeakMap()
  const open: OpenLambda = (event, context) => {
    const wasCold = cold && env().AWS_LAMBDA_INITIALIZATION_TYPE !== 'provisioned-concurrency'
    cold = false
    lambdaOptions = {}
    let read = readConfig(env(), [event, context])
    if (isManaged(env())) {
      const kept = managedOf.get(read) ?? managed(read)
      managedOf.set(read, kept)
      read = kept
    }
    const { flush = 'await', xray = false, carrier: carried } = lambdaOptions
    if (flush !== 'await' && flush !== 'extension') warn('flush: expected await or extension; await is used')
    if (flush === 'extension') startExtension()
    if (read.instrumentations.llm) watchUnseen()
    const trigger = triggerOf(event, context)
    const { messages = [], request } = trigger
    const header = xray ? xrayHeader(context) : undefined
    // One message goes on in its sender's trace; several have no one trace to go on in.
    const given = carried && givenCarrier(guard('carrier', () => carried(event, context)))
    const carrier = given ?? (messages.length === 1 ? messages[0]?.carrier : trigger.carrier)
    const inbound = inboundOf(carrier, xray, header)
    const isXray = xray && !carrier?.get('traceparent') && !!inbound.get('traceparent')
    const decided = isXray ? decidedHere(read) : read
    // The messages' spans end together, with the handler.
    const config = messages.length < decided.maxQueueSize / 2 ? decided : withRoomFor(messages.length, decided)
    const deadline = Date.now() + leftOf(context)
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
      { endBy: deadline - MARGIN_MS - (config.spool ? SPOOL_MS : 0) },
      request,
    )
    const { session } = invocation
    guard('finding the session by its context', () => setOwner(context, session))
    const isMet = guard('the extension', () => runningExtension()?.meet(context.awsRequestId))
    const batch = openBatch(session, trigger, (carrier) => linksOf(inboundOf(carrier, xray), config))
    const judge = (result: unknown, status: number | undefined): void => {
      const failed = batch.settle(result)
      const { code, failure } = trigger.judge?.(fieldsOf(result), status) ?? {}
      if (code !== undefined) {
        recordStatus(session, code)
        judgeByStatus(session, code)
      }
      if (failed) session.conclude('Fail', `${failed} of ${messages.length} messages are delivered again`)
      else if (failure) session.conclude('Fail', failure)
    }
    const delivered = async (ending: Promise<FlushReport>, margin = MARGIN_MS / 2, isLast = false): Promise<void> => {
      // The export keeps to its own limit; this one is for a `fetch` or a spool that keeps to none.
      const over = within(leftOf(context) - margin, ending)
      const isFirst = flush === 'extension' && isMet && runningExtension()?.active
      // The extension has been told of this invocation, whatever its options say.
      runningExtension()?.hold(context.awsRequestId, over)
      if (!isFirst || isLast) await over
    }
    let answersIdle = false
    let cut: Promise<unknown> | undefined
    const cutOff: CutOff = (type, reason, error) => {
      if (answersIdle && type === 'unsettled') return undefined
      unwatch()
      guard('an invocation that is cut off', () => {
        if (type === 'uncaught') session.fail(error)
        session.conclude('Fail', reason)
        session.root.setAttributes({ [key.ERROR_TYPE]: type === 'uncaught' ? undefined : type })
        // The process has no other use for the time.
        session.endBy(deadline - CUT_OFF_MS, false)
        cut = delivered(session.end(), CUT_OFF_MS, true)
      })
      return cut
    }
    const unwatch = watchUnfinished(cutOff, deadline - Date.now())
    /** What has been cut off has had its end. */
    const ended = (end: () => Promise<FlushReport>): Promise<void> => {
      unwatch()
      return cut ? cut.then(() => {}) : delivered(end())
    }
    return {
      session,
      run: invocation.run,
      end: (result, status) => ended(() => invocation.end(() => judge(result, status), deferred(flush))),
      fail(error, response) {
        if (response !== undefined) {
          return ended(() =>
            invocation.end(() => {
              judge(response, undefined)
              const { endState, endStateReason } = session
              if (endState !== 'Fail') return
              session.fail(error)
              // What the answer says goes first.
              session.setEndState(endState, endStateReason)
            }),
          )
        }
        return ended(() => {
          guard('ending a batch', () => batch.fail())
          return invocation.fail(error)
        })
      },
      mayIdle() {
        answersIdle = true
      },
    }
  }
  return (event, context) => {
    const opened = guard('opening a session', () => open(event, context))
    // Without a session there is nothing that the extension has to wait for.
    if (!opened) guard('the extension', () => runningExtension()?.hold(context.awsRequestId, Promise.resolve()))
    return opened
  }
}

function withRoomFor(messages: number, config: Config): Config {
  return { ...config, maxQueueSize: config.maxQueueSize + messages }
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

/** Milliseconds. A context that a test makes may not say: then as long as Lambda gives a function that asks for no more. */
function leftOf(context: Partial<LambdaContextLike>): number {
  return guard('the remaining time', () => context.getRemainingTimeInMillis?.()) ?? 3000
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
  const header = context.xRayTraceId ?? awslambda?.InvokeStore?.getXRayTraceId?.()
  return header ?? (env().AWS_LAMBDA_MAX_CONCURRENCY === undefined ? env()._X_AMZN_TRACE_ID : undefined)
}
