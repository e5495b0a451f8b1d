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
export const ENVELOPE_BYTES = 1500
/** The most that `maxExportBatchSize` allows: a message that names more is nobody's. */
export const MAX_SPANS = 100_000
const MAX_URL = 2048

/** The largest body whose message is not larger than `bytes`. */
export function bodyWithin(bytes: number): number {
  return Math.floor((bytes - ENVELOPE_BYTES) / 4) * 3
}

/**
 * A batch as a message that any queue can hold: JSON, its body in base64, some 4/3 of its bytes. `drainSpool` takes it
 * back.
 */
export function toMessage({ body, ...batch }: SpooledBatch): SpoolMessage {
  // In pieces: a call takes no more than some ten thousand arguments.
  let binary = ''
  for (let i = 0; i < body.length; i += 8192) binary += String.fromCharCode(...body.subarray(i, i + 8192))
  return { version: 1, ...batch, body: btoa(binary) }
}

/**
 * Throws where `message`, or its JSON, is none of ours. Who can write to a queue can write anything: what this gives may
 * be put into a request and a log line.
 */
export function fromMessage(message: unknown): SpooledBatch {
  const found = (typeof message === 'string' ? JSON.parse(message) : message) as Partial<SpoolMessage> | null
  if (found?.version !== 1) throw new OwnError('expected a message of queueSpool, sqsSpool or tailSpool')
  const { id, url, format, spans, headers, body } = found
  const { 'content-type': type, 'content-encoding': encoding } = headers ?? {}
  const check = (name: string, value: unknown, expected: string, isGood: boolean): void => {
    const got = typeof value === 'number' ? value : `some ${typeof value}`
    if (!isGood) throw new OwnError(`${name}: expected ${expected}, got ${got}`)
  }
  check('id', id, 'text', typeof id === 'string')
  check('url', url, `a URL of up to ${MAX_URL} characters`, URL.canParse(`${url}`) && `${url}`.length <= MAX_URL)
  check('format', format, 'the name of a format', /^[\w-]{1,40}$/.test(`${format}`))
  check('spans', spans, `1 to ${MAX_SPANS}`, Number.isInteger(spans) && Number(spans) > 0 && Number(spans) <= MAX_SPANS)
  check('content-type', type, 'a type', /^[\x20-\x7e]+$/.test(type ?? ''))
  check('content-encoding', encoding, 'gzip or none', encoding === undefined || encoding === 'gzip')
  check('body', typeof body, 'base64', typeof body === 'string')
  const bytes = Uint8Array.from(atob(body as string), (character) => character.charCodeAt(0))
  return { ...(found as SpoolMessage), url: new URL(url as string).href, body: bytes }
}
