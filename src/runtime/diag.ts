/**
 * What this library says to the person who runs it: one line, once per cause, through the OpenTelemetry `diag`
 * logger where one is set, through the console where none is. It never says a secret and never throws.
 */
import type { ContextManager, DiagLogger } from '@opentelemetry/api'

/**
 * Causes already said in this isolate; bounded, because a cause may contain a name that a request chose. When full it is
 * emptied: better to say something again than to say nothing any more.
 */
const said: Set<string> = new Set()
const MAX_CAUSES = 256

/** The globals of OpenTelemetry's API, as each of its versions 1.x keeps them. */
interface Globals {
  /** Of the copy that registered first. */
  readonly version?: string
  readonly diag?: DiagLogger
  readonly context?: ContextManager
  readonly trace?: unknown
  readonly propagation?: unknown
}

/**
 * What OpenTelemetry's API keeps for all its copies in this isolate. The API itself shows a copy nothing that an older
 * one has registered.
 */
export function otelGlobals(): Globals | undefined {
  return (globalThis as unknown as Record<symbol, Globals | undefined>)[Symbol.for('opentelemetry.js.api.1')]
}

/** Whether somebody has registered an OpenTelemetry global of this kind, whoever they are. */
export function hasGlobal(kind: Exclude<keyof Globals, 'version'>): boolean {
  return !!otelGlobals()?.[kind]
}

/** The version of the API's copy that registered first; undefined where none has. */
export function apiVersion(): string | undefined {
  return otelGlobals()?.version
}

/** Says `message` at once, and never again in this isolate for the same `cause`. */
export function warn(message: string, cause: string = message): undefined {
  if (said.has(cause)) return
  if (said.size >= MAX_CAUSES) said.clear()
  said.add(cause)
  try {
    const logger = otelGlobals()?.diag ?? console
    logger.warn(`agentops-edge: ${message}`)
  } catch {
    // A logger that throws must not take the request with it.
  }
}

/** Runs `task`; an error of ours is said and swallowed, because telemetry must not break the user's code. */
export function guard<T>(what: string, task: () => T): T | undefined {
  const failed = (error: unknown): undefined => warn(`${what} failed; it is left out (${describe(error)})`, what)
  try {
    const result = task()
    // A callback of the user's may be async.
    if (result instanceof Promise) result.catch(failed)
    return result
  } catch (error) {
    return failed(error)
  }
}

/** An error's message, or what was thrown instead of one; never throws. */
export function describe(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error)
  } catch {
    return 'an unprintable value'
  }
}
