/** Secrets that tests plant, each known by its label, and the search for what is left of them; needs no platform. */

const PART = 20
const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789'
/** What shows 16 characters of a secret in a row shows 13 that begin at a fourth place of it. */
const PIECE = 13
const STEP = 4

/** Two parts of 20 characters that look like nothing else and are the same wherever they are asked for. */
function partsOf(label: string): [string, string] {
  let state = 0x811c9dc5
  const stir = (value: number): void => {
    state = Math.imul(state ^ value, 0x01000193) >>> 0
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0
    state = (state ^ (state >>> 13)) >>> 0
  }
  for (const character of label) stir(character.charCodeAt(0))
  const letters = Array.from({ length: PART * 2 }, (_, at) => {
    stir(at + 1)
    return LETTERS[state % LETTERS.length]
  }).join('')
  return [letters.slice(0, PART), letters.slice(PART)]
}

/** A secret that fits anywhere, a header and a URL too: 41 characters. */
export function secretKey(label: string): string {
  return partsOf(label).join('-')
}

/** A secret as people write it: with what JSON escapes between its parts. */
export function secretText(label: string): string {
  return partsOf(label).join(' "said"\n\\')
}

/**
 * The labels of those that a text shows 16 characters of: as they are, in JSON in JSON, in a URL, or in base64 of
 * whichever alphabet.
 */
export function secretFinder(labels: readonly string[]): (text: string) => string[] {
  const labelOf = new Map<string, string>()
  for (const label of labels) {
    for (const form of [...partsOf(label), secretKey(label)]) {
      for (let at = 0; at + PIECE <= form.length; at += STEP) labelOf.set(form.slice(at, at + PIECE), label)
    }
  }
  return (text) => {
    const found = new Set<string>()
    for (const shown of [text, ...decodedFrom(text)]) {
      for (const [run] of shown.matchAll(/[a-z2-9-]{13,}/g)) {
        for (let at = 0; at + PIECE <= run.length; at++) {
          const label = labelOf.get(run.slice(at, at + PIECE))
          if (label !== undefined) found.add(label)
        }
      }
    }
    return [...found]
  }
}

/** What may be base64 in it, decoded from each place where it may begin. */
function* decodedFrom(text: string): Iterable<string> {
  for (const [run] of text.matchAll(/[\w+/-]{16,}/g)) {
    const plain = run.replaceAll('-', '+').replaceAll('_', '/')
    for (let at = 0; at < 4; at++) {
      const whole = plain.slice(at, plain.length - ((plain.length - at) % 4))
      if (whole) yield atob(whole)
    }
  }
}
