/** What an adapter finds where its framework hands it no context: Vercel's, Next.js', or a server that lives on. */

import type { Environment } from '../options/options.ts'
import { guard } from '../runtime/diag.ts'
import type { Execution } from './wait-until.ts'

/** What an adapter knows of its platform. */
export interface Platform {
  /** The platform's context; through it the session is found without AsyncLocalStorage. */
  execution?: Execution
  /** Other invocations have the same context, and the platform ends none of them: a Durable Object's. */
  shared?: boolean
  /** When the platform ends the invocation, milliseconds since the epoch, where it is known from the start. */
  endBy?: number
  /** The platform freezes the process when the response is out, and has no `waitUntil`: the response waits. */
  awaited?: boolean
}

/** Under which a platform that runs Next.js, and Vercel, keep what belongs to the running request. */
export const NEXT_CONTEXT: symbol = Symbol.for('@next/request-context')
const CONTEXTS = [Symbol.for('@vercel/request-context'), NEXT_CONTEXT]
/** One of this library's own, for `after()`: no platform's. */
export const OURS: symbol = Symbol.for('agentops-edge.after.1')

export function serverPlatform(): Platform {
  type Kept = { get?(): Partial<Execution> | undefined }
  const found = globalThis as unknown as Record<symbol, Kept | undefined>
  for (const name of CONTEXTS) {
    const execution = guard('the request context', () =>
      found[name]?.[OURS as never] ? undefined : found[name]?.get?.(),
    )
    if (typeof execution?.waitUntil === 'function') return { execution: execution as Execution }
  }
  return { awaited: !!serverEnvironment()?.VERCEL }
}

/** `NEXT_PHASE` while Next.js builds. */
export const BUILDING = 'phase-production-build'

/** `process.env`, where the runtime has it, and lets it be read: Deno asks for a permission. */
export function serverEnvironment(): Environment | undefined {
  try {
    const { env } = (globalThis as { process?: { env?: Environment } }).process ?? {}
    void env?.VERCEL
    return env
  } catch {
    return undefined
  }
}
