/**
 * What an event says about the session that it starts: its name, kind and attributes, who called, and which messages it
 * holds. By OpenTelemetry's conventions for FaaS, HTTP and messaging; what is no event of these is an invocation.
 */
import type { Attributes } from '@opentelemetry/api'
import { requestAttributes, requestName } from '../http/attributes.ts'
import { headersOf, requestOf, urlOf } from '../http/request.ts'
import type { Carrier } from '../propagation/propagators.ts'
import { CONSUMER, SERVER } from '../runtime/otel.ts'
import * as key from '../runtime/semconv.ts'
import type { Fields, LambdaContextLike } from './types.ts'
import { traceparentOf } from './xray.ts'

/** One of a batch. */
export interface LambdaMessage {
  /** As `batchItemFailures` names it. */
  id: string
  attributes: Attributes
  carrier: Carrier
}

export interface LambdaTrigger {
  name: string
  kind: typeof SERVER | typeof CONSUMER
  attributes: Attributes
  carrier?: Carrier
  /** Of an HTTP event. */
  request?: Request
  /** What the function is called as, where its caller cannot choose it. */
  origin?: string
  messages?: LambdaMessage[]
  /** Of a stream the records after a failed one are delivered again, too. */
  ordered?: boolean
}

export function triggerOf(event: unknown, context: LambdaContextLike): LambdaTrigger {
  const fields = fieldsOf(event)
  return (
    httpTrigger(fields) ??
    batchTrigger(fields) ??
    eventBridgeTrigger(fields) ?? {
      name: context.functionName,
      kind: SERVER,
      attributes: { [key.FAAS_TRIGGER]: 'other' },
    }
  )
}

/** API Gateway v1 and v2, function URLs, Application Load Balancers. */
function httpTrigger(event: Fields): LambdaTrigger | undefined {
  const given = fieldsOf(event.requestContext)
  const { method, path, protocol } = fieldsOf(given.http)
  const verb = textOf(method ?? event.httpMethod)
  if (!event.requestContext || !verb) return undefined
  // The names that a header has more than one value under are those of API Gateway v1 and of load balancers.
  const headers = headersOf({ ...fieldsOf(event.multiValueHeaders), ...fieldsOf(event.headers) })
  const scheme = headers.get('x-forwarded-proto') === 'http' ? 'http' : 'https'
  const domain = textOf(given.domainName)
  const host = domain ?? headers.get('host') ?? ''
  const pathname = textOf(event.rawPath ?? path ?? event.path) ?? '/'
  const query = textOf(event.rawQueryString)
  const url = urlOf(scheme, host.replace(/:\d+$/, ''), query ? `${pathname}?${query}` : pathname)
  url.port = headers.get('x-forwarded-port') ?? ''
  const request = requestOf(url, verb, headers)
  const routed = textOf(event.routeKey)?.split(' ')[1] ?? (given.elb ? undefined : textOf(event.resource))
  // A catch-all says nothing: a router inside knows better.
  const route = routed?.startsWith('/{proxy+}') ? undefined : routed
  return {
    name: requestName(request, route),
    kind: SERVER,
    attributes: {
      ...requestAttributes(request, route),
      [key.FAAS_TRIGGER]: 'http',
      [key.PROTOCOL_VERSION]: textOf(protocol ?? given.protocol)?.replace('HTTP/', ''),
    },
    carrier: headers,
    request,
    // What the platform routed by; a load balancer takes any `Host`.
    origin: domain && urlOf('https', domain, '').origin,
  }
}

function eventBridgeTrigger(event: Fields): LambdaTrigger | undefined {
  const type = textOf(event['detail-type'])
  const source = textOf(event.source)
  if (!type || !source) return undefined
  if (type === 'Scheduled Event') {
    return {
      name: 'scheduled',
      kind: CONSUMER,
      attributes: { [key.FAAS_TRIGGER]: 'timer', [key.FAAS_TIME]: textOf(event.time) },
    }
  }
  return {
    name: `${source} ${type}`,
    kind: CONSUMER,
    attributes: {
      [key.FAAS_TRIGGER]: 'pubsub',
      [key.MESSAGING_SYSTEM]: 'aws.eventbridge',
      [key.MESSAGING_OPERATION_TYPE]: 'process',
      [key.MESSAGING_OPERATION_NAME]: 'process',
      [key.MESSAGE_ID]: textOf(event.id),
    },
    carrier: carrierOf(fieldsOf(event.detail)),
  }
}

/** What the records of a source have in common, and one of them. */
interface Source {
  trigger: 'pubsub' | 'datasource'
  system: string
  ordered?: boolean
  destination(record: Fields): string | undefined
  message(record: Fields): { id?: unknown; attempts?: unknown; carrier?: Carrier; operation?: unknown }
}

