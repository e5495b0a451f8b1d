/** The Tail Worker of a spool: sends what the invocations that it is told of have published. */
import type { AgentOpsOptions, Environment } from '../options/options.ts'
import { readConfig } from '../options/read.ts'
import { type Drop, type FlushReport, reportDrop } from '../outbox/report.ts'
import { Deadline } from '../runtime/deadline.ts'
import { identify, warn } from '../runtime/diag.ts'
import { fromMessage, type SpoolMessage } from './message.ts'
import { resender } from './resend.ts'
import type { SpoolStore } from './store.ts'
import { CHANNEL } from './tail.ts'

/** What is needed of Cloudflare's `TraceItem`. */
export interface TailItem {
  readonly diagnosticsChannelEvents?: readonly { readonly channel: string; readonly message: unknown }[]
}

/** What the platform says where an invocation has logged and published more than it takes. */
const LIMIT_EXCEEDED = 'workerd.LimitExceeded'
/** As bodies are long; an isolate has 128 MB. */
const MAX_WAITING_BYTES = 16 << 20

interface Waiting {
  readonly message: SpoolMessage
  /** Times that its destination was asked. */
  readonly attempts: number
}

/** What could not be sent, for the next invocation of this isolate: plain values. */
const waiting: Waiting[] = []

/**
 * For a Tail Worker's `tail` handler. Options and environment as for the sessions: they name the destinations. What cannot
 * be sent within `flushDeadlineMs` goes to the option `spool`, where there is one that takes it; else it waits in the
 * isolate for the next call, which begins with what was tried least. At most 16 MiB wait; what was tried most goes first,
 * the oldest of it, counted as `queue-full`. In what it gives, `pending` is all that waits.
 *
 * ```ts
 * export default { tail: (events, env) => drainTail(events, {}, env) }
 * ```
 */
export async function drainTail(
  items: readonly TailItem[],
  options?: AgentOpsOptions,
  env?: unknown,
): Promise<FlushReport> {
  const config = readConfig(options, env as Environment)
  const { spool, retryAttempts = Number.POSITIVE_INFINITY, flushDeadlineMs, onDrop } = config
  const resend = resender(config, new Deadline(Date.now() + flushDeadlineMs), 'are dropped')
  const report: FlushReport = { sent: 0, dropped: 0, spooled: 0, pending: 0 }
  const drop = (lost: Drop): void => {
    report.dropped += lost.spans
    reportDrop(lost, onDrop)
  }

  const settle = async (message: unknown, retries: number, attempts = 0): Promise<void> => {
    const { sent, dropped, left, error, unknown, isUntried } = await resend(message, retries)
    report.sent += sent
    report.dropped += dropped
    if (error && dropped + left) report.error ??= error
    if (!left) return
    if (unknown) drop({ spans: left, reason: 'no-destination', error })
    else if (await isKept(message, spool as Partial<SpoolStore>)) report.spooled += left
    else waiting.push({ message: message as SpoolMessage, attempts: attempts + (isUntried ? 0 : 1) })
  }
  // One after the other: an invocation that is thrown away takes no more than one along.
  const settleWaiting = async (most: number): Promise<void> => {
    for (let left = most; left > 0 && waiting.length > 0; left--) {
      const { message, attempts } = waiting.shift() as Waiting
      await settle(message, 0, attempts)
    }
  }

  // A destination that has failed is not asked again in this call: what it failed for is to hold up nothing else.
  waiting.sort((a, b) => a.attempts - b.attempts)
  const untried = waiting.filter(({ attempts }) => !attempts).length
  const tried = waiting.length - untried
  await settleWaiting(untried)
  for (const { channel, message } of items.flatMap(({ diagnosticsChannelEvents: events }) => events ?? [])) {
    if (channel === CHANNEL) await settle(message, retryAttempts)
    if (channel === LIMIT_EXCEEDED) {
      warn(
        'drainTail: an invocation has logged and published more than 256 KiB; the platform has dropped the rest, spans perhaps among it. Log less, or lower maxInvocationBytes of tailSpool',
      )
    }
  }
  await settleWaiting(tried)

  waiting.sort((a, b) => b.attempts - a.attempts)
  let bytes = waiting.reduce((sum, { message: { body } }) => sum + body.length, 0)
  while (bytes > MAX_WAITING_BYTES) {
    const { spans, body } = (waiting.shift() as Waiting).message
    bytes -= body.length
    drop({ spans, reason: 'queue-full', error: `more than ${MAX_WAITING_BYTES} bytes wait` })
  }
  const pending = waiting.reduce((sum, { message: { spans } }) => sum + spans, 0)
  if (pending) {
    const cause = 'drainTail: spans wait'
    warn(`drainTail: ${pending} spans wait in this isolate for its next invocation: ${report.error}`, cause)
  }
  return { ...report, pending }
}

/** Whether a spool of `queueSpool`, `sqsSpool` or `spoolTo` has it now. */
async function isKept(message: unknown, spool: Partial<SpoolStore> | undefined): Promise<boolean> {
  const { maxBytes = Number.POSITIVE_INFINITY } = spool ?? {}
  try {
    const batch = fromMessage(message)
    if (!spool?.put || batch.body.length > maxBytes) return false
    await spool.put(batch)
    return true
  } catch (error) {
    return !!warn(`drainTail: the spool failed: ${identify(error)}`)
  }
}
