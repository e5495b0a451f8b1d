/**
 * Sends a spooled OTLP batch, already decompressed, again. It is read only where it is refused or too large: then it is
 * taken apart, so that one span does not take the others with it.
 */
import type { Connection, Wire } from '../formats/format.ts'
import { type Delivery, deliverInParts, NOTHING, reject } from '../formats/parts.ts'
import { authorised } from '../transport/auth.ts'
import { compress } from '../transport/compress.ts'
import { post } from '../transport/retry.ts'
import type { Outcome, Refused } from '../transport/transport.ts'
import type { SpooledBatch } from './store.ts'

export async function resendOtlp(
  { id, body, spans }: SpooledBatch,
  connection: Connection,
): Promise<Delivery<unknown>> {
  const { destination, config } = connection
  const { maxExportBytes, compression, format } = config
  const wire = format.wire as Wire
  const headers = { 'content-type': wire.type }
  const send = async (body: Uint8Array): Promise<Outcome> =>
    post(connection, destination.url, await compress({ body, headers }, compression), authorised)

  let refusal: Refused | undefined
  if (body.length <= maxExportBytes) {
    const outcome = await send(body)
    if (!outcome.reason) {
      const [dropped, error] = format.refused?.(outcome, spans, destination) ?? [0, '']
      const delivery = { ...NOTHING, sent: spans - dropped }
      if (dropped) reject(delivery, dropped, error)
      return delivery
    }
    if (outcome.reason !== 'rejected') return { ...NOTHING, ...outcome, unsent: Array(spans).fill(id) }
    refusal = outcome
  }
  const pieces = wire.split(body, spans)
  return deliverInParts(pieces, {
    maxBytes: maxExportBytes,
    encode: (some) => ({ body: some.length === pieces.length ? body : wire.merge(some), headers }),
    post: ({ body }) => send(body),
    refused: (answer, items) => format.refused?.(answer, items, destination),
    refusal,
  })
}
