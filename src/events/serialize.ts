/**
 * Any value as JSON text of a bounded size. It never throws and never runs long: cycles, throwing getters, values that
 * JSON has no form for and texts of megabytes are replaced or cut, and what was cut says so.
 */

/** The most characters (UTF-16 units) that one value may take in `event.data` and in any other attribute. */
export const MAX_VALUE_CHARS = 65_536
/** Deeper values are named, not shown. */
const MAX_DEPTH = 16
/** Kept free for the marks that say what was cut. */
const MARKS = 2048

/** `value` as JSON, at most `limit` characters; undefined becomes `null`. */
export function toJson(value: unknown, limit: number = MAX_VALUE_CHARS): string {
  try {
    return JSON.stringify(new Copier(Math.max(limit - MARKS, 0)).copy(value)) ?? 'null'
  } catch (error) {
    return JSON.stringify(`[unreadable: ${String(error).slice(0, 200)}]`)
  }
}

/** Text as it is, everything else as JSON: what AgentOps shows for parameters and results. */
export function toText(value: unknown, limit: number = MAX_VALUE_CHARS): string {
  return typeof value === 'string' ? cut(value, limit) : toJson(value, limit)
}

/** `text` with unpaired surrogates replaced, cut to `limit` characters with a mark that says how many are missing. */
export function cut(text: string, limit: number = MAX_VALUE_CHARS): string {
  if (text.length <= limit) return wellFormed(text)
  const kept = wellFormed(text.slice(0, Math.max(limit - 40, 0)))
  return `${kept}…[${text.length - kept.length} characters cut]`
}

/** Copies a value into one that JSON can hold, spending from one budget of characters. */
class Copier {
  #budget: number
  readonly #ancestors: Set<object> = new Set()

  constructor(budget: number) {
    this.#budget = budget
  }

  copy(value: unknown, depth = 0): unknown {
    try {
      return this.#copy(value, depth)
    } catch (error) {
      return this.#text(`[threw: ${error instanceof Error ? error.message : 'no error'}]`)
    }
  }

  #copy(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        this.#budget -= String(value).length
        return Number.isFinite(value) ? value : String(value)
      case 'boolean':
      case 'undefined':
        this.#budget -= 5
        return value
      case 'bigint':
      case 'symbol':
        return this.#text(String(value))
      case 'function':
        return this.#text(`[function ${value.name}]`)
    }
    if (value === null) {
      this.#budget -= 5
      return null
    }
    const object = value as object
    if (this.#ancestors.has(object)) return this.#text('[circular]')
    if (depth >= MAX_DEPTH) return this.#text(`[${nameOf(object)} too deep]`)
    this.#ancestors.add(object)
    try {
      return this.#object(object, depth + 1)
    } finally {
      this.#ancestors.delete(object)
    }
  }

  #object(object: object, depth: number): unknown {
    if (object instanceof Date) return this.#text(Number.isNaN(+object) ? 'Invalid Date' : object.toISOString())
    if (object instanceof Error) return this.#error(object, depth)
    if (Array.isArray(object) || object instanceof Set) return this.#list(object, depth)
    if (object instanceof Map) return this.#entries(object, object.size, depth)
    if (object instanceof ArrayBuffer || ArrayBuffer.isView(object)) {
      return this.#text(`[${nameOf(object)} ${object.byteLength} bytes]`)
    }
    if (object instanceof Promise || object instanceof RegExp || object instanceof URL) {
      return this.#text(object instanceof Promise ? '[Promise]' : String(object))
    }
    const { toJSON } = object as { toJSON?: unknown }
    if (typeof toJSON === 'function') return this.copy(toJSON.call(object, ''), depth)
    const keys = Object.keys(object)
    return this.#entries(read(object, keys), keys.length, depth)
  }

  #error(error: Error, depth: number): unknown {
    // An error's own fields are not enumerable, except those that somebody added.
    const names = ['name', 'message', 'stack', 'cause'].filter((name) => name in error)
    const keys = [...new Set([...names, ...Object.keys(error)])]
    return this.#entries(read(error, keys), keys.length, depth)
  }

  #list(list: readonly unknown[] | ReadonlySet<unknown>, depth: number): unknown[] {
    const copied: unknown[] = []
    for (const item of list) {
      if (this.#spent()) {
        const size = Array.isArray(list) ? list.length : (list as ReadonlySet<unknown>).size
        copied.push(`…[${size - copied.length} items cut]`)
        break
      }
      copied.push(this.copy(item, depth))
    }
    return copied
  }

  #entries(entries: Iterable<readonly [unknown, unknown]>, size: number, depth: number): Record<string, unknown> {
    // Without a prototype: a key `__proto__` is data here.
    const copied: Record<string, unknown> = Object.create(null)
    let count = 0
    for (const [key, value] of entries) {
      if (this.#spent()) {
        copied['…'] = `[${size - count} entries cut]`
        break
      }
      count++
      copied[this.#text(typeof key === 'object' ? '[object key]' : String(key))] = this.copy(value, depth)
    }
    return copied
  }

  #spent(): boolean {
    // Separators, quotes and brackets of one more entry.
    this.#budget -= 4
    return this.#budget <= 0
  }

  /** Takes the text's cost as JSON: a control character takes six characters there. */
  #text(text: string): string {
    const budget = Math.max(this.#budget, 2)
    let kept = wellFormed(text.slice(0, budget - 2))
    let cost = JSON.stringify(kept).length
    while (cost > budget) {
      kept = wellFormed(kept.slice(0, Math.min(kept.length - 1, Math.floor((kept.length * budget) / cost))))
      cost = JSON.stringify(kept).length
    }
    this.#budget -= cost
    return kept.length < text.length ? `${kept}…[${text.length - kept.length} characters cut]` : kept
  }
}

function* read(object: object, keys: readonly string[]): Iterable<readonly [string, unknown]> {
  for (const key of keys) {
    let value: unknown
    try {
      value = (object as Record<string, unknown>)[key]
    } catch (error) {
      value = `[threw: ${error instanceof Error ? error.message : 'no error'}]`
    }
    yield [key, value]
  }
}

function nameOf(object: object): string {
  return String(object.constructor?.name ?? 'object').slice(0, 100)
}

function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}
