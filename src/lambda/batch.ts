/** The messages of an event: a span each, and what the handler's result says became of them. */
import type { Link } from '@opentelemetry/api'
import type { Carrier } from '../propagation/propagators.ts'
import { CONSUMER, ERROR } from '../runtime/otel.ts'
import * as key from '../runtime/semconv.ts'
import type { Session } from '../session/session.ts'
import { fieldsOf } from './fields.ts'
import type { Fields, LambdaMessage, LambdaTrigger } from './types.ts'

export interface Batch {
  /** Ends the spans by the handler's result; gives how many messages it has named as failed. */
  settle(result: unknown): number
  /** The handler threw: all are delivered again. */
  fail(): void
}

/** Of an event without messages it is empty. */
export function openBatch(session: Session, trigger: LambdaTrigger, linksOf: (carrier: Carrier) => Link[]): Batch {
  const { name, messages = [], ordered } = trigger
  const watched = messages.map((message) => {
    const { attributes } = message
    const links = linksOf(message.carrier)
    const span = session.tracer.startSpan(name, { kind: CONSUMER, links, attributes }, session.context)
    return { message, span }
  })
  const end = (failed: ReadonlySet<LambdaMessage>, implicit: boolean): void => {
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
  return {
    settle(result) {
      const failed = failedOf(result, messages, !!ordered)
      end(failed ?? new Set(), !failed)
      return failed?.size ?? 0
    },
    fail: () => end(new Set(messages), true),
  }
}

/** The messages that the handler has named as failed; undefined where it named none. */
function failedOf(
  result: unknown,
  messages: readonly LambdaMessage[],
  ordered: boolean,
): ReadonlySet<LambdaMessage> | undefined {
  if (!messages.length) return undefined
  const { batchItemFailures } = fieldsOf(result)
  // JSON that was made text, or no list: Lambda cannot read it, and all are delivered again.
  const isText = typeof result === 'string' && result.includes('batchItemFailures')
  if (isText || !Array.isArray(batchItemFailures ?? [])) return new Set(messages)
  if (!batchItemFailures) return undefined
  const ids = new Set((batchItemFailures as unknown[]).map((item) => (fieldsOf(item) as Fields).itemIdentifier))
  const failed = messages.filter(({ id }) => ids.has(id))
  // An identifier that is none of the batch's, or an empty one, fails the whole batch: Lambda's rule.
  if (failed.length < ids.size) return new Set(messages)
  const first = failed[0]
  return new Set(ordered && first ? messages.slice(messages.indexOf(first)) : failed)
}
