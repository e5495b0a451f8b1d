/**
 * A spool that costs neither a request nor time: batches are published on a diagnostics channel, and a Tail Worker is told
 * of them when the invocation is over, however it ended. Nobody can tell from inside whether one is attached.
 */
import type { Spool } from '../outbox/spool.ts'
import { OwnError, warn } from '../runtime/diag.ts'
import { isWorkers } from '../runtime/platform.ts'
import { invocationOf } from '../session/current.ts'
import { bodyWithin, ENVELOPE_BYTES, toMessage } from './message.ts'
import { takesAtOnce } from './offer.ts'
import { keepIn, SPOOL_FAILED, type SpooledBatch } from './store.ts'

/** How much `tailSpool()` may publish. */
export interface TailSpoolOptions {
  /**
   * What an invocation may publish, bytes. Default 240 000. The platform drops what exceeds 256 KiB, in which it counts
   * what the Worker logs, too: less for one that logs much.
   */
  maxInvocationBytes?: number
}

/** Of Node's module, what is needed. */
interface Channel {
  readonly hasSubscribers: boolean
  publish(message: unknown): void
}
interface ChannelModule {
  channel(name: string): Channel
}

/** Where the Tail Worker finds them. */
export const CHANNEL = 'agentops-edge.spool'
const MESSAGE_BYTES = 180_000
const INVOCATION_BYTES = 240_000

/** What each invocation has published, bytes. */
const published: WeakMap<object, number> = new WeakMap()
/** Null where it was looked for in vain. */
let found: Channel | null | undefined

/**
 * Spools to a Tail Worker that calls `drainTail`; needs the compatibility flag `nodejs_compat` and the Worker's
 * `tail_consumers`. It is asked after the first attempt that fails, or where those of other sessions have. What it does not take, and all where there is no
 * diagnostics channel, is said and goes the usual way; where no Tail Worker is attached, what it takes is lost.
 *
 * ```ts
 * app.use(agentops({ spool: tailSpool() }))
 * ```
 */
export function tailSpool({ maxInvocationBytes = INVOCATION_BYTES }: TailSpoolOptions = {}): Spool {
  return takesAtOnce(async (delivery, connection) => {
    const invocation = invocationOf(connection.session ?? connection)
    const put = async (batch: SpooledBatch): Promise<void> => {
      const channel = await findChannel()
      const message = toMessage(batch)
      const bytes = (published.get(invocation) ?? 0) + message.body.length + ENVELOPE_BYTES
      if (bytes > maxInvocationBytes) throw new OwnError(`an invocation publishes ${maxInvocationBytes} bytes at most`)
      channel.publish(message)
      published.set(invocation, bytes)
    }
    const kept = await keepIn({ maxBytes: bodyWithin(MESSAGE_BYTES), put }, delivery, connection, true)
    const { length } = kept.unsent
    if (length) {
      const [, why = `a message has ${MESSAGE_BYTES} bytes at most`] = kept.error?.split(SPOOL_FAILED) ?? []
      warn(`tailSpool: ${length} spans are sent as if there were no spool: ${why}`, `tailSpool ${why}`)
    }
    return kept
  })
}

/** Looked for at run time: a Worker without it must load all the same. */
async function findChannel(): Promise<Channel> {
  if (found === undefined) {
    const name = ['node', 'diagnostics_channel'].join(':')
    const { process } = globalThis as { process?: { getBuiltinModule?(id: string): ChannelModule | undefined } }
    try {
      const module: ChannelModule =
        process?.getBuiltinModule?.(name) ??
        (await import(/* @vite-ignore */ /* webpackIgnore: true */ /* turbopackIgnore: true */ name))
      found = module.channel(CHANNEL)
    } catch {
      found = null
    }
  }
  if (!found) throw new OwnError('node:diagnostics_channel is missing; add the compatibility flag "nodejs_compat"')
  if (!isWorkers() && !found.hasSubscribers) throw new OwnError('nobody listens: only Cloudflare has Tail Workers')
  return found
}
