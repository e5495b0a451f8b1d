/**
 * A Worker's `queue`: a session a batch with a span a message, or a session a message. What becomes of a message is seen
 * through own properties of the message and the batch, which call the platform's own methods; nothing is proxied.
 */
import type { Attributes, Span } from '@opentelemetry/api'
import { observe } from '../events/observe.ts'
import { invoke, openInvocation, prepare } from '../lifetime/invocation.ts'
import type { Execution } from '../lifetime/wait-until.ts'
import type { Config } from '../options/config.ts'
import { inboundOfMessage, linksOfMessage } from '../propagation/message.ts'
import { describe, guard, identify, warn } from '../runtime/diag.ts'
import { CONSUMER, ERROR } from '../runtime/otel.ts'
import * as key from '../runtime/semconv.ts'
import { enclosingSession } from '../session/current.ts'
import type { RootInit } from '../session/init.ts'
import type { Session } from '../session/session.ts'
import type { Handle, ReadConfig } from './handler.ts'
import type { BatchLike, MessageLike } from './trigger.ts'

type RetryOptions = { delaySeconds?: number } | undefined
type Outcome = 'ack' | 'retry'

/** A span about one message. */
interface Watched {
  /** The first outcome of a message counts, as on the platform; later ones change nothing. */
  settle(outcome: Outcome, details?: Attributes): void
  /** The handler is over: what it returned without a word is acknowledged, what it threw is delivered again. */
  finish(failed: boolean, error: unknown): void
}

export function instrumentQueue(handle: Handle<BatchLike>, readConfig: ReadConfig): Handle<BatchLike> {
  return async (batch, env, ctx, ...rest) => {
    await prepare()
    const call = (given: BatchLike): unknown => handle(given, env, ctx, ...rest)
    // Wrapped twice, or called by another handler with its context: still the same invocation.
    if (enclosingSession(batch, ctx)) return call(batch)
    const config = guard('opening a session', () => readConfig(env, { kind: 'queue', batch }))
    if (!config) return call(batch)
    if (config.queueSessions === 'batch') return processBatch(config, batch, ctx, () => call(batch))
    return processEach(batch, (message, single) => {
      const own = (): Config => readConfig(env, { kind: 'queue', batch: single, message })
      return processMessage(own, single, message, ctx, () => call(single))
    })
  }
}

function processBatch(config: Config, batch: BatchLike, ctx: Execution, call: () => unknown): unknown {
  let watched: Watched[] = []
  return invoke(
    () => {
      const rootAttributes = { ...attributesOf(batch), [key.BATCH_SIZE]: batch.messages.length }
      const invocation = openInvocation(config, rootOf(batch, rootAttributes), { execution: ctx })
      watched = guard('watching a batch', () => watchBatch(batch, invocation.session, config)) ?? []
      return invocation
    },
    () => finishing(call, () => watched),
  )
}

/** `config`: read inside, so that the message's own options count. */
function processMessage(
  config: () => Config,
  batch: BatchLike,
  message: MessageLike,
  ctx: Execution,
  call: () => unknown,
): unknown {
  let watched: Watched[] = []
  return invoke(
    () => {
      const read = config()
      const attributes = { ...attributesOf(batch), ...attributesOfMessage(message) }
      const inbound = guard('reading the context of a message', () => inboundOfMessage(message, read))
      const invocation = openInvocation(read, { ...rootOf(batch, attributes), ...inbound }, { execution: ctx })
      watched = [watchMessage(message, invocation.session.root)]
      return invocation
    },
    () => finishing(call, () => watched),
  )
}

/**
 * Each message by itself, in order. The one whose handler throws is delivered again and the others go on: the error is
 * said and is its session's, and not thrown, because a queue may deliver a whole batch again whose handler threw
 * (miniflare does, acknowledged messages included).
 */
async function processEach(
  batch: BatchLike,
  process: (message: MessageLike, single: BatchLike) => unknown,
): Promise<void> {
  for (const message of batch.messages) {
    try {
      await process(message, only(batch, message))
      // Explicit: an invocation that is ended later has these behind it. Ignored where the handler has said otherwise.
      message.ack()
    } catch (error) {
      warn(`queue ${batch.queue}: the handler threw, and the message is delivered again (${identify(error)})`)
      message.retry()
    }
  }
}

