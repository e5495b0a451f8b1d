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

/** What goes wrong, apart from what a command gives: its output may be read by a program. */
export function complain(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** What stands in the user's way: one line, no stack, exit code 1. */
export class UserError extends Error {}

/** It was called wrongly: exit code 2. */
export class UsageError extends UserError {}

/** The value of an option that is a number. */
export function within(name: string, value: unknown, least: number, most: number, isWhole = false): number {
  const number = Number(value)
  if (number >= least && number <= most && (!isWhole || Number.isInteger(number))) return number
  throw new UsageError(`${name}: expected a${isWhole ? ' whole' : ''} number from ${least} to ${most}, got ${value}`)
}

/** An address as people type it, without a slash at the end: `localhost:4318`, or one of the page. */
export function originOf(name: string, value: unknown): string {
  const text = `${value}`
  const url = /^https?:\/\//i.test(text) ? text : `http://${text}`
  // `http://true` is what an option without its value would come to.
  if (URL.canParse(url) && /[.:\]]|localhost/.test(text)) return new URL(url).origin
  throw new UsageError(`${name}: expected an address such as http://127.0.0.1:4318, got ${text}`)
}