const lastOf = (arn: unknown, separator: string | RegExp): string | undefined => textOf(arn)?.split(separator).at(-1)

const SOURCES: Record<string, Source> = {
  'aws:sqs': {
    trigger: 'pubsub',
    system: 'aws_sqs',
    destination: (record) => lastOf(record.eventSourceARN, ':'),
    message({ messageId, attributes, messageAttributes }) {
      const { ApproximateReceiveCount, AWSTraceHeader } = fieldsOf(attributes)
      const carrier = carrierOf(fieldsOf(messageAttributes), 'stringValue', AWSTraceHeader)
      return { id: messageId, attempts: ApproximateReceiveCount, carrier }
    },
  },
  'aws:sns': {
    trigger: 'pubsub',
    system: 'aws.sns',
    destination: (record) => lastOf(fieldsOf(record.Sns).TopicArn, ':'),
    message({ Sns }) {
      const { MessageId, MessageAttributes } = fieldsOf(Sns)
      return { id: MessageId, carrier: carrierOf(fieldsOf(MessageAttributes), 'Value') }
    },
  },
  'aws:kinesis': {
    trigger: 'datasource',
    system: 'aws.kinesis',
    ordered: true,
    destination: (record) => lastOf(record.eventSourceARN, '/'),
    message: ({ kinesis }) => ({ id: fieldsOf(kinesis).sequenceNumber }),
  },
  'aws:dynamodb': {
    trigger: 'datasource',
    system: 'aws.dynamodb',
    ordered: true,
    destination: (record) => /table\/([^/]+)/.exec(textOf(record.eventSourceARN) ?? '')?.[1],
    message: ({ dynamodb, eventName }) => ({ id: fieldsOf(dynamodb).SequenceNumber, operation: eventName }),
  },
  'aws:s3': {
    trigger: 'datasource',
    system: 'aws.s3',
    destination: (record) => textOf(fieldsOf(fieldsOf(record.s3).bucket).name),
    // A key may name a person: it is not exported.
    message: ({ responseElements, eventName }) => ({
      id: fieldsOf(responseElements)['x-amz-request-id'],
      operation: eventName,
    }),
  },
}

function batchTrigger({ Records }: Fields): LambdaTrigger | undefined {
  if (!Array.isArray(Records)) return undefined
  const records = Records.map(fieldsOf)
  const first = records[0] ?? {}
  const source = SOURCES[textOf(first.eventSource ?? first.EventSource) ?? '']
  if (!source) return undefined
  const destination = source.destination(first)
  const common: Attributes = {
    [key.FAAS_TRIGGER]: source.trigger,
    [key.MESSAGING_SYSTEM]: source.system,
    [key.MESSAGING_DESTINATION]: destination,
    [key.MESSAGING_OPERATION_TYPE]: 'process',
    [key.MESSAGING_OPERATION_NAME]: 'process',
  }
  const messages = records.map((record) => {
    const { id, attempts, carrier = NO_CARRIER, operation } = source.message(record)
    const attributes: Attributes = {
      ...common,
      [key.MESSAGE_ID]: textOf(id),
      [key.MESSAGE_ATTEMPTS]: attempts === undefined ? undefined : Number(attempts),
      [key.FAAS_DOCUMENT_COLLECTION]: operation === undefined ? undefined : destination,
      [key.FAAS_DOCUMENT_OPERATION]: textOf(operation),
    }
    return { id: textOf(id) ?? '', attributes, carrier }
  })
  return {
    name: `process ${destination ?? source.system}`,
    kind: CONSUMER,
    attributes: { ...common, [key.BATCH_SIZE]: records.length },
    messages,
    ordered: source.ordered,
  }
}

/** A carrier that finds X-Ray's header under `x-amzn-trace-id`, as requests have it. */
function carrierOf(attributes: Fields, value?: string, xray?: unknown): Carrier {
  const named = new Map(
    Object.entries(attributes).map(([name, found]) => [
      name.toLowerCase(),
      textOf(value === undefined ? found : fieldsOf(found)[value]),
    ]),
  )
  if (xray !== undefined) named.set('x-amzn-trace-id', textOf(xray))
  return { get: (name) => named.get(name) }
}

const NO_CARRIER: Carrier = { get: () => undefined }

/** W3C's header, else, where `xray` is on, X-Ray's. */
export function inboundOf(carrier: Carrier | undefined, xray: boolean, header?: string): Carrier {
  return {
    get(name) {
      const given = carrier?.get(name)
      if (given || !xray || name !== 'traceparent') return given
      return traceparentOf(carrier?.get('x-amzn-trace-id')) ?? traceparentOf(header)
    },
  }
}

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value ? (value as Fields) : {}
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value ? value : undefined
}
