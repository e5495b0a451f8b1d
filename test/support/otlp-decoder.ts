/**
 * Reads OTLP requests by the published message definitions, independently of the library and of its collector:
 * what the library writes is not judged by its own reading. It is stricter than a backend need be: an unknown field, an
 * id of the wrong length or text that is not UTF-8 is an error. Node only, because protobufjs compiles its readers.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import protobuf from 'protobufjs'
import protojson from 'protobufjs/ext/protojson.js'

/** An integer beyond the safe ones is a bigint; bytes are a Uint8Array; an attribute without a value is null. */
export type DecodedValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | DecodedValue[]
  | { [key: string]: DecodedValue }
export type DecodedAttributes = { [key: string]: DecodedValue }

export interface DecodedSpan {
  /** Ids are lower case hex. */
  traceId: string
  spanId: string
  parentSpanId?: string
  traceState: string
  name: string
  /** OTLP's number: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number
  /** Nanoseconds since the Unix epoch. */
  start: bigint
  end: bigint
  /** OTLP's code: 0 unset, 1 ok, 2 error. */
  status: { code: number; message: string }
  attributes: DecodedAttributes
  events: { name: string; time: bigint; attributes: DecodedAttributes }[]
  links: { traceId: string; spanId: string; traceState: string; flags: number; attributes: DecodedAttributes }[]
  flags: number
  /** What the sender says it left out. */
  dropped: { attributes: number; events: number; links: number }
  resource: DecodedAttributes
  scope: { name: string; version: string; attributes: DecodedAttributes }
}

export type DecoderHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

interface WireValue {
  stringValue?: string
  boolValue?: boolean
  intValue?: string
  doubleValue?: number
  arrayValue?: { values: WireValue[] }
  kvlistValue?: { values: WireAttribute[] }
  bytesValue?: Uint8Array
}
interface WireAttribute {
  key: string
  value: WireValue | null
}
interface WireSpan {
  traceId: Uint8Array
  spanId: Uint8Array
  parentSpanId: Uint8Array
  traceState: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  status: { code: number; message: string } | null
  attributes: WireAttribute[]
  events: { name: string; timeUnixNano: string; attributes: WireAttribute[] }[]
  links: { traceId: Uint8Array; spanId: Uint8Array; traceState: string; flags: number; attributes: WireAttribute[] }[]
  flags: number
  droppedAttributesCount: number
  droppedEventsCount: number
  droppedLinksCount: number
}
interface WireRequest {
  resourceSpans: {
    resource: { attributes: WireAttribute[] } | null
    scopeSpans: {
      scope: { name: string; version: string; attributes: WireAttribute[] } | null
      spans: WireSpan[]
    }[]
  }[]
}

const ROOT = loadMessages()
const service = (name: string, type: string): protobuf.Type =>
  ROOT.lookupType(`opentelemetry.proto.collector.${name}.v1.${type}`)
const REQUEST = service('trace', 'ExportTraceServiceRequest')
const METRICS = service('metrics', 'ExportMetricsServiceRequest')
const IDS: Readonly<Record<string, number>> = { traceId: 32, spanId: 16, parentSpanId: 16 }
const ENUMS: readonly string[] = ['kind', 'code', 'aggregationTemporality']

/** The spans of one request, in its order. `headers` are in lower case. Throws where the body is not valid OTLP. */
export function decodeOtlp(body: Uint8Array, headers: DecoderHeaders): DecodedSpan[] {
  const message = read(REQUEST, body, headers)
  return spansOf(REQUEST.toObject(message, { longs: String, defaults: true }) as WireRequest)
}

/** Throws where the body is no valid request of metrics; what they say is not looked at. */
export function decodeMetrics(body: Uint8Array, headers: DecoderHeaders): void {
  read(METRICS, body, headers)
}

/** The body without its `content-encoding`. */
export function decodeContent(body: Uint8Array, headers: DecoderHeaders): Uint8Array {
  const encoding = `${headers['content-encoding'] ?? 'identity'}`.trim().toLowerCase()
  if (encoding === 'identity') return body
  if (encoding === 'gzip') return gunzipSync(body)
  throw new TypeError(`content-encoding ${encoding} is not read here`)
}

function loadMessages(): protobuf.Root {
  const home = dirname(createRequire(import.meta.url).resolve('@elastic/mockotlpserver/package.json'))
  const root = new protobuf.Root()
  root.resolvePath = (_, target) => join(home, target)
  root.loadSync(['trace', 'metrics'].map((name) => `opentelemetry/proto/collector/${name}/v1/${name}_service.proto`))
  root.resolveAll()
  return root
}

