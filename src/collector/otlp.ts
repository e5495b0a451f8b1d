/** Reads an OTLP/HTTP JSON trace request into plain spans. A field that is missing stays missing; nothing is guessed. */

export type PlainValue = string | number | boolean | null | PlainValue[] | { [key: string]: PlainValue }
export type PlainAttributes = { [key: string]: PlainValue }

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
interface WireSpan extends Omit<CollectedSpan, 'start' | 'end' | 'attributes' | 'status' | 'events' | 'links'> {
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes?: KeyValue[]
  status?: { code?: number; message?: string }
  events?: { name: string; timeUnixNano: string; attributes?: KeyValue[] }[]
  links?: { traceId: string; spanId: string; attributes?: KeyValue[] }[]
}
interface WireRequest {
  resourceSpans?: {
    resource?: { attributes?: KeyValue[] }
    scopeSpans?: { scope?: CollectedSpan['scope']; spans?: WireSpan[] }[]
  }[]
}

/** Throws where the body is no OTLP trace request. */
export function readOtlp(body: unknown): CollectedSpan[] {
  const { resourceSpans } = body as WireRequest
  if (!Array.isArray(resourceSpans)) throw new TypeError('resourceSpans is missing')
  const spans: CollectedSpan[] = []
  for (const { resource, scopeSpans = [] } of resourceSpans) {
    for (const { scope = { name: '' }, spans: wireSpans = [] } of scopeSpans) {
      for (const wire of wireSpans) spans.push(toSpan(wire, readAttributes(resource?.attributes), scope))
    }
  }
  return spans
}

function toSpan(wire: WireSpan, resource: PlainAttributes, scope: CollectedSpan['scope']): CollectedSpan {
  const { name, kind } = wire
  const { links = [] } = wire
  const [traceId, spanId, parentSpanId] = [wire.traceId, wire.spanId, wire.parentSpanId].map((id) =>
    `${id ?? ''}`.toLowerCase(),
  ) as [string, string, string]
  if (!/^[0-9a-f]{32}$/.test(traceId) || !/^[0-9a-f]{16}$/.test(spanId)) throw new TypeError('a span has no valid ids')
  return {
    traceId,
    spanId,
    parentSpanId: parentSpanId || undefined,
    name,
    kind,
    start: BigInt(wire.startTimeUnixNano),
    end: BigInt(wire.endTimeUnixNano),
    attributes: readAttributes(wire.attributes),
    status: { code: wire.status?.code ?? 0, message: wire.status?.message },
    events: (wire.events ?? []).map((event) => ({
      name: event.name,
      time: BigInt(event.timeUnixNano),
      attributes: readAttributes(event.attributes),
    })),
    links: links.map((link) => ({
      traceId: link.traceId,
      spanId: link.spanId,
      attributes: readAttributes(link.attributes),
    })),
    resource,
    scope,
  }
}

function readAttributes(list: KeyValue[] = []): PlainAttributes {
  return Object.fromEntries(list.map(({ key, value }) => [key, readValue(value)]))
}

function readValue(value: Record<string, unknown> = {}): PlainValue {
  if (value.arrayValue)
    return ((value.arrayValue as { values?: Record<string, unknown>[] }).values ?? []).map(readValue)
  if (value.kvlistValue) return readAttributes((value.kvlistValue as { values?: KeyValue[] }).values)
  if (value.intValue !== undefined) return Number(value.intValue)
  return (value.stringValue ?? value.doubleValue ?? value.boolValue ?? null) as PlainValue
}
