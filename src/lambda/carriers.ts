/**
 * Where a caller's trace context stands in an event that has no headers of its own: in the payload, in what a client says
 * of itself, in a message that another service has wrapped.
 */
import type { Carrier } from '../propagation/propagators.ts'
import { carrierOf, fieldsOf, NO_CARRIER, textOf } from './fields.ts'
import type { Fields } from './types.ts'
import { traceparentOf } from './xray.ts'

const NAMES = ['traceparent', 'x-amzn-trace-id']

/** The first that names a span, whatever case its names are in. */
function firstOf(carriers: Iterable<Carrier>): Carrier | undefined {
  for (const carrier of carriers) if (NAMES.some((name) => carrier.get(name))) return carrier
  return undefined
}

/** Of an invocation by hand, by an SDK, or by a state of Step Functions, whose input may be a part of the payload. */
export function payloadCarrier(event: Fields, clientContext: unknown): Carrier | undefined {
  const client = fieldsOf(clientContext)
  const { headers, Input, input = Input, Payload, payload = Payload } = event
  const { custom, Custom = custom } = client
  return firstOf([event, headers, input, payload, Custom, client].map((place) => carrierOf(fieldsOf(place))))
}

/** A queue's message: its attributes, else those that SNS or EventBridge have written into its body, else the body's own. */
export function queueCarrier({ attributes, messageAttributes, body }: Fields): Carrier {
  const own = carrierOf(fieldsOf(messageAttributes), 'stringValue', fieldsOf(attributes).AWSTraceHeader)
  // Most bodies say nothing of it, and need not be parsed.
  if (own.get('traceparent') || !/traceparent/i.test(textOf(body) ?? '')) return own
  let wrapped: Fields = {}
  try {
    wrapped = fieldsOf(JSON.parse(`${body}`))
  } catch {}
  const inside = [
    carrierOf(fieldsOf(wrapped.MessageAttributes), 'Value'),
    carrierOf(fieldsOf(wrapped.detail)),
    carrierOf(wrapped),
  ]
  return firstOf(inside) ?? own
}

/** Kafka's headers, a list of objects with one each, whose values are bytes. */
export function kafkaCarrier(headers: unknown): Carrier {
  if (!Array.isArray(headers)) return NO_CARRIER
  const texts = headers.flatMap((header) =>
    Object.entries(fieldsOf(header)).map(([name, bytes]) => [
      name,
      // Java's are signed.
      Array.isArray(bytes) ? String.fromCharCode(...bytes.slice(0, 8192).map((byte) => Number(byte) & 255)) : bytes,
    ]),
  )
  return carrierOf(Object.fromEntries(texts))
}

/** What the user's `carrier` gives. */
export function givenCarrier(given: unknown): Carrier | undefined {
  if (Object(given) !== given) return undefined
  return typeof (given as Carrier).get === 'function' ? (given as Carrier) : carrierOf(given as Fields)
}

/** W3C's header, else, where `xray` is on, X-Ray's. */
export function inboundOf(carrier: Carrier | undefined, xray: boolean, header?: string): Carrier {
  return {
    get(name) {
      const given = carrier?.get(name)
      if (given || !xray || name !== 'traceparent') return given
      return traceparentOf(carrier?.get('x-amzn-trace-id')) ?? traceparentOf(header)
    },
    keys: () => carrier?.keys?.() ?? [],
  }
}
