/**
 * What this library says to the person who runs it: one line, once per cause, through the OpenTelemetry `diag`
 * logger where one is set, through the console where none is. It never throws, and no line holds a secret: no message
 * of an error, and what a backend says only as its destination shows it.
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

/** Characters of a line. */
const MAX_LINE = 1000
/** What moves a terminal's cursor, turns its text around or ends a line, and half a character. */
const UNPRINTABLE = '[\\p{C}\\p{Zl}\\p{Zp}]+'

let isDebug = false

/** From here on `debug` is said in this isolate. */
export function enableDebug(): void {
  isDebug = true
}

/** Says at once what somebody has to know: something is lost, or was asked for in a way that cannot be. */
export function warn(message: string, cause: string = message): undefined {
  say('warn', message, cause)
}

/** Says what helps whoever looks for a cause, where the option `debug` is on. */
export function debug(message: string): undefined {
  if (isDebug) say('debug', message, message)
}

/** Whether `debug` says anything: to be asked first where it takes time to put the message together. */
export function isDebugging(): boolean {
  return isDebug
}

/** The one place that writes a line; never again in this isolate for the same `cause`. */
function say(level: 'warn' | 'debug', message: string, cause: string): void {
  if (said.has(cause)) return
  if (said.size >= MAX_CAUSES) said.clear()
  said.add(cause)
  try {
    const logger = otelGlobals()?.diag ?? console
    logger[level](printable(`agentops-edge: ${message}`).slice(0, MAX_LINE))
  } catch {
    // A logger that throws must not take the request with it.
  }
}

/** `text` in one line. */
export function printable(text: string): string {
  // Made here, as Unicode classes in a literal cost half a millisecond at each start, also where no line is printed.
  return text.replace(new RegExp(UNPRINTABLE, 'gu'), ' ')
}

/** Runs `task`; an error of ours is said and swallowed, because telemetry must not break the user's code. */
export function guard<T>(what: string, task: () => T): T | undefined {
  try {
    const result = task()
    // A callback of the user's may be async.
    if (result instanceof Promise) result.catch((error) => failed(what, error))
    return result
  } catch (error) {
    return failed(what, error)
  }
}

function failed(what: string, error: unknown): undefined {
  return warn(`${what} failed; it is left out (${identify(error)})`, what)
}

/** An error of ours: its message holds nothing that is not ours. */
export class OwnError extends TypeError {}

/**
 * An error without its message, which may quote a secret: its name, its code, and where it was thrown; ours, and Deno's
 * about a permission, by what they say. Never throws.
 */
export function identify(error: unknown): string {
  try {
    if (error instanceof OwnError || (error as Error).name === 'NotCapable') return (error as Error).message
    const { name, code, cause, message, stack } = error as Error & { code?: unknown; cause?: { code?: unknown } }
    const start = `${stack}`.indexOf(message)
    const at = /\n\s+(at .*)/.exec(start < 0 ? '' : `${stack}`.slice(start + message.length))?.[1]
    const parts = [name, code ?? cause?.code, at]
    return parts.filter((part) => /^[\w.]{1,64}$|^at /.test(`${part ?? ''}`)).join(' ') || typeof error
  } catch {
    return typeof error
  }
}

/** What stands for a value that does not let itself be read. */
export const UNREADABLE = 'an unprintable value'

/** Also one of another realm: Next.js' sandbox for the edge, a test runner's. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || (typeof value === 'object' && {}.toString.call(value).endsWith('Error]'))
}

/** An error's message, or what was thrown instead of one; never throws. */
export function describe(error: unknown): string {
  try {
    return isError(error) ? error.message : String(error)
  } catch {
    return UNREADABLE
  }
}
