/** Parts of a span's attributes. */
import type { Attributes } from '@opentelemetry/api'

export function pick(attributes: Attributes, names: readonly string[]): Attributes {
  return some(Object.fromEntries(names.map((name) => [name, attributes[name]])))
}

/** Without those that are undefined. */
export function some(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
}
