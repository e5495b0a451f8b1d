/** The consumer of a spool's queue: what the backend takes, or refuses for what is in it, leaves the queue. */
import type { AgentOpsOptions, Environment } from '../options/options.ts'
import { readConfig } from '../options/read.ts'
import type { FlushReport } from '../outbox/report.ts'
import { Deadline } from '../runtime/deadline.ts'
import { guard } from '../runtime/diag.ts'
import { resender } from './resend.ts'

/** What is needed of Cloudflare's `MessageBatch`. */
export interface QueueBatch {
  readonly messages: readonly {
    readonly body: unknown
    readonly attempts: number
    ack(): void
    retry(options?: { delaySeconds?: number }): void
  }[]
}

/** What is needed of Lambda's `SQSEvent`. */
export interface SqsEvent {
  readonly Records: readonly {
    readonly messageId: string
    readonly body: string
    readonly attributes?: { readonly ApproximateReceiveCount?: string }
  }[]
}

/** What is needed of Lambda's context. */
export interface SqsContext {
  getRemainingTimeInMillis(): number
}

/** The options and variables of those who spooled (they name the destinations), and when a message comes again. */
export interface DrainOptions extends AgentOpsOptions {
  /** Seconds until a queue delivers a message again, after so many attempts. Default: 10, 20, 40… up to 600. */
  retryDelaySeconds?: (attempts: number) => number
}

const MAX_DELAY_SECONDS = 600
/** The queue is the retry. */
const RETRIES = 0
/** What must be left of an invocation's time to answer in. */
const MARGIN_MS = 250

/**
 * For a Cloudflare Queue's `queue` handler: acknowledges what the backend took or refused for good (said, and given to
 * `onDrop`), and has the rest delivered again. All of it takes `flushDeadlineMs` at most. Options and environment as for
 * the sessions: they name the destinations.
 *
 * ```ts
 * export default { fetch: app.fetch, queue: (batch, env) => drainSpool(batch, {}, env) }
 * ```
 */
export function drainSpool(batch: QueueBatch, options?: DrainOptions, env?: unknown): Promise<FlushReport>
/**
 * For a Lambda with SQS as its event source, `ReportBatchItemFailures` switched on. With the invocation's `context` it
 * also keeps to the time that the function has left.
 *
 * ```ts
 * export const handler = (event, context) => drainSpool(event, {}, context)
 * ```
 */
export function drainSpool(
  event: SqsEvent,
  options?: DrainOptions,
  context?: SqsContext,
): Promise<{ batchItemFailures: { itemIdentifier: string }[] }>
export async function drainSpool(
  input: QueueBatch | SqsEvent,
  { retryDelaySeconds = exponential, ...options }: DrainOptions = {},
  envOrContext?: unknown,
): Promise<FlushReport | { batchItemFailures: { itemIdentifier: string }[] }> {
  const begun = Date.now()
  const isContext = typeof (envOrContext as Partial<SqsContext> | undefined)?.getRemainingTimeInMillis === 'function'
  const config = readConfig(options, isContext ? undefined : (envOrContext as Environment))
  const remaining =
    isContext && guard('the remaining time', () => (envOrContext as SqsContext).getRemainingTimeInMillis())
  const ms = typeof remaining === 'number' ? remaining - MARGIN_MS : Number.POSITIVE_INFINITY
  const resend = resender(config, new Deadline(begun + Math.min(config.flushDeadlineMs, ms)), 'stay in the queue')
  if ('Records' in input) {
    const batchItemFailures: { itemIdentifier: string }[] = []
    for (const { messageId, body } of byAttempts(input.Records, (record) =>
      Number(record.attributes?.ApproximateReceiveCount),
    )) {
      const { left } = await resend(body, RETRIES)
      if (left) batchItemFailures.push({ itemIdentifier: messageId })
    }
    return { batchItemFailures }
  }
  const report: FlushReport = { sent: 0, dropped: 0, spooled: 0, pending: 0 }
  for (const message of byAttempts(input.messages, ({ attempts }) => attempts)) {
    const { sent, dropped, left, error } = await resend(message.body, RETRIES)
    report.sent += sent
    report.dropped += dropped
    report.spooled += left
    if (error && dropped + left) report.error ??= error
    const delay = (): number => retryDelaySeconds(message.attempts)
    if (left) message.retry({ delaySeconds: guard('retryDelaySeconds', delay) ?? exponential(message.attempts) })
    else message.ack()
  }
  return report
}

/** What has failed most often goes last: one message that a backend cannot take keeps no other from it. */
function byAttempts<Message>(messages: readonly Message[], attemptsOf: (message: Message) => number): Message[] {
  return [...messages].sort((one, other) => (attemptsOf(one) || 0) - (attemptsOf(other) || 0))
}

function exponential(attempts: number): number {
  return Math.min(5 * 2 ** attempts, MAX_DELAY_SECONDS)
}