function read(request: protobuf.Type, body: Uint8Array, headers: DecoderHeaders): protobuf.Message {
  const bytes = decodeContent(body, headers)
  const type = `${headers['content-type'] ?? ''}`.split(';')[0]?.trim().toLowerCase()
  if (type === 'application/json') return readJson(request, bytes)
  if (type === 'application/x-protobuf') return readProtobuf(request, bytes)
  throw new TypeError(`content-type ${type} is not OTLP`)
}

function readProtobuf(request: protobuf.Type, bytes: Uint8Array): protobuf.Message {
  const reader = protobuf.Reader.create(bytes)
  reader.discardUnknown = false
  const message = request.decode(reader)
  refuseUnknown(message)
  return message
}

function readJson(request: protobuf.Type, bytes: Uint8Array): protobuf.Message {
  const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  return protojson.fromJson(request, toProtoJson(json))
}

/** protobufjs keeps what the definitions do not know beside the message that had it. */
function refuseUnknown(message: object): void {
  if ((message as { $unknowns?: Uint8Array[] }).$unknowns) throw new TypeError('the request has an unknown field')
  for (const value of Object.values(message)) {
    if (value !== null && typeof value === 'object' && !ArrayBuffer.isView(value)) refuseUnknown(value)
  }
}

/**
 * OTLP's JSON is Protobuf's own but for three rules: ids are hex instead of base64, enumerations are numbers only and
 * fields are in lower camel case only.
 */
function toProtoJson(value: unknown, field = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => toProtoJson(item, field))
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toProtoJson(item, key)]))
  }
  if (field.includes('_')) throw new TypeError(`${field} is not in lower camel case`)
  if (ENUMS.includes(field) && typeof value !== 'number') throw new TypeError(`${field} is not a number`)
  const length = IDS[field]
  if (length === undefined || value === '') return value
  if (typeof value !== 'string' || value.length !== length || !/^[0-9a-f]*$/i.test(value)) {
    throw new TypeError(`${field} is not ${length} hex digits: ${JSON.stringify(value)}`)
  }
  return Buffer.from(value, 'hex').toString('base64')
}

function spansOf({ resourceSpans }: WireRequest): DecodedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        ...toSpan(span),
        resource: toAttributes(resource?.attributes ?? []),
        scope: {
          name: scope?.name ?? '',
          version: scope?.version ?? '',
          attributes: toAttributes(scope?.attributes ?? []),
        },
      })),
    ),
  )
}

function toSpan(span: WireSpan): Omit<DecodedSpan, 'resource' | 'scope'> {
  return {
    traceId: toId(span.traceId, 16, 'traceId'),
    spanId: toId(span.spanId, 8, 'spanId'),
    parentSpanId: span.parentSpanId.length === 0 ? undefined : toId(span.parentSpanId, 8, 'parentSpanId'),
    traceState: span.traceState,
    name: span.name,
    kind: span.kind,
    start: BigInt(span.startTimeUnixNano),
    end: BigInt(span.endTimeUnixNano),
    status: { code: span.status?.code ?? 0, message: span.status?.message ?? '' },
    attributes: toAttributes(span.attributes),
    events: span.events.map(({ name, timeUnixNano, attributes }) => ({
      name,
      time: BigInt(timeUnixNano),
      attributes: toAttributes(attributes),
    })),
    links: span.links.map(({ traceId, spanId, traceState, flags, attributes }) => ({
      traceId: toId(traceId, 16, 'traceId of a link'),
      spanId: toId(spanId, 8, 'spanId of a link'),
      traceState,
      flags,
      attributes: toAttributes(attributes),
    })),
    flags: span.flags,
    dropped: {
      attributes: span.droppedAttributesCount,
      events: span.droppedEventsCount,
      links: span.droppedLinksCount,
    },
  }
}

function toId(bytes: Uint8Array, length: number, what: string): string {
  if (bytes.length !== length || bytes.every((byte) => byte === 0)) {
    throw new TypeError(`${what} is no valid id of ${length} bytes: ${Buffer.from(bytes).toString('hex')}`)
  }
  return Buffer.from(bytes).toString('hex')
}

function toAttributes(list: readonly WireAttribute[]): DecodedAttributes {
  const keys = new Set(list.map(({ key }) => key))
  if (keys.size !== list.length) throw new TypeError(`an attribute is there twice: ${list.map(({ key }) => key)}`)
  return Object.fromEntries(list.map(({ key, value }) => [key, toValue(value)]))
}

function toValue(value: WireValue | null): DecodedValue {
  if (value?.arrayValue) return value.arrayValue.values.map(toValue)
  if (value?.kvlistValue) return toAttributes(value.kvlistValue.values)
  if (value?.intValue !== undefined) {
    const number = Number(value.intValue)
    return Number.isSafeInteger(number) ? number : BigInt(value.intValue)
  }
  return value?.stringValue ?? value?.doubleValue ?? value?.boolValue ?? value?.bytesValue ?? null
}
