/**
 * W3C Baggage (https://www.w3.org/TR/baggage/) as an OpenTelemetry propagator, under the API's own key: what is read here
 * `propagation.getBaggage` finds, and what is set there is handed on. The API's way to it, and the SDK's propagator, are
 * three times as large.
 */
import {
  type Baggage,
  type BaggageEntry,
  type BaggageEntryMetadata,
  type Context,
  createContextKey,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from '@opentelemetry/api'
import { isTracingSuppressed } from '@opentelemetry/core'

const HEADER = 'baggage'
/** A key of the API is the same in all of its copies, by its name. */
const KEY = createContextKey('OpenTelemetry Baggage Key')
/** OpenTelemetry's limits: of members, and of characters in one and in all. */
const MAX_MEMBERS = 180
const MAX_MEMBER = 4096
const MAX_ALL = 8192

export function baggageIn(context: Context): Baggage | undefined {
  return (context.getValue(KEY) as Baggage | undefined) || undefined
}

export function withBaggage(context: Context, baggage: Baggage): Context {
  return context.setValue(KEY, baggage)
}

export function baggageOf(entries: ReadonlyMap<string, BaggageEntry>): Baggage {
  const without = (...keys: string[]): Baggage =>
    baggageOf(new Map([...entries].filter(([key]) => !keys.includes(key))))
  return {
    getEntry(key) {
      const entry = entries.get(key)
      return entry && { ...entry }
    },
    getAllEntries: () => [...entries],
    setEntry: (key, entry) => baggageOf(new Map([...entries, [key, entry]])),
    removeEntry: without,
    removeEntries: without,
    clear: () => baggageOf(new Map()),
  }
}

export const baggagePropagator: TextMapPropagator = {
  inject(context: Context, carrier: unknown, setter: TextMapSetter) {
    if (isTracingSuppressed(context)) return
    const members = baggageIn(context)?.getAllEntries().map(memberOf) ?? []
    let all = ''
    for (const member of members.filter(({ length }) => length <= MAX_MEMBER).slice(0, MAX_MEMBERS)) {
      const more = all ? `${all},${member}` : member
      if (more.length <= MAX_ALL) all = more
    }
    if (all) setter.set(carrier, HEADER, all)
  },
  extract(context: Context, carrier: unknown, getter: TextMapGetter) {
    const given = getter.get(carrier, HEADER)
    if (!given) return context
    const entries: Map<string, BaggageEntry> = new Map()
    let members = 0
    let length = 0
    // Several headers are as one.
    for (const member of `${given}`.split(',')) {
      const read = member.length <= MAX_MEMBER && entryOf(member)
      if (!read) continue
      length += member.length + (members ? 1 : 0)
      if (length > MAX_ALL || ++members > MAX_MEMBERS) break
      entries.set(...read)
    }
    return entries.size ? withBaggage(context, baggageOf(entries)) : context
  },
  fields: () => [HEADER],
}

function memberOf([key, { value, metadata }]: [string, BaggageEntry]): string {
  const pair = `${encodeURIComponent(key)}=${encodeURIComponent(value)}`
  return metadata === undefined ? pair : `${pair};${metadata}`
}

/** Undefined where it is none. */
function entryOf(member: string): [string, BaggageEntry] | undefined {
  const [pair, properties] = parted(member, ';')
  try {
    const [key, value] = parted(pair, '=').map((part) => decodeURIComponent(part.trim())) as [string, string]
    if (!key || !value) return undefined
    return [key, properties ? { value, metadata: { toString: () => properties } as BaggageEntryMetadata } : { value }]
  } catch {
    return undefined
  }
}

/** Before and behind the first `mark`. */
function parted(text: string, mark: string): [before: string, behind: string] {
  const [before = '', ...behind] = text.split(mark)
  return [before, behind.join(mark)]
}
