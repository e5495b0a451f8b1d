/**
 * Reads OTLP/HTTP trace requests into plain spans, and keeps each span as it came. A field that is missing stays
 * missing; nothing is guessed.
 */

export type PlainValue = string | number | boolean | null | PlainValue[] | { [key: string]: PlainValue }
/** Attributes by name; int64 beyond 2^53 are as near as a number comes. */
export type PlainAttributes = { [key: string]: PlainValue }

/** A span as it arrived, with plain values. Times are nanoseconds since the Unix epoch. */
export interface CollectedSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  /** OTLP's number: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number
  /** Nanoseconds since the Unix epoch. */
  start: bigint
  end: bigint
  attributes: PlainAttributes
  /** OTLP's code: 0 unset, 1 ok, 2 error. */
  status: { code: number; message?: string }
  events: { name: string; time: bigint; attributes: PlainAttributes }[]
  links: { traceId: string; spanId: string; attributes: PlainAttributes }[]
  resource: PlainAttributes
  scope: { name: string; version?: string }
}

interface KeyValue {
  key: string
  value?: Record<string, unknown>
}
export interface WireSpan extends Omit<CollectedSpan, 'start' | 'end' | 'attributes' | 'status' | 'events' | 'links'> {
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes?: KeyValue[]
  status?: { code?: number; message?: string }
  events?: { name: string; timeUnixNano: string; attributes?: KeyValue[] }[]
  links?: { traceId: string; spanId: string; attributes?: KeyValue[] }[]
}
/** A span as it came, with what stood around it. */
export interface RawSpan {
  resource?: { attributes?: KeyValue[] }
  scope?: CollectedSpan['scope']
  span: WireSpan
}
interface WireRequest {
  resourceSpans?: {
    resource?: RawSpan['resource']
    scopeSpans?: { scope?: RawSpan['scope']; spans?: WireSpan[] }[]
  }[]
}

/** What was read of one request of OTLP: spans, as they came too, and how many were refused. */
export interface ReadSpans {
  spans: CollectedSpan[]
  /** As they came, in the order of `spans`. */
  raw: RawSpan[]
  /** Spans that cannot be kept. */
  rejected: number
  /** What is wrong with the first of them. */
  reason?: string
}

/** What is said to whoever sends; the engine's own errors speak of this code. */
class OtlpError extends TypeError {}

const WRONG_TYPE = 'a field whose type is not the one that OTLP has'

/** Throws where the body is no OTLP trace request, or none of its spans can be kept. In JSON a null is a field that is not there. */
export function readOtlp(body: unknown): ReadSpans {
  const { resourceSpans } = (body ?? {}) as WireRequest
  if (!Array.isArray(resourceSpans)) {
    const isSnake = !!(body as { resource_spans?: unknown } | null)?.resource_spans
    throw new OtlpError(`resourceSpans is missing${isSnake ? ': expected that name for resource_spans' : ''}`)
  }
  const read: ReadSpans = { spans: [], raw: [], rejected: 0 }
  try {
    for (const { resource, scopeSpans } of resourceSpans) {
      const attributes = readAttributes(resource?.attributes)
      for (const { scope, spans } of scopeSpans ?? []) {
        for (const span of spans ?? []) {
          try {
            read.spans.push(toSpan({ span, scope }, attributes))
            read.raw.push({ resource, scope, span })
          } catch (error) {
            read.rejected++
            read.reason ??= reasonOf(error)
          }
        }
      }
    }
  } catch (error) {
    throw error instanceof OtlpError ? error : new OtlpError(`it has ${WRONG_TYPE}`)
  }
  if (read.rejected && !read.spans.length) throw new OtlpError(read.reason)
  return read
}

function reasonOf(error: unknown): string {
  if (error instanceof OtlpError) return error.message
  return `a span has ${error instanceof TypeError ? WRONG_TYPE : 'times that are no integers'}`
}

/** One span as `readOtlp` gives it. */
export function toSpan(
  { span: wire, resource, scope }: RawSpan,
  attributes: PlainAttributes = readAttributes(resource?.attributes),
): CollectedSpan {
  const { name, kind, links, events, status } = wire
  const [traceId, spanId, parentSpanId] = [wire.traceId, wire.spanId, wire.parentSpanId].map((id) =>
    `${id ?? ''}`.toLowerCase(),
  ) as [string, string, string]
  if (!/^(?!0+$)[0-9a-f]{32}$/.test(traceId) || !/^(?!0+$)[0-9a-f]{16}$/.test(spanId)) {
    throw new OtlpError('a span has no valid ids: expected a traceId of 32 hex digits and a spanId of 16')
  }
  const start = BigInt(wire.startTimeUnixNano ?? 0)
  return {
    traceId,
    spanId,
    parentSpanId: /[1-9a-f]/.test(parentSpanId) ? parentSpanId : undefined,
    name: `${name ?? ''}`,
    kind: enumOf(kind, KINDS),
    start,
    end: BigInt(wire.endTimeUnixNano || start),
    attributes: readAttributes(wire.attributes),
    status: {
      code: enumOf(status?.code, CODES),
      message: textOf(status?.message),
    },
    events: (events ?? []).map((event) => ({
      name: textOf(event.name) ?? '',
      time: BigInt(event.timeUnixNano ?? 0),
      attributes: readAttributes(event.attributes),
    })),
    links: (links ?? []).map((link) => ({
      traceId: textOf(link.traceId) ?? '',
      spanId: textOf(link.spanId) ?? '',
      attributes: readAttributes(link.attributes),
    })),
    resource: attributes,
    scope: { name: textOf(scope?.name) ?? '', version: textOf(scope?.version) },
  }
}

/** Whatever a sender puts where a text belongs. */
function textOf(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : `${value}`
}

const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']
const CODES = ['UNSET', 'OK', 'ERROR']

/** OTLP's JSON has numbers for enums; protobuf's own JSON, which some send, has names. */
function enumOf(value: unknown, names: string[]): number {
  const number = typeof value === 'string' ? names.findIndex((name) => value.endsWith(`_${name}`)) : Number(value ?? 0)
  return Number.isInteger(number) && number >= 0 && number < names.length ? number : 0
}

/** Values within values; protobuf's readers stop there, too. */
const MAX_DEPTH = 100

function readAttributes(list?: KeyValue[] | null, depth = 0): PlainAttributes {
  return Object.fromEntries((list ?? []).map(({ key, value }) => [key, readValue(value, depth)]))
}

function readValue(value?: Record<string, unknown> | null, depth = 0): PlainValue {
  if (!value) return null
  if (depth > MAX_DEPTH) throw new OtlpError(`a span has values that are nested more than ${MAX_DEPTH} deep`)
  if (value.arrayValue) {
    const { values } = value.arrayValue as { values?: Record<string, unknown>[] | null }
    return (values ?? []).map((item) => readValue(item, depth + 1))
  }
  if (value.kvlistValue) return readAttributes((value.kvlistValue as { values?: KeyValue[] }).values, depth + 1)
  if (value.intValue !== undefined && value.intValue !== null) return Number(value.intValue)
  return (value.stringValue ?? value.doubleValue ?? value.boolValue ?? value.bytesValue ?? null) as PlainValue
}
