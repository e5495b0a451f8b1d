/**
 * What providers said in refusing: with contents off no span of the session quotes it, though a client puts it into the
 * error that it throws, and the user's code that into a tool's result. It may repeat the prompt.
 */
import { plain, type Quotes, type Range, without } from '../runtime/hidden.ts'
import type { InstrumentedSession } from '../session/instruments.ts'
import { type Reader, readerFor, textReader } from './streams.ts'
import { attempt, type Json } from './wires/wire.ts'

/** Characters in a row that are looked up; 29 in a row are found. What is shorter says nothing. */
const CHARS = 20
const STEP = 10
/** Of one text; a longer one is hidden from where it is found to the end. */
const MAX_CHARS = 1024
/** Parts of texts, some 60 bytes each; twice as many are kept. */
const MAX_PARTS = 8192
/** Values of one refusal that are looked at, the outer ones first, and characters of its texts. */
const MAX_VALUES = 256
const MAX_SAID = 8192
/** More than 20 characters in a row without a space are no sentence; so many are no code either. */
const NO_CODE_CHARS = 100

interface Part {
  text: string
  at: number
  isCut: boolean
}

export class ProviderQuotes implements Quotes {
  #parts: Map<string, Part> = new Map()
  /** The parts before, so that what was said last is always known. */
  #older: Map<string, Part> = new Map()

  add(value: unknown): void {
    if (typeof value !== 'string' || (value.length < NO_CODE_CHARS && !/\s/.test(value))) return
    // A copy: a part of a text keeps the whole of it in memory.
    const text = plain(` ${value.slice(0, MAX_CHARS)}`).slice(1)
    for (let at = 0; at + CHARS <= text.length; at++) {
      this.#parts.set(text.slice(at, at + CHARS), { text, at, isCut: value.length > MAX_CHARS })
    }
    if (this.#parts.size < MAX_PARTS) return
    this.#older = this.#parts
    this.#parts = new Map()
  }

  from(text: string): string {
    if (text.length < CHARS) return text
    const chars = plain(text)
    const found: Range[] = []
    // All parts are kept, so that few of a text need to be looked up.
    for (let at = 0; at + CHARS <= chars.length; at += STEP) {
      const part = chars.slice(at, at + CHARS)
      const place = this.#parts.get(part) ?? this.#older.get(part)
      if (!place) continue
      const [from, to] = around(chars, at, place)
      found.push([from, to])
      at = to - STEP
    }
    return without(text, chars, found)
  }
}

/** As far as `chars` goes on as the text does, around the part that was found at `at`. */
function around(chars: string, at: number, { text, at: offset, isCut }: Part): Range {
  let before = 0
  // Further back it was found before.
  while (before < STEP && before < at && before < offset && chars[at - before - 1] === text[offset - before - 1])
    before++
  let length = CHARS
  while (offset + length < text.length && chars[at + length] === text[offset + length]) length++
  return [at - before, isCut && offset + length === text.length ? chars.length : at + length]
}

/** Reads an answer; what a refusal says is hidden, because a client quotes it in its error. Its form may be anything. */
export function answerReader(
  { status, headers }: Response,
  session: InstrumentedSession,
  take: (value: Json) => void,
): Reader & { readonly streamed?: boolean } {
  if (status < 400) return readerFor(headers.get('content-type') ?? '', take)
  return textReader((text) => {
    const values: Json[] = [jsonOf(text) ?? text]
    if (Object(values[0]) === values[0]) take(values[0])
    let left = session.config.captureContent ? 0 : MAX_SAID
    for (let at = 0; at < values.length && left > 0; at++) {
      const value = values[at]
      if (typeof value === 'string') {
        quote(session, value)
        left -= Math.min(value.length, MAX_CHARS)
      } else values.push(...Object.values(Object(value)).slice(0, MAX_VALUES - values.length))
    }
  })
}

export function quote({ hidden }: InstrumentedSession, text: unknown): void {
  hidden.quotes ??= new ProviderQuotes()
  hidden.quotes.add(text)
}

export const jsonOf = (text: string | undefined): Json => attempt(() => JSON.parse(text ?? ''))