/** A batch of one message of another. */
function only(batch: BatchLike, message: MessageLike): BatchLike {
  const { metadata } = batch as { metadata?: unknown }
  return {
    queue: batch.queue,
    messages: [message],
    ...(metadata === undefined ? undefined : { metadata }),
    ackAll: () => message.ack(),
    retryAll: (options) => message.retry(options),
  }
}

/** The messages' spans end with the handler, and before the session does. */
function finishing(call: () => unknown, watched: () => Watched[]): unknown {
  return observe(call, (failed, error) => {
    guard('ending a batch', () => {
      for (const message of watched()) message.finish(failed, error)
    })
  })
}

function watchBatch(batch: BatchLike, session: Session, config: Config): Watched[] {
  const watched = batch.messages.map((message) => {
    const links = guard('reading the context of a message', () => linksOfMessage(message, config))
    const attributes = { ...attributesOf(batch), ...attributesOfMessage(message) }
    const span = session.tracer.startSpan(nameOf(batch), { kind: CONSUMER, links, attributes }, session.context)
    return watchMessage(message, span, () => span.end())
  })
  const settleAll = (outcome: Outcome, details?: Attributes): void => {
    for (const message of watched) message.settle(outcome, details)
  }
  onCall(batch, 'ackAll', () => settleAll('ack'))
  onCall(batch, 'retryAll', (options: RetryOptions) => settleAll('retry', delayOf(options)))
  return watched
}

/** `end`: where the span is the message's alone. */
function watchMessage(message: MessageLike, span: Span, end?: () => void): Watched {
  let settled = false
  const settle = (outcome: Outcome, details?: Attributes): void => {
    if (settled) return
    settled = true
    span.setAttributes({ [key.MESSAGE_OUTCOME]: outcome, ...details })
    end?.()
  }
  onCall(message, 'ack', () => settle('ack'))
  onCall(message, 'retry', (options: RetryOptions) => settle('retry', delayOf(options)))
  return {
    settle,
    finish(failed, error) {
      // A handler that asks for a retry has dealt with its message; one that throws has not.
      if (failed && end && !settled) span.setStatus({ code: ERROR, message: describe(error).slice(0, 4096) })
      settle(failed ? 'retry' : 'ack', { [key.MESSAGE_IMPLICIT]: true })
    },
  }
}

/** Calls `seen` after each call of a method that did not throw. */
function onCall<Args extends unknown[]>(owner: object, name: string, seen: (...args: Args) => void): void {
  guard(`watching ${name}`, () => {
    const original = (owner as Record<string, (...args: Args) => unknown>)[name]
    if (typeof original !== 'function') return
    const value = function (this: unknown, ...args: Args): unknown {
      const result = original.apply(this, args)
      guard(name, () => seen(...args))
      return result
    }
    // Not enumerable: what lists the object shows what it did before.
    Object.defineProperty(owner, name, { value, configurable: true, writable: true })
  })
}

function nameOf({ queue }: BatchLike): string {
  return `process ${queue}`
}

function rootOf(batch: BatchLike, rootAttributes: Attributes): RootInit {
  return { name: nameOf(batch), kind: CONSUMER, rootAttributes: { [key.FAAS_TRIGGER]: 'pubsub', ...rootAttributes } }
}

function attributesOf({ queue }: BatchLike): Attributes {
  return {
    [key.MESSAGING_SYSTEM]: 'cloudflare_queues',
    [key.MESSAGING_DESTINATION]: queue,
    [key.MESSAGING_OPERATION_TYPE]: 'process',
    [key.MESSAGING_OPERATION_NAME]: 'process',
  }
}

function attributesOfMessage({ id, attempts }: MessageLike): Attributes {
  return { [key.MESSAGE_ID]: id, [key.MESSAGE_ATTEMPTS]: attempts }
}

function delayOf(options: RetryOptions): Attributes | undefined {
  return { [key.MESSAGE_RETRY_DELAY]: options?.delaySeconds }
}
