/**
 * OTLP's trace request in protobuf, as the JSON form of the same request has it (opentelemetry-proto 1.x,
 * `collector/trace/v1`). Fields that are not named here are passed over, as protobuf wants it.
 */

type Scalar = 'hex' | 'text' | 'base64' | 'int' | 'bool' | 'double' | 'fixed64' | 'fixed32'
type Message = { [field: number]: [name: string, type: Scalar | (() => Message), repeated?: true] }

const VALUE: Message = {
  1: ['stringValue', 'text'],
  2: ['boolValue', 'bool'],
  3: ['intValue', 'int'],
  4: ['doubleValue', 'double'],
  5: ['arrayValue', () => ({ 1: ['values', () => VALUE, true] })],
  6: ['kvlistValue', () => ({ 1: ['values', () => ATTRIBUTE, true] })],
  7: ['bytesValue', 'base64'],
}
const ATTRIBUTE: Message = { 1: ['key', 'text'], 2: ['value', () => VALUE] }
const attributes = (): Message => ATTRIBUTE
const EVENT: Message = {
  1: ['timeUnixNano', 'fixed64'],
  2: ['name', 'text'],
  3: ['attributes', attributes, true],
  4: ['droppedAttributesCount', 'int'],
}
const LINK: Message = {
  1: ['traceId', 'hex'],
  2: ['spanId', 'hex'],
  3: ['traceState', 'text'],
  4: ['attributes', attributes, true],
  5: ['droppedAttributesCount', 'int'],
  6: ['flags', 'fixed32'],
}
const STATUS: Message = { 2: ['message', 'text'], 3: ['code', 'int'] }
const SPAN: Message = {
  1: ['traceId', 'hex'],
  2: ['spanId', 'hex'],
  3: ['traceState', 'text'],
  4: ['parentSpanId', 'hex'],
  5: ['name', 'text'],
  6: ['kind', 'int'],
  7: ['startTimeUnixNano', 'fixed64'],
  8: ['endTimeUnixNano', 'fixed64'],
  9: ['attributes', attributes, true],
  10: ['droppedAttributesCount', 'int'],
  11: ['events', () => EVENT, true],
  12: ['droppedEventsCount', 'int'],
  13: ['links', () => LINK, true],
  14: ['droppedLinksCount', 'int'],
  15: ['status', () => STATUS],
  16: ['flags', 'fixed32'],
}
const SCOPE: Message = { 1: ['name', 'text'], 2: ['version', 'text'], 3: ['attributes', attributes, true] }
const SCOPE_SPANS: Message = { 1: ['scope', () => SCOPE], 2: ['spans', () => SPAN, true] }
const RESOURCE_SPANS: Message = {
  1: ['resource', () => ({ 1: ['attributes', attributes, true] })],
  2: ['scopeSpans', () => SCOPE_SPANS, true],
}
const REQUEST: Message = { 1: ['resourceSpans', () => RESOURCE_SPANS, true] }

/** Values within values; protobuf's own readers stop at 100. */
const MAX_DEPTH = 100
/** Integers that are numbers in OTLP's JSON; the others are text there. */
const SMALL = /^(kind|code|dropped.*|flags)$/
const text = new TextDecoder()

/** Throws where the bytes are no message of this kind. */
export function decodeTraceRequest(bytes: Uint8Array): unknown {
  // An empty request has no field at all.
  return { resourceSpans: [], ...read(REQUEST, bytes, 0) }
}

function read(message: Message, bytes: Uint8Array, depth: number): Record<string, unknown> {
  if (depth > MAX_DEPTH) throw new RangeError(`values are nested more than ${MAX_DEPTH} deep`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const result: Record<string, unknown> = {}
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = view.getUint8(at++)
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return BigInt.asUintN(64, value)
    }
    throw new RangeError('a number is too long')
  }
  const take = (length: number): Uint8Array => {
    if (length > bytes.byteLength - at) throw new RangeError('the message breaks off')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.byteLength) {
    const tag = Number(varint())
    const [name, type, repeated] = message[Math.floor(tag / 8)] ?? []
    const wire = tag % 8
    let value: unknown
    if (wire === 0) value = number(name, type, varint())
    else if (wire === 1) value = fixed64(type, take(8))
    else if (wire === 2) value = chunk(type, take(Number(varint())), depth)
    else if (wire === 5) value = new DataView(take(4).slice().buffer).getUint32(0, true)
    else throw new RangeError(`there is no wire type ${wire}`)
    if (name === undefined) continue
    if (value === undefined) throw new RangeError(`${name} has the wrong type`)
    if (repeated) {
      result[name] ??= []
      const list = result[name] as unknown[]
      list.push(value)
    } else result[name] = value
  }
  return result
}

function number(name: string | undefined, type: unknown, value: bigint): unknown {
  if (type === 'bool') return value !== 0n
  if (type !== 'int') return undefined
  const signed = BigInt.asIntN(64, value)
  return SMALL.test(name ?? '') ? Number(signed) : `${signed}`
}

function fixed64(type: unknown, bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8)
  return type === 'fixed64' ? `${view.getBigUint64(0, true)}` : type === 'double' ? view.getFloat64(0, true) : undefined
}

function chunk(type: Scalar | (() => Message) | undefined, bytes: Uint8Array, depth: number): unknown {
  if (typeof type === 'function') return read(type(), bytes, depth + 1)
  if (type === 'text') return text.decode(bytes)
  if (type === 'hex') return hexOf(bytes)
  return type === 'base64' ? btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')) : undefined
}

/** `ExportTraceServiceResponse`: empty where everything was taken. */
export function encodeTraceResponse(rejected: number, message: string): Uint8Array {
  if (!rejected && !message) return new Uint8Array()
  const told = new TextEncoder().encode(message)
  const partial = [...(rejected ? [8, ...varintOf(rejected)] : []), 18, ...varintOf(told.length), ...told]
  return Uint8Array.from([10, ...varintOf(partial.length), ...partial])
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function varintOf(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varintOf(Math.floor(value / 128))]
}
