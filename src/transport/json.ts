/** JSON as bytes, and back: what requests and answers hold. */

/** As JSON writes half a surrogate pair, behind whole escapes. It has no form in UTF-8, and a strict decoder refuses it. */
const HALF = /(?<!\\)((?:\\\\)*)\\ud[89a-f]../g

let encoder: TextEncoder | undefined

export function toBytes(value: unknown): Uint8Array {
  return encoded(JSON.stringify(value))
}

/** JSON text as bytes that any decoder takes. */
export function encoded(text: string): Uint8Array {
  encoder ??= new TextEncoder()
  return encoder.encode(text.includes('\\ud') ? text.replace(HALF, '$1\ufffd') : text)
}

/** Throws where `bytes` are no JSON; what it gives is whatever was sent. */
export function fromBytes<T>(bytes: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(bytes))
}
