/**
 * Credentials, which nothing shows. They are found whole or in part, as plain text, in a URL, or as JSON in JSON to any
 * depth, and nothing around them is touched, so that JSON stays JSON. All of it takes time in proportion to the text.
 */

/** What is shorter is no secret: it would be found everywhere. So many characters in a row of a longer one are hidden. */
const MIN_CHARS = 10
/** A credential is searched for by some of its pieces; of a short one every run of 15 characters has one. */
const PIECE_CHARS = 8
const MAX_PIECES = 9
/** Beside those that are configured; the oldest goes. */
const MAX_SECRETS = 256
/** Words, which names are made of as well. */
const WORDS = /^[a-z]+([ ._-][a-z]+)*$/i
/** Looks otherwise in JSON. */
const ESCAPED = /["\\/]|[^ -~]/
export const MARK = '[hidden]'

interface Secret {
  text: string
  /** Where its pieces begin. */
  pieces: readonly number[]
  isWords: boolean
}

/** Texts that are no credentials, and are not to be quoted. */
export interface Quotes {
  add(text: unknown): void
  /** `text` without them. */
  from(text: string): string
}

export class Hidden {
  readonly #outer: Hidden | undefined
  #secrets: Secret[] = []
  /** Whether one of them looks otherwise in JSON. */
  #isDeep = false
  /** What an instrumentation hides beside. */
  quotes: Quotes | undefined

  /** `outer`: what is hidden beside. */
  constructor(outer?: Hidden) {
    this.#outer = outer
  }

  /** With or without its scheme (`Bearer …`). */
  add(value: unknown): void {
    if (!value) return
    const credential = `${value}`.trim().replace(/^(basic|bearer|token|key) +|\\+$/gi, '')
    for (const text of new Set([credential, encodeURIComponent(credential.toWellFormed())])) this.#keep(text)
  }

  #keep(credential: string): void {
    const text = plain(credential)
    if (text.length < MIN_CHARS || this.#secrets.some((secret) => secret.text === text)) return
    const step = Math.max(PIECE_CHARS, Math.ceil(text.length / MAX_PIECES))
    const last = text.length - PIECE_CHARS
    const pieces = [last]
    for (let at = 0; at < last; at += step) pieces.push(at)
    this.#secrets.push({ text, pieces, isWords: WORDS.test(text) })
    if (this.#secrets.length > MAX_SECRETS) this.#secrets.shift()
    this.#isDeep ||= ESCAPED.test(credential)
  }

  /** Whether one of them is made of words, as names are. */
  get hasWords(): boolean {
    return !!this.#outer?.hasWords || this.#secrets.some(({ isWords }) => isWords)
  }

  /** `text` without them. `isName`: it may be made of the same words as one of them. */
  from(text: string, isName: boolean = false): string {
    const shown = this.#outer?.from(text, isName) ?? text
    if (shown.length < MIN_CHARS || !this.#secrets.length) return shown
    const chars = this.#isDeep ? plain(shown) : shown
    return without(shown, chars, this.#find(chars, isName))
  }

  #find(chars: string, isName: boolean): Range[] {
    const found: Range[] = []
    for (const { text, pieces, isWords } of isName ? this.#secrets.filter((one) => !one.isWords) : this.#secrets) {
      for (const offset of pieces) {
        const piece = text.slice(offset, offset + PIECE_CHARS)
        for (let at = chars.indexOf(piece); at >= 0; at = chars.indexOf(piece, at + 1)) {
          let [from, to] = [at, at + PIECE_CHARS]
          const start = at - offset
          while (from > 0 && from > start && chars[from - 1] === text[from - 1 - start]) from--
          while (to - start < text.length && chars[to] === text[to - start]) to++
          if (to - from >= MIN_CHARS && (!isWords || to - from === text.length)) found.push([from, to])
          at = to - 1
        }
      }
    }
    return found
  }
}

/** From and to, in the characters of a text as `plain` gives it. */
export type Range = readonly [from: number, to: number]

/** What JSON writes in place of a character, at any depth: `\n`, `\\n`, `\\\\u000a`… A backslash that is data counts as none. */
const ESCAPE = /\\+(?:u([\da-fA-F]{4})|([nrtbf]))?/g
const UNIT = new RegExp(`${ESCAPE.source}|[\\s\\S]`, 'g')

function character(_: string, code: string | undefined, letter: string | undefined): string {
  if (code) return String.fromCharCode(Number.parseInt(code, 16))
  return letter ? ('\b\f\n\r\t'['bfnrt'.indexOf(letter)] as string) : ''
}

/** A text without what JSON adds. */
export function plain(text: string): string {
  return text.includes('\\') ? text.replace(ESCAPE, character) : text
}

/** `text` without what stands at `found` in its plain form `chars`. */
export function without(text: string, chars: string, found: readonly Range[]): string {
  if (!found.length) return text
  /** Where each plain character ends in `text`. */
  const ends: number[] = []
  if (chars !== text) {
    for (const { 0: whole, 1: code, 2: letter, index } of text.matchAll(UNIT)) {
      if (whole[0] !== '\\' || character(whole, code, letter)) ends.push(index + whole.length)
    }
  }
  let shown = ''
  let done = 0
  for (const [from, to] of [...found].sort(([a], [b]) => a - b)) {
    const start = from ? (ends[from - 1] ?? from) : 0
    if (start > done || !done) shown += text.slice(done, start) + MARK
    done = Math.max(done, ends[to - 1] ?? to)
  }
  return shown + text.slice(done)
}
