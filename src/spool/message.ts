/** A spooled batch as text: what a queue keeps. It has no key, no token and no configured header. */
import { OwnError } from '../runtime/diag.ts'
import type { SpooledBatch } from './store.ts'

/** As JSON; the body as base64. */
export interface SpoolMessage extends Omit<SpooledBatch, 'body'> {
  /** Of this form. */
  version: 1
  body: string
}

/** What the other fields and JSON itself take. */
const ENVELOPE_BYTES = 1500

/** The largest body whose message is not larger than `bytes`. */
export function bodyWithin(bytes: number): number {
  return Math.floor((bytes - ENVELOPE_BYTES) / 4) * 3
}

export function toMessage({ body, ...batch }: SpooledBatch): SpoolMessage {
  // In pieces: a call takes no more than some ten thousand arguments.
  let binary = ''
  for (let i = 0; i < body.length; i += 8192) binary += String.fromCharCode(...body.subarray(i, i + 8192))
  return { version: 1, ...batch, body: btoa(binary) }
}

/** Throws where `message`, or its JSON, is none of ours. */
export function fromMessage(message: unknown): SpooledBatch {
  const { version, body, ...batch } = (typeof message === 'string' ? JSON.parse(message) : message) as SpoolMessage
  if (version !== 1) throw new OwnError('expected a message of queueSpool or sqsSpool')
  return { ...batch, body: Uint8Array.from(atob(body), (character) => character.charCodeAt(0)) }
}
