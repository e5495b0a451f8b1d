/**
 * Credentials, which nothing shows. They are found whole or in part, as plain text or as JSON in JSON to any depth, and
 * nothing around them is touched, so that JSON stays JSON.
 */

/** A credential is searched for in pieces of so many characters: 15 of them in a row are found, and 8 at either end. */
const SIZE = 8
/** Pieces in all. With more there is no telling any more what is one, and every text is hidden. */
const MAX_PIECES = 4096
export const MARK = '[hidden]'

/** Texts that are no credentials, and are not to be quoted. */
export interface Quotes {
  add(text: unknown): void
  /** `text` without them. */
  from(text: string): string
}

export class Hidden {
  readonly #outer: Hidden | undefined
  /** Sources of regular expressions. */
  readonly #pieces: Set<string> = new Set()
  #pattern: RegExp | undefined
  /** Takes the place of the one before, so that a process that lives long need not remember all of them. */
  token: string | undefined

  /** What an instrumentation hides beside. */
  quotes: Quotes | undefined

  /** `outer`: what is hidden beside. */
  constructor(outer?: Hidden) {
    this.#outer = outer
  }

  /** With or without its scheme (`Bearer …`). What is shorter than a piece is no secret. */
  add(value: unknown): void {
    if (typeof value !== 'string') return
    // A backslash at the end cannot be told from one that JSON put before what follows.
    const key = value.trim().replace(/^(basic|bearer|token|key) +|\\+$/gi, '')
    const pieces = key.match(/.{8}/gs)
    if (!pieces) return
    // First the last one with what is left over, as the first that fits is taken.
    for (const piece of [key.slice((pieces.length - 1) * SIZE), ...pieces, key.slice(-SIZE)]) {
      const source = piece.replace(/[^\w.~-]/g, anyForm)
      if (this.#pieces.has(source) || this.#pieces.size >= MAX_PIECES) continue
      this.#pieces.add(source)
      this.#pattern = undefined
    }
  }

  /** `text` without them. `isWord`: a name or an id, which stays where every text is hidden. */
  from(text: string, isWord: boolean = false): string {
    let shown = this.#outer?.from(text, isWord) ?? text
    if (this.token) shown = shown.replaceAll(this.token, MARK)
    const { size } = this.#pieces
    if (!size || shown.length < SIZE) return shown
    if (size >= MAX_PIECES && !isWord) return MARK
    this.#pattern ??= new RegExp(`(?:${[...this.#pieces].join('|')})+`, 'g')
    return shown.replace(this.#pattern, MARK)
  }
}

/** A character as it is, as a URL has it, and as JSON: behind backslashes, a control character as a letter or a number. */
function anyForm(char: string): string {
  const code = char.charCodeAt(0).toString(16).padStart(4, '0')
  return `(?:\\\\*(?:\\u${code}|u${code}|${'btnfr'['\b\t\n\f\r'.indexOf(char)] ?? code})|%${code.slice(2).toUpperCase()})`
}
