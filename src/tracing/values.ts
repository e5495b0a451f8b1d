/**
 * Attributes as a span may hold them. What OTLP cannot carry (a number that is none, an integer beyond 64 bits, a function),
 * what the last look does not look into (objects, bytes), and more than 16 levels are left out and counted, never sent as
 * something else.
 */
import type { Attributes, AttributeValue } from '@opentelemetry/api'
import { debug, guard } from '../runtime/diag.ts'
import { isInt64 } from '../runtime/otel.ts'
import { field } from '../runtime/serialize.ts'

const MAX_DEPTH = 16

/** The attributes of a span, an event or a link. */
export class AttributeSet {
  values: Attributes = {}
  /** Left out so far. */
  dropped = 0
  #size = 0
  readonly #limit: number

  constructor(limit: number, given?: Attributes) {
    this.#limit = limit
    if (given) this.addAll(given)
  }

  /** Undefined and null are no values. */
  add(name: string, value: unknown): void {
    if (value === undefined || value === null) return
    const { values } = this
    const isNew = !Object.hasOwn(values, name)
    const copy = typeof value === 'object' ? guard('an attribute', () => copyOf(value)) : copyOf(value)
    // That name would be the prototype's.
    if (copy === undefined || !name || name === '__proto__' || (isNew && this.#size >= this.#limit)) {
      this.dropped++
      debug(
        `attribute ${name}: left out; expected text, a finite number, a boolean or a list of them, at most ${this.#limit} in all`,
      )
      return
    }
    if (isNew) this.#size++
    values[name] = copy as AttributeValue
  }

  addAll(given: Attributes): void {
    guard('attributes', () => {
      for (const name of Object.keys(given)) this.add(name, field(given, name))
    })
  }
}

/** A copy, so that nobody changes it later; undefined where it cannot be carried whole. */
function copyOf(value: unknown, depth = 0): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
  if (typeof value === 'number') return isCarried(value) ? value : undefined
  if (!Array.isArray(value) || depth > MAX_DEPTH) return undefined
  const copy: unknown[] = []
  for (const part of value) {
    const own = copyOf(part ?? null, depth + 1)
    if (own === undefined) return undefined
    copy.push(own)
  }
  return copy
}

function isCarried(value: number): boolean {
  return Number.isFinite(value) && (isInt64(value) || !Number.isInteger(value))
}
