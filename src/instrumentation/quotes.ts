/**
 * What providers said in refusing: with contents off no span of the session shows it, though a client puts it into the
 * error that it throws, and the user's code that into a tool's result. It may quote the prompt.
 */
import { MARK, type Quotes } from '../runtime/hidden.ts'

/** Characters in a row that are found, of a short text, and of any other. */
const SHORT = 8
const LONG = 16
/** Of one text; a longer one is hidden from where it is found to the end. */
const MAX_CHARS = 1024
/** Parts of texts, some 50 bytes each. With more there is no telling any more what is one, and every text is hidden. */
const MAX_PARTS = 16_384

export class ProviderQuotes implements Quotes {
  /** All parts of so many characters, and those that end what was kept of a longer text. */
  readonly #parts: Set<string> = new Set()
  readonly #ends: Set<string> = new Set()

  add(value: unknown): void {
    if (typeof value !== 'string') return
    const size = value.length < LONG ? SHORT : LONG
    const { chars } = read(value.slice(0, MAX_CHARS))
    let part = ''
    for (let at = 0; at + size <= chars.length && this.#parts.size <= MAX_PARTS; at++) {
      part = chars.slice(at, at + size)
      this.#parts.add(part)
    }
    if (value.length > MAX_CHARS) this.#ends.add(part)
  }

  from(text: string): string {
    if (this.#parts.size > MAX_PARTS) return MARK
    const { chars, ends } = read(text)
    let shown = ''
    let done = 0
    /** Up to where the characters are hidden. */
    let to = 0
    for (let at = 0; at < chars.length; at++) {
      for (const size of [SHORT, LONG]) {
        const part = chars.slice(at, at + size)
        if (!this.#parts.has(part)) continue
        if (at > to || !to) shown += text.slice(done, ends[at - 1] ?? at) + MARK
        to = this.#ends.has(part) ? chars.length : Math.max(to, at + part.length)
        done = ends[to - 1] ?? to
      }
    }
    return shown + text.slice(done)
  }
}

/** What JSON writes in place of a character, at any depth: `\n`, `\\n`, `\\\\u000a`… A backslash that is data counts as none. */
const UNIT = /\\+(?:u([\da-fA-F]{4})|([nrtbf]))?|[\s\S]/g
const CONTROLS: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' }

/** A text without what JSON adds, and where in it each character ends; nothing where each is one. */
function read(text: string): { chars: string; ends: number[] } {
  const ends: number[] = []
  if (!text.includes('\\')) return { chars: text, ends }
  let chars = ''
  for (const { 0: whole, 1: code, 2: control, index } of text.matchAll(UNIT)) {
    const escaped = code ? String.fromCharCode(Number.parseInt(code, 16)) : (CONTROLS[control ?? ''] ?? '')
    const char = whole[0] === '\\' ? escaped : whole
    chars += char
    if (char) ends.push(index + whole.length)
  }
  return { chars, ends }
}
