/** JSON as bytes, and back: what requests and answers hold. */

export function toBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

/** Throws where `bytes` are no JSON; what it gives is whatever was sent. */
export function fromBytes<T>(bytes: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(bytes))
}
