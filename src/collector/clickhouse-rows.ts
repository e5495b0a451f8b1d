/**
 * Spans as rows of `otel_traces`, and back. The Collector's columns hold texts: of a value that is no text, what it looks
 * like. A text that looks like a number comes back as one.
 */
import type { CollectedSpan, RawSpan } from './otlp.ts'

type KeyValue = NonNullable<NonNullable<RawSpan['resource']>['attributes']>[number]
type Texts = Record<string, string>

const KINDS = ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer']
const CODES = ['Unset', 'Ok', 'Error']

export function toRow(span: CollectedSpan, { resource, scope, span: wire }: RawSpan): Record<string, unknown> {
  const [events, links] = [wire.events ?? [], wire.links ?? []]
  const duration = span.end > span.start ? span.end - span.start : 0n
  const resourceAttributes = toTexts(resource?.attributes)
  return {
    Timestamp: timeOf(span.start),
    TraceId: span.traceId,
    SpanId: span.spanId,
    ParentSpanId: span.parentSpanId ?? '',
    TraceState: `${(wire as { traceState?: string }).traceState ?? ''}`,
    SpanName: span.name,
    SpanKind: KINDS[span.kind],
    ServiceName: resourceAttributes['service.name'] ?? '',
    ResourceAttributes: resourceAttributes,
    ScopeName: `${scope?.name ?? ''}`,
    ScopeVersion: `${scope?.version ?? ''}`,
    SpanAttributes: toTexts(wire.attributes),
    Duration: `${duration}`,
    StatusCode: CODES[span.status.code],
    StatusMessage: span.status.message ?? '',
    'Events.Timestamp': events.map(({ timeUnixNano }) => timeOf(BigInt(timeUnixNano ?? 0))),
    'Events.Name': events.map(({ name }) => `${name}`),
    'Events.Attributes': events.map(({ attributes }) => toTexts(attributes)),
    'Links.TraceId': links.map(({ traceId }) => `${traceId}`),
    'Links.SpanId': links.map(({ spanId }) => `${spanId}`),
    'Links.TraceState': links.map(() => ''),
    'Links.Attributes': links.map(({ attributes }) => toTexts(attributes)),
  }
}

/** What `fromRow` reads. */
export const COLUMNS = `TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ResourceAttributes, ScopeName, ScopeVersion,
  SpanAttributes, StatusCode, StatusMessage, toString(toUnixTimestamp64Nano(Timestamp)) AS begun,
  toString(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) AS over,
  arrayMap(time -> toString(toUnixTimestamp64Nano(time)), Events.Timestamp) AS eventTimes, Events.Name AS eventNames,
  Events.Attributes AS eventAttributes, Links.TraceId AS linkTraces, Links.SpanId AS linkSpans, Links.Attributes AS linkAttributes`

export interface TraceRow {
  TraceId: string
  SpanId: string
  ParentSpanId: string
  TraceState: string
  SpanName: string
  SpanKind: string
  ResourceAttributes: Texts
  ScopeName: string
  ScopeVersion: string
  SpanAttributes: Texts
  StatusCode: string
  StatusMessage: string
  /** Nanoseconds since the Unix epoch. */
  begun: string
  over: string
  eventTimes: string[]
  eventNames: string[]
  eventAttributes: Texts[]
  linkTraces: string[]
  linkSpans: string[]
  linkAttributes: Texts[]
}

export function fromRow(row: TraceRow): RawSpan {
  const code = indexOf(CODES, row.StatusCode, 'STATUS_CODE_')
  return {
    resource: { attributes: toAttributes(row.ResourceAttributes) },
    scope: { name: row.ScopeName, ...(row.ScopeVersion && { version: row.ScopeVersion }) },
    span: {
      traceId: row.TraceId,
      spanId: row.SpanId,
      ...(row.ParentSpanId && { parentSpanId: row.ParentSpanId }),
      ...(row.TraceState && { traceState: row.TraceState }),
      name: row.SpanName,
      kind: indexOf(KINDS, row.SpanKind, 'SPAN_KIND_'),
      startTimeUnixNano: row.begun,
      endTimeUnixNano: row.over,
      attributes: toAttributes(row.SpanAttributes),
      events: row.eventNames.map((name, n) => ({
        name,
        timeUnixNano: row.eventTimes[n] ?? '0',
        attributes: toAttributes(row.eventAttributes[n]),
      })),
      links: row.linkTraces.map((traceId, n) => ({
        traceId,
        spanId: row.linkSpans[n] ?? '',
        attributes: toAttributes(row.linkAttributes[n]),
      })),
      status: { code, ...(row.StatusMessage && { message: row.StatusMessage }) },
    } as RawSpan['span'],
  }
}

/** The Collector writes `Error`, and wrote `STATUS_CODE_ERROR`. */
function indexOf(names: string[], name: string, prefix: string): number {
  const plain = name.replace(prefix, '').toLowerCase()
  return Math.max(
    names.findIndex((known) => known.toLowerCase() === plain),
    0,
  )
}

/** ISO 8601 to the nanosecond. Times before 1970 and after 2262 are no times of `DateTime64(9)`. */
function timeOf(nanos: bigint): string {
  const most = 9_223_372_036_854_775_807n
  const held = nanos < 0n ? 0n : nanos > most ? most : nanos
  const seconds = new Date(Number(held / 1_000_000_000n) * 1000).toISOString().slice(0, 19)
  return `${seconds}.${`${held % 1_000_000_000n}`.padStart(9, '0')}Z`
}

function toTexts(attributes?: KeyValue[] | null): Texts {
  return Object.fromEntries((attributes ?? []).map(({ key, value }) => [`${key}`, toText(value)]))
}

function toText(given?: Record<string, unknown> | null): string {
  const value = given ?? {}
  if (typeof value.stringValue === 'string') return `${value.stringValue}`
  if (value.arrayValue || value.kvlistValue) return JSON.stringify(plainOf(value))
  return `${value.intValue ?? value.doubleValue ?? value.boolValue ?? value.bytesValue ?? ''}`
}

function plainOf(given?: Record<string, unknown> | null): unknown {
  const value = given ?? {}
  const { arrayValue, kvlistValue, intValue } = value as {
    arrayValue?: { values?: Record<string, unknown>[] }
    kvlistValue?: { values?: KeyValue[] }
    intValue?: unknown
  }
  if (arrayValue) return (arrayValue.values ?? []).map(plainOf)
  if (kvlistValue) return Object.fromEntries((kvlistValue.values ?? []).map(({ key, value: of }) => [key, plainOf(of)]))
  if (intValue !== undefined && intValue !== null) return Number(intValue)
  return value.stringValue ?? value.doubleValue ?? value.boolValue ?? value.bytesValue ?? null
}

function toAttributes(texts: Texts = {}): KeyValue[] {
  return Object.entries(texts).map(([key, text]) => ({ key, value: toValue(text) }))
}

function toValue(text: string): Record<string, unknown> {
  if (/^-?(0|[1-9]\d{0,17})$/.test(text)) return { intValue: text }
  if (/^-?\d/.test(text) && `${Number(text)}` === text) return { doubleValue: Number(text) }
  if (text === 'true' || text === 'false') return { boolValue: text === 'true' }
  if (text.startsWith('[')) {
    const list = listOf(text)
    if (list?.every((item) => item === null || typeof item !== 'object')) {
      return {
        arrayValue: {
          values: list.map((item) => (typeof item === 'string' ? { stringValue: item } : toValue(`${item}`))),
        },
      }
    }
  }
  return { stringValue: text }
}

function listOf(text: string): unknown[] | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
