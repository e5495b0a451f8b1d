/** Spans as OTLP's JSON (opentelemetry-proto, trace.proto): what is absent is left out. */
import type { Attributes, HrTime, SpanContext } from '@opentelemetry/api'
import { wholeTime } from '../runtime/clock.ts'
import { isInt64 } from '../runtime/otel.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'

/** OTLP's `SpanFlags`: whether it is known that a parent or a link is another process's, and whether it is. */
const HAS_IS_REMOTE = 0x100
const IS_REMOTE = 0x200

/** What all spans of a session have around them, by the resource or the scope that it says. */
const texts: WeakMap<object, string> = new WeakMap()

/** `{"resourceSpans":[…]}`: by resource, then by scope, each in the order of its first span. */
export function otlpText(spans: readonly ReadableSpan[]): string {
  const resources = grouped(spans, ({ resource }) => resource).map(([resource, spans]) => {
    const scopes = grouped(spans, ({ instrumentationScope }) => instrumentationScope).map(([scope, spans]) => {
      const around = cachedFields(scope, ({ name, version, schemaUrl }) => ({ scope: { name, version }, schemaUrl }))
      return `{${around}"spans":${JSON.stringify(spans.map(spanOf))}}`
    })
    const around = cachedFields(resource, ({ attributes, schemaUrl }) => ({
      resource: { attributes: keyValues(attributes) },
      schemaUrl,
    }))
    return `{${around}"scopeSpans":[${scopes}]}`
  })
  return `{"resourceSpans":[${resources}]}`
}

/** The fields of `message`, with a comma behind. */
function cachedFields<Key extends object>(key: Key, message: (key: Key) => { schemaUrl: string | undefined }): string {
  let text = texts.get(key)
  if (!text) {
    const { schemaUrl, ...rest } = message(key)
    text = `${JSON.stringify({ ...rest, schemaUrl: schemaUrl || undefined }).slice(1, -1)},`
    // Attributes of somebody else's resource may still be on their way.
    if (!('asyncAttributesPending' in key && key.asyncAttributesPending)) texts.set(key, text)
  }
  return text
}

function grouped<Key>(spans: readonly ReadableSpan[], keyOf: (span: ReadableSpan) => Key): [Key, ReadableSpan[]][] {
  const groups: Map<Key, ReadableSpan[]> = new Map()
  for (const span of spans) {
    const key = keyOf(span)
    const group = groups.get(key)
    if (group) group.push(span)
    else groups.set(key, [span])
  }
  return [...groups]
}

function spanOf(span: ReadableSpan): object {
  const { parentSpanContext: parent, status } = span
  const context = span.spanContext()
  return {
    ...idsOf(context),
    parentSpanId: parent?.spanId || undefined,
    flags: flagsOf(context, parent),
    name: span.name,
    kind: span.kind + 1,
    startTimeUnixNano: nanos(span.startTime),
    endTimeUnixNano: nanos(span.endTime),
    attributes: keyValues(span.attributes),
    droppedAttributesCount: span.droppedAttributesCount || undefined,
    events: span.events.map((event) => ({
      timeUnixNano: nanos(event.time),
      name: event.name,
      attributes: keyValues(event.attributes),
      droppedAttributesCount: event.droppedAttributesCount || undefined,
    })),
    droppedEventsCount: span.droppedEventsCount || undefined,
    links: span.links.map(({ context, attributes, droppedAttributesCount }) => ({
      ...idsOf(context),
      flags: flagsOf(context, context),
      attributes: keyValues(attributes),
      droppedAttributesCount: droppedAttributesCount || undefined,
    })),
    droppedLinksCount: span.droppedLinksCount || undefined,
    status: { code: status.code, message: status.message },
  }
}

function idsOf({ traceId, spanId, traceState }: SpanContext): object {
  return { traceId, spanId, traceState: traceState?.serialize() || undefined }
}

/** `other`: of which the flags say whether it is remote. */
function flagsOf({ traceFlags }: SpanContext, other: SpanContext | undefined): number {
  return (traceFlags & 0xff) | HAS_IS_REMOTE | (other?.isRemote ? IS_REMOTE : 0)
}

/** Another SDK hands on whatever it was given as a time: 0, unknown, where it is none. */
function nanos(time: HrTime): string {
  const [seconds, nanos] = wholeTime(time) ?? [0, 0]
  // Strict decoders refuse zeros before a number.
  return `${seconds}${`${nanos}`.padStart(9, '0')}`.replace(/^0+(?=\d)/, '')
}

function keyValues(values: Attributes | undefined): object[] {
  return Object.entries(values ?? {}).map(([key, value]) => ({ key, value: anyValue(value) }))
}

/** `AnyValue`; one without a value where the wire has none. */
function anyValue(value: unknown): object {
  switch (typeof value) {
    case 'string':
      return { stringValue: value }
    case 'boolean':
      return { boolValue: value }
    case 'number':
      if (isInt64(value)) return { intValue: value }
      // Protobuf's JSON has texts for the numbers that JSON has not: "NaN", "Infinity".
      return { doubleValue: Number.isFinite(value) ? value : `${value}` }
  }
  if (value instanceof Uint8Array)
    return { bytesValue: btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join('')) }
  if (Array.isArray(value)) return { arrayValue: { values: Array.from(value, anyValue) } }
  return value && typeof value === 'object' ? { kvlistValue: { values: keyValues(value as Attributes) } } : {}
}
