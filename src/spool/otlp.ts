/**
 * Sends a spooled OTLP batch, already decompressed, again. It is read only where it is refused or too large: then it is
 * taken apart, so that one span does not take the others with it.
 */

import type { Connection } from '../formats/format.ts'
import { type Delivery, deliverInParts, NOTHING, reject } from '../formats/parts.ts'
import { OwnError } from '../runtime/diag.ts'
import { authorised } from '../transport/auth.ts'
import { compress } from '../transport/compress.ts'
import { fromBytes, toBytes } from '../transport/json.ts'
import type { Outcome } from '../transport/transport.ts'
import { concat } from './bytes.ts'
import type { SpooledBatch } from './store.ts'

/** A span, and what is around it: its resource's and its scope's own fields. */
interface Part<Node> {
  around: readonly [resource: Node, scope: Node]
  span: Node
}

export async function resendOtlp(batch: SpooledBatch, connection: Connection): Promise<Delivery<unknown>> {
  const { destination, config, post } = connection
  const { maxExportBytes, compression, format } = config
  const { body, spans } = batch
  const headers = { 'content-type': batch.headers['content-type'] ?? '' }
  const send = async (body: Uint8Array): Promise<Outcome> =>
    post(destination.url, await compress({ body, headers }, compression), authorised)

  let whole: Outcome | undefined
  if (body.length <= maxExportBytes) {
    whole = await send(body)
    if (!whole.reason) {
      const [dropped, error] = format.refused?.(whole, spans, destination) ?? [0, '']
      const delivery = { ...NOTHING, sent: spans - dropped }
      if (dropped) reject(delivery, dropped, error)
      return delivery
    }
    if (whole.reason !== 'rejected') return { ...NOTHING, ...whole, unsent: Array(spans).fill(batch.id) }
  }
  const deliver = <Node>(
    parts: readonly Part<Node>[],
    join: (some: readonly Part<Node>[]) => Uint8Array,
  ): Promise<Delivery<unknown>> =>
    deliverInParts(parts, {
      maxBytes: maxExportBytes,
      encode: (some) => ({ body: some.length === parts.length ? body : join(some), headers }),
      post(encoded) {
        const known = whole
        whole = undefined
        return known ? Promise.resolve(known) : send(encoded.body)
      },
      refused: (answer, items) => format.refused?.(answer, items, destination),
      spoiled: [400, 422],
    })
  return batch.format === 'otlp-json'
    ? deliver(partsOfJson(body, spans), joinJson)
    : deliver(partsOfProtobuf(body, spans), joinProtobuf)
}

/** Where there are more spans than a message names, it is none of ours, and its parts may not fit into memory. */
function tooMany(spans: number): OwnError {
  return new OwnError(`spans: it names ${spans} and holds more`)
}

/** Neighbours that have the same around them, which is then sent once. */
function runsOf<Node>(parts: readonly Part<Node>[], level: 0 | 1): Part<Node>[][] {
  const runs: Part<Node>[][] = []
  for (const part of parts) {
    const run = runs.at(-1)
    if (run?.[0]?.around[level] === part.around[level]) run?.push(part)
    else runs.push([part])
  }
  return runs
}

interface JsonNode {
  scopeSpans?: JsonNode[]
  spans?: JsonNode[]
}

function partsOfJson(body: Uint8Array, limit: number): Part<JsonNode>[] {
  const parts: Part<JsonNode>[] = []
  for (const { scopeSpans = [], ...resource } of fromBytes<{ resourceSpans: JsonNode[] }>(body).resourceSpans) {
    for (const { spans = [], ...scope } of scopeSpans) {
      for (const span of spans) parts.push({ around: [resource, scope], span })
      if (parts.length > limit) throw tooMany(limit)
    }
  }
  return parts
}

function joinJson(parts: readonly Part<JsonNode>[]): Uint8Array {
  const resourceSpans = runsOf(parts, 0).map((ofResource) => ({
    ...ofResource[0]?.around[0],
    scopeSpans: runsOf(ofResource, 1).map((ofScope) => ({
      ...ofScope[0]?.around[1],
      spans: ofScope.map(({ span }) => span),
    })),
  }))
  return toBytes({ resourceSpans })
}

/** Numbers of ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans. */
const PATH = [1, 2, 2] as const

function partsOfProtobuf(body: Uint8Array, limit: number): Part<Uint8Array>[] {
  const parts: Part<Uint8Array>[] = []
  // A resource, a scope, two schema URLs, and the messages around them.
  let fields = 8 * limit
  /** The messages that a message holds at this level, and its other fields, as they were. */
  const read = (message: Uint8Array, level: number): [inner: Uint8Array[], own: Uint8Array] => {
    const inner: Uint8Array[] = []
    const own: Uint8Array[] = []
    for (const { number, value, bytes } of fieldsOf(message)) {
      if (!fields--) throw tooMany(limit)
      if (number !== PATH[level]) own.push(bytes)
      else inner.push(level < 2 ? value : bytes)
    }
    return [inner, concat(own)]
  }
  for (const resourceSpans of read(body, 0)[0]) {
    const [scopes, resource] = read(resourceSpans, 1)
    for (const scopeSpans of scopes) {
      const [spans, scope] = read(scopeSpans, 2)
      for (const span of spans) parts.push({ around: [resource, scope], span })
      if (parts.length > limit) throw tooMany(limit)
    }
  }
  return parts
}

function joinProtobuf(parts: readonly Part<Uint8Array>[]): Uint8Array {
  const none = new Uint8Array()
  const wrap = (number: number, own: Uint8Array = none, inner: readonly Uint8Array[]): Uint8Array =>
    lengthDelimited(number, concat([own, ...inner]))
  return concat(
    runsOf(parts, 0).map((ofResource) => {
      const scopes = runsOf(ofResource, 1).map((ofScope) =>
        wrap(
          PATH[1],
          ofScope[0]?.around[1],
          ofScope.map(({ span }) => span),
        ),
      )
      return wrap(PATH[0], ofResource[0]?.around[0], scopes)
    }),
  )
}

interface Field {
  number: number
  value: Uint8Array
  /** With its tag and its length. */
  bytes: Uint8Array
}

/** Of a message that has length-delimited fields only, as OTLP's around a span are. */
function* fieldsOf(message: Uint8Array): Generator<Field> {
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
    yield { number: tag >> 3, value, bytes: message.subarray(start, at) }
  }
}

function lengthDelimited(number: number, value: Uint8Array): Uint8Array {
  const head = [number * 8 + 2]
  let { length } = value
  for (; length >= 128; length = Math.floor(length / 128)) head.push((length % 128) + 128)
  return concat([Uint8Array.from([...head, length]), value])
}
