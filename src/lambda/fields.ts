/** Looks into an event of which nothing is known. Nothing here throws. */
import type { Carrier } from '../propagation/propagators.ts'
import type { Fields } from './types.ts'

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value ? (value as Fields) : {}
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value ? value : undefined
}

/** Attributes of a message, or fields of a payload, as headers. `value`: the field of an attribute that its text stands in. `xray`: X-Ray's header, under the name that requests have it. */
export function carrierOf(attributes: Fields, value?: string, xray?: unknown): Carrier {
  const named = new Map(
    Object.entries(attributes).map(([name, found]) => [
      name.toLowerCase(),
      textOf(value === undefined ? found : fieldsOf(found)[value]),
    ]),
  )
  if (xray !== undefined) named.set('x-amzn-trace-id', textOf(xray))
  return { get: (name) => named.get(name), keys: () => named.keys() }
}

export const NO_CARRIER: Carrier = { get: () => undefined }
