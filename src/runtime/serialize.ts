/**
 * Any value as JSON text of a bounded size. It never throws and never runs long: cycles, throwing getters, values that
 * JSON has no form for and texts of megabytes are replaced or cut, and what was cut says so.
 */
import { describe, isError } from './diag.ts'

/** The most characters (UTF-16 units) that one value may take in `event.data` and in any other attribute. */
export const MAX_VALUE_CHARS = 65_536
/** Deeper values are named, not shown. */
const MAX_DEPTH = 16
/** Kept free for the marks that say what was cut. */
const MARKS = 2048
/** Fields of an error that are not enumerable. */
const ERROR_FIELDS = ['name', 'message', 'stack', 'cause']

/**
 * `value` as JSON, at most `limit` characters; undefined becomes `null`. `plain`: what `plainJson` has made of it, where
 * somebody has asked before.
 */
export function toJson(
  value: unknown,
  limit: number = MAX_VALUE_CHARS,
  plain: string | undefined = plainJson(value, limit),
): string {
  if (plain !== undefined) return plain
  // What is left for the whole value. Every part takes what it costs as JSON.
  let budget = limit - MARKS

  const text = (full: string): string => {
    const room = Math.max(budget, 2)
    let kept = full.slice(0, room)
    // A control character takes six characters in JSON.
    while (quotedLength(kept) > room) kept = kept.slice(0, (kept.length * room) / quotedLength(kept))
    budget -= quotedLength(kept)
    return shorten(full, kept.length)
  }

  /** A copy that JSON can hold. `above`: the objects around the value. */
  const copy = (part: unknown, above: readonly object[]): unknown => {
    try {
      if (part === undefined || part === null || typeof part === 'boolean' || Number.isFinite(part)) {
        budget -= String(part).length
        return part
      }
      if (isRemote(part)) return text('[remote object]')
      if (typeof part === 'function') return text(`[function ${part.name}]`)
      return typeof part === 'object' ? copyObject(part, above) : text(String(part))
    } catch (error) {
      return text(threw(error))
    }
  }

  const copyObject = (object: object, above: readonly object[]): unknown => {
    if (above.includes(object)) return text('[circular]')
    const name = String(object.constructor?.name).slice(0, 100)
    if (above.length >= MAX_DEPTH) return text(`[${name} too deep]`)
    if (object instanceof ArrayBuffer || ArrayBuffer.isView(object)) return text(`[${name} ${object.byteLength} bytes]`)
    if (object instanceof Promise) return text('[Promise]')
    if (object instanceof RegExp || (object instanceof Date && Number.isNaN(+object))) return text(String(object))
    const inside = [...above, object]
    const isFailure = isError(object)
    const { toJSON } = object as { toJSON?: unknown }
    if (!isFailure && typeof toJSON === 'function') return copy(toJSON.call(object, ''), inside)

    const isList = Array.isArray(object) || object instanceof Set
    const keyed = isList || object instanceof Map ? (object as Map<unknown, unknown>) : undefined
    const own = keyed ? [] : Object.keys(object)
    const names = isFailure ? [...new Set([...ERROR_FIELDS, ...own])] : own
    // Without a prototype: a key `__proto__` is data here.
    const copied: Record<string, unknown> = isList ? ([] as never) : Object.create(null)
    let count = 0
    for (const [key, item] of keyed?.entries() ?? fields(object, names)) {
      // Separators, quotes and brackets of one more entry.
      budget -= 4
      if (budget <= 0) {
        copied[isList ? count : '…'] = '…[the rest is cut]'
        break
      }
      copied[isList ? count : text(describe(key))] = copy(item, inside)
      count++
    }
    return copied
  }

  try {
    return JSON.stringify(copy(value, [])) ?? 'null'
  } catch {
    return '"[unreadable]"'
  }
}

/** What `JSON.stringify` makes of values that need no care, as most do; undefined where one does, or it is too long for `limit`. */
export function plainJson(value: unknown, limit: number = MAX_VALUE_CHARS): string | undefined {
  if (value === undefined) return undefined
  let room = limit - MARKS
  const isPlain = (part: unknown, depth: number): boolean => {
    if (part === null || typeof part === 'boolean') return true
    if (typeof part === 'string') {
      room -= part.length
      return room > 0
    }
    if (typeof part === 'number') return Number.isFinite(part)
    if (typeof part !== 'object' || depth > MAX_DEPTH || 'toJSON' in part || isRemote(part)) return false
    const isList = Array.isArray(part)
    if (!isList && Object.getPrototypeOf(part) !== Object.prototype) return false
    for (const name of Object.keys(part)) {
      room -= name.length + 4
      const inner = (part as Record<string, unknown>)[name]
      if (room <= 0 || !(isPlain(inner, depth + 1) || (inner === undefined && !isList))) return false
    }
    return true
  }
  try {
    if (!isPlain(value, 0)) return undefined
    const text = JSON.stringify(value)
    // Half a surrogate pair is replaced.
    return isPlainJson(text, limit) ? text : undefined
  } catch {
    return undefined
  }
}

function isPlainJson(text: string, limit: number): boolean {
  return text.length <= limit - MARKS && !text.includes('\\ud')
}

/** Fields as one object in JSON. `plain`: what `plainJson` has made of some of them. */
export function fieldsToJson(fields: object, plain: Readonly<Record<string, string | undefined>>): string {
  let text = ''
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue
    const own = (Object.hasOwn(plain, name) ? plain[name] : undefined) ?? plainJson(value)
    if (own === undefined) return toJson(fields)
    text += `${text && ','}${JSON.stringify(name)}:${own}`
  }
  return isPlainJson(text, MAX_VALUE_CHARS) ? `{${text}}` : toJson(fields)
}

/** Text as it is, everything else as JSON: what AgentOps shows for parameters and results. Nothing stays nothing. */
export function toText(value: unknown, limit: number = MAX_VALUE_CHARS, plain?: string): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? cut(value, limit) : toJson(value, limit, plain)
}

/** `value` as text of at most `limit` characters, with a mark that says how many are missing. */
export function cut(value: unknown, limit: number = MAX_VALUE_CHARS): string {
  const text = typeof value === 'string' ? value : describe(value)
  return shorten(text, text.length > limit ? Math.max(limit - 40, 0) : limit)
}

/** A field of an object; one that throws is named. */
export function field(object: object, name: string): unknown {
  try {
    return (object as Record<string, unknown>)[name]
  } catch (error) {
    return threw(error)
  }
}

/** The fields of an object, read one by one. */
function* fields(object: object, names: readonly string[]): Iterable<[string, unknown]> {
  for (const name of names) yield [name, field(object, name)]
}

/**
 * A stub of Cloudflare's RPC has every property that it is asked for, and to call one (`toJSON`) is a remote call.
 * Nothing local has a method of this name.
 */
function isRemote(value: unknown): boolean {
  const probe = (value as Record<string, unknown> | undefined)?.['agentops-edge: is anything a method here?']
  return typeof probe === 'function'
}

function threw(error: unknown): string {
  return `[threw: ${describe(error)}]`
}

/** The first `length` characters, unpaired surrogates replaced, and what is missing. */
function shorten(text: string, length: number): string {
  const kept = text.slice(0, length).toWellFormed()
  return kept.length < text.length ? `${kept}…[${text.length - kept.length} characters cut]` : kept
}

function quotedLength(text: string): number {
  return JSON.stringify(text).length
}
