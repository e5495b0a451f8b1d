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
import { kafkaCarrier, payloadCarrier, queueCarrier } from './carriers.ts'
import { carrierOf, fieldsOf, NO_CARRIER, textOf } from './fields.ts'
import { durableVerdict, serviceTrigger, statusOf } from './services.ts'
import type { Fields, LambdaContextLike, LambdaTrigger } from './types.ts'

export function triggerOf(event: unknown, context: LambdaContextLike): LambdaTrigger {
  const fields = fieldsOf(event)
  return (
    serviceTrigger(fields) ??
    httpTrigger(fields) ??
    batchTrigger(fields) ??
    eventBridgeTrigger(fields) ?? {
      name: context.functionName,
      kind: SERVER,
      attributes: { [key.FAAS_TRIGGER]: 'other' },
      carrier: payloadCarrier(fields, context.clientContext),
      judge: fields.DurableExecutionArn ? durableVerdict : undefined,
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
    // API Gateway v2 and function URLs take any other value as a body, with 200.
    judge: (answer, status) => ({ code: status ?? statusOf(answer.statusCode) ?? 200 }),
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
    message: (record) => ({
      id: record.messageId,
      attempts: fieldsOf(record.attributes).ApproximateReceiveCount,
      carrier: queueCarrier(record),
    }),
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

const KAFKA: Source = {
  trigger: 'pubsub',
  system: 'kafka',
  destination: (record) => textOf(record.topic),
  message: ({ topic, partition, offset, headers }) => ({
    id: `${topic}-${partition}-${offset}`,
    carrier: kafkaCarrier(headers),
  }),
}

/** A service that nothing more is known of (`aws:ses`). */
const other = (name: string): Source => ({
  trigger: 'datasource',
  system: name.replace(':', '.'),
  destination: (record) => lastOf(record.eventSourceARN, ':'),
  message: () => ({}),
})

function batchTrigger({ Records, records: parts, eventSource }: Fields): LambdaTrigger | undefined {
  // Of MSK, and of a Kafka of one's own, by partition.
  const isKafka = /kafka/i.test(`${eventSource}`)
  const given = isKafka ? Object.values(fieldsOf(parts)).flat() : Records
  if (!Array.isArray(given)) return undefined
  const records = given.map(fieldsOf)
  const first = records[0] ?? {}
  const name = textOf(first.eventSource ?? first.EventSource)
  const source = isKafka ? KAFKA : name && (SOURCES[name] ?? other(name))
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
