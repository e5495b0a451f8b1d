/** What a command says, and how: nothing that came from a span or a backend moves the terminal's cursor. */

/** Control, format and bidi characters, and separators. A line end is kept where `lines` says so. */
export function clean(text: string, lines = false): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => (lines && /[\n\t]/.test(character) ? character : ' '))
}

const CODES = { red: 31, green: 32, yellow: 33, blue: 34, dim: 2, bold: 1 } as const
export type Style = keyof typeof CODES

/** Only on a terminal, and where nobody has said `NO_COLOR`. */
export function style(text: string, ...styles: Style[]): string {
  if (!process.stdout.isTTY || process.env.NO_COLOR) return text
  return `\u001b[${styles.map((name) => CODES[name]).join(';')}m${text}\u001b[0m`
}

export const STATE_STYLES: Readonly<Record<string, Style>> = {
  Success: 'green',
  Fail: 'red',
  Indeterminate: 'yellow',
  Running: 'blue',
}

/** A mistake of the user's: one line, no stack, exit code 1. */
export class UserError extends Error {}
