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
  const resources = joined(
    grouped(spans, ({ resource }) => resource),
    ([resource, spans]) => {
      const scopes = joined(
        grouped(spans, ({ instrumentationScope }) => instrumentationScope),
        ([scope, spans]) => {
          const around = cached(scope, ({ name, version }) => `"scope":${JSON.stringify({ name, version })}`)
          return `{${around}"spans":[${joined(spans, spanText)}]}`
        },
      )
      const around = cached(resource, ({ attributes }) => `"resource":{"attributes":[${keyValues(attributes)}]}`)
      return `{${around}"scopeSpans":[${scopes}]}`
    },
  )
  return `{"resourceSpans":[${resources}]}`
}

/** As `join` does, without a copy of each text. */
function joined<Item>(items: readonly Item[], textOf: (item: Item) => string): string {
  let text = ''
  for (const item of items) text += text ? `,${textOf(item)}` : textOf(item)
  return text
}

/** The field that `textOf` gives, and the URL of its schema, each with a comma behind. */
function cached<Key extends { schemaUrl?: string }>(key: Key, textOf: (key: Key) => string): string {
  let text = texts.get(key)
  if (!text) {
    text = `${textOf(key)},${key.schemaUrl ? `"schemaUrl":${JSON.stringify(key.schemaUrl)},` : ''}`
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

/** As text at once: to make an object of it, and have that written, takes half as long again. */
function spanText(span: ReadableSpan): string {
  const { name, kind, parentSpanContext: parent, status, events, links } = span
  const context = span.spanContext()
  let text = `{${idsOf(context)}`
  if (parent?.spanId) text += `"parentSpanId":${quoted(parent.spanId)},`
  text += `"flags":${flagsOf(context, parent)},"name":${quoted(name)},"kind":${Number(kind) + 1 || 0},`
  text += `"startTimeUnixNano":"${nanos(span.startTime)}","endTimeUnixNano":"${nanos(span.endTime)}",`
  text += attributesOf(span.attributes, span.droppedAttributesCount)
  if (events.length) text += `"events":[${joined(events, eventText)}],`
  if (span.droppedEventsCount) text += `"droppedEventsCount":${span.droppedEventsCount},`
  if (links.length) text += `"links":[${joined(links, linkText)}],`
  if (span.droppedLinksCount) text += `"droppedLinksCount":${span.droppedLinksCount},`
  const message = status.message === undefined ? '' : `,"message":${quoted(status.message)}`
  return `${text}"status":{"code":${Number(status.code) || 0}${message}}}`
}

function eventText({ time, name, attributes, droppedAttributesCount }: ReadableSpan['events'][number]): string {
  const described = attributesOf(attributes, droppedAttributesCount)
  return `{${described}"timeUnixNano":"${nanos(time)}","name":${quoted(name)}}`
}

function linkText({ context, attributes, droppedAttributesCount }: ReadableSpan['links'][number]): string {
  const described = attributesOf(attributes, droppedAttributesCount)
  return `{${idsOf(context)}${described}"flags":${flagsOf(context, context)}}`
}

/** Whatever another SDK hands on as a text. */
function quoted(text: string): string {
  return JSON.stringify(`${text}`)
}

/** With a comma behind, as `attributesOf`. */
function idsOf({ traceId, spanId, traceState }: SpanContext): string {
  const state = traceState?.serialize()
  return `"traceId":${quoted(traceId)},"spanId":${quoted(spanId)},${state ? `"traceState":${quoted(state)},` : ''}`
}

function attributesOf(attributes: Attributes | undefined, dropped: number | undefined): string {
  return `"attributes":[${keyValues(attributes)}],${dropped ? `"droppedAttributesCount":${dropped},` : ''}`
}

/** `other`: of which the flags say whether it is remote. */
function flagsOf({ traceFlags }: SpanContext, other: SpanContext | undefined): number {
  return (traceFlags & 0xff) | HAS_IS_REMOTE | (other?.isRemote ? IS_REMOTE : 0)
}

/** Another SDK hands on whatever it was given as a time: 0, unknown, where it is none. */
function nanos(time: HrTime): string {
  const [seconds, nanos] = wholeTime(time) ?? [0, 0]
  // Strict decoders refuse zeros before a number. What is put in front keeps those inside of it.
  return seconds ? `${seconds}${`${1e9 + nanos}`.slice(1)}` : `${nanos}`
}

/** How an attribute begins, by its name: an isolate sees the same ones again and again. */
const heads: Map<string, string> = new Map()
const MAX_HEADS = 2000

function headOf(name: string): string {
  let head = heads.get(name)
  if (!head) {
    head = `{"key":${JSON.stringify(name)},"value":`
    if (heads.size >= MAX_HEADS) heads.clear()
    heads.set(name, head)
  }
  return head
}

function keyValues(values: Attributes | undefined): string {
  let text = ''
  for (const name in values) text += `${text && ','}${headOf(name)}${anyValue(values[name])}}`
  return text
}

/** `AnyValue`; one without a value where the wire has none. */
function anyValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `{"stringValue":${JSON.stringify(value)}}`
    case 'boolean':
      return `{"boolValue":${value}}`
    case 'number':
      if (isInt64(value)) return `{"intValue":${value}}`
      // Protobuf's JSON has texts for the numbers that JSON has not: "NaN", "Infinity".
      return `{"doubleValue":${Number.isFinite(value) ? value : `"${value}"`}}`
  }
  if (value instanceof Uint8Array)
    return `{"bytesValue":"${btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join(''))}"}`
  if (Array.isArray(value)) return `{"arrayValue":{"values":[${joined(value, anyValue)}]}}`
  return value && typeof value === 'object' ? `{"kvlistValue":{"values":[${keyValues(value as Attributes)}]}}` : '{}'
}
