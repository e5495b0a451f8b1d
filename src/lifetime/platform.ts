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

/** Under which Vercel, and a platform that runs Next.js, keep what belongs to the running request. */
const CONTEXTS = ['@vercel/request-context', '@next/request-context']

export function serverPlatform(): Platform {
  const found = globalThis as unknown as Record<symbol, { get?(): Partial<Execution> | undefined } | undefined>
  for (const name of CONTEXTS) {
    const execution = guard('the request context', () => found[Symbol.for(name)]?.get?.())
    if (typeof execution?.waitUntil === 'function') return { execution: execution as Execution }
  }
  return { awaited: !!serverEnvironment()?.VERCEL }
}

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
