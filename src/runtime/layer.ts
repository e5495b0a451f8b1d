/**
 * A context as one value over another context, none of them ever changed. The API's own copies a map, and makes three
 * functions, for each value that is set: what is set once or twice a span is to cost one small object.
 */
import type { Context } from '@opentelemetry/api'

class Layer implements Context {
  readonly #below: Context
  readonly #key: symbol
  readonly #value: unknown

  constructor(below: Context, key: symbol, value: unknown) {
    this.#below = below
    this.#key = key
    this.#value = value
  }

  getValue(key: symbol): unknown {
    return this.#key === key ? this.#value : this.#below.getValue(key)
  }

  setValue(key: symbol, value: unknown): Context {
    return new Layer(Layer.without(this, key), key, value)
  }

  deleteValue(key: symbol): Context {
    return new Layer(Layer.without(this, key), key, undefined)
  }

  /** The layers but the one of `key`, so that they are never more than there are keys. */
  static without(context: Context, key: symbol): Context {
    if (!(context instanceof Layer)) return context
    if (context.#key === key) return context.#below
    const below = Layer.without(context.#below, key)
    return below === context.#below ? context : new Layer(below, context.#key, context.#value)
  }
}

/** `below` with one more value, and with those that are set on what this gives. `below` must not change either. */
export function layer(below: Context, key: symbol, value: unknown): Context {
  return new Layer(below, key, value)
}
