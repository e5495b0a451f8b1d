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

/** What could not be sent, for the next invocation of this isolate: plain values. */
const waiting: SpoolMessage[] = []

/**
 * For a Tail Worker's `tail` handler. Options and environment as for the sessions: they name the destinations. What cannot
 * be sent within `flushDeadlineMs` goes to the option `spool`, where there is one that takes it; else it waits in the
 * isolate for the next call. At most 16 MiB wait; the oldest go first, counted as `queue-full`. In what it gives, `pending`
 * is all that waits.
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

  const settle = async (message: unknown, retries: number): Promise<void> => {
    const { sent, dropped, left, error, unknown } = await resend(message, retries)
    report.sent += sent
    report.dropped += dropped
    if (error && dropped + left) report.error ??= error
    if (!left) return
    if (unknown) drop({ spans: left, reason: 'no-destination', error })
    else if (await isKept(message, spool as Partial<SpoolStore>)) report.spooled += left
    else waiting.push(message as SpoolMessage)
  }

  const earlier = waiting.length
  for (const { channel, message } of items.flatMap(({ diagnosticsChannelEvents: events }) => events ?? [])) {
    if (channel === CHANNEL) await settle(message, retryAttempts)
    if (channel === LIMIT_EXCEEDED) {
      warn(
        'drainTail: an invocation has logged and published more than 256 KiB; the platform has dropped the rest, spans perhaps among it. Log less, or lower maxInvocationBytes of tailSpool',
      )
    }
  }
  // One after the other: an invocation that is thrown away takes no more than one along.
  for (let left = earlier; left > 0 && waiting.length > 0; left--) await settle(waiting.shift(), 0)

  let bytes = waiting.reduce((sum, { body }) => sum + body.length, 0)
  while (bytes > MAX_WAITING_BYTES) {
    const { spans, body } = waiting.shift() as SpoolMessage
    bytes -= body.length
    drop({ spans, reason: 'queue-full', error: `more than ${MAX_WAITING_BYTES} bytes wait` })
  }
  const pending = waiting.reduce((sum, { spans }) => sum + spans, 0)
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
