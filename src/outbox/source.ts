/** What delivers the spans of a processor to one destination: through the outbox, or as the format has it. */
import { NOTHING } from '../formats/parts.ts'
import { runQuietly } from '../runtime/scope.ts'
import type { DeliveryConfig } from './config.ts'
import type { Sending } from './run.ts'
import { Sender, type SenderInit } from './sender.ts'

export interface Source {
  /** Whether it delivers while the session goes on: AgentOps v2 does so only when it has to. */
  readonly isEarly: boolean
  /** What delivers the spans of one processor. */
  sender(init: SenderInit): Sender
}

/** `init`: of the one session whose spans these are; without one, each export may cost `maxRequests`. */
export function sourceOf(config: DeliveryConfig, init: SenderInit = {}): Source {
  return {
    isEarly: !config.format.api,
    sender: ({ onDrop = init.onDrop, onRun = init.onRun }) =>
      new Sender(config, { ...init, onDrop, onRun, direct: directOf(config) }),
  }
}

/** Undefined where spans go through the outbox. */
function directOf({ destination, format }: DeliveryConfig): Sending['direct'] {
  const { deliver } = format
  if (destination && format.wire) return undefined
  return async (spans, connection) => {
    if (!destination || !deliver) return { ...NOTHING, dropped: spans.length, reason: 'no-destination' }
    // Without a request left there is nothing to encode for.
    const limited = connection.limited()
    return limited ? { ...NOTHING, unsent: spans, ...limited } : runQuietly(() => deliver(spans, connection))
  }
}
