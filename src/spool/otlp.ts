/**
 * Sends a spooled OTLP batch, already decompressed, again. One that is refused or too large is taken apart, so that one
 * span does not take the others with it. Each part has its resource and its scope with it: parts are seldom needed.
 */

import type { Connection } from '../formats/format.ts'
import { type Delivery, deliverInParts } from '../formats/parts.ts'
import { OwnError } from '../runtime/diag.ts'
import { authorised } from '../transport/auth.ts'
import { compress } from '../transport/compress.ts'
import { fromBytes, toBytes } from '../transport/json.ts'
import type { SpooledBatch } from './store.ts'

export async function resendOtlp(batch: SpooledBatch, connection: Connection): Promise<Delivery<unknown>> {
  const { destination, config, post } = connection
  const { maxExportBytes, compression, format } = config
  const { body } = batch
  const type = { 'content-type': batch.headers['content-type'] ?? '' }
  const deliver = <T>(parts: readonly T[], join: (some: readonly T[]) => Uint8Array): Promise<Delivery<unknown>> =>
    deliverInParts(parts, {
      maxBytes: maxExportBytes,
      // The whole is posted as it was.
      encode: (some) => ({ body: some.length === parts.length ? body : join(some), headers: type }),
      post: async (encoded) => post(destination.url, await compress(encoded, compression), authorised),
      refused: (answer, items) => format.refused?.(answer, items, destination),
    })
  if (batch.format === 'otlp-json') {
    return deliver(eachOfJson(body), (resourceSpans) => toBytes({ resourceSpans }))
  }
  // ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans. Messages in a row are one message.
  return deliver(eachOfProtobuf(body, [1, 2, 2]), concat)
}

interface ResourceSpans {
  scopeSpans?: { spans?: object[] }[]
}

/** Each span with the objects around it. */
function eachOfJson(body: Uint8Array): ResourceSpans[] {
  const { resourceSpans = [] } = fromBytes<{ resourceSpans?: ResourceSpans[] }>(body)
  return resourceSpans.flatMap((resource) =>
    (resource.scopeSpans ?? []).flatMap((scope) =>
      (scope.spans ?? []).map((span) => ({ ...resource, scopeSpans: [{ ...scope, spans: [span] }] })),
    ),
  )
}

/** A message as several: each has one of what is found at `path`, a list of field numbers, and all that is around it. */
function eachOfProtobuf(message: Uint8Array, [number, ...path]: number[]): Uint8Array[] {
  const fields = fieldsOf(message)
  const around = fields.flatMap((field) => (field.number === number ? [] : field.bytes))
  const inner = fields.flatMap((field) => {
    if (field.number !== number) return []
    return path.length ? eachOfProtobuf(field.value, path).map((value) => lengthDelimited(number, value)) : field.bytes
  })
  return inner.map((field) => concat([...around, field]))
}

interface Field {
  number: number
  value: Uint8Array
  /** With its tag and its length. */
  bytes: Uint8Array
}

/** Of a message that has length-delimited fields only, as OTLP's around a span are. */
function fieldsOf(message: Uint8Array): Field[] {
  const fields: Field[] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++] ?? Number.NaN
      value += (byte % 128) * factor
      if (!(byte >= 128)) return value
    }
  }
  while (at < message.length) {
    const start = at
    const tag = varint()
    const length = varint()
    const value = message.subarray(at, at + length)
    at += length
    if (tag % 8 !== 2 || value.length !== length) throw new OwnError('the body is no OTLP as protobuf')
    fields.push({ number: tag >> 3, value, bytes: message.subarray(start, at) })
  }
  return fields
}

function lengthDelimited(number: number, value: Uint8Array): Uint8Array {
  const head = [number * 8 + 2]
  let { length } = value
  for (; length >= 128; length = Math.floor(length / 128)) head.push((length % 128) + 128)
  return concat([Uint8Array.from([...head, length]), value])
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
