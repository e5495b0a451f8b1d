/**
 * A response's body as the JSON values in it: one, or one an event, a line or a frame. What is too large, or no JSON, is
 * left out, and what comes after it is read. All of it takes time in proportion to the bytes, however they are cut.
 */
import { attempt, type Json } from './wires/wire.ts'

export interface Reader {
  push(bytes: Uint8Array): void
  end(): void
}

/** Characters of a body that is no stream, and of an event; bytes of a frame. */
const MAX_BODY = 4 << 20

/** Characters of a body from which on its bulk is left out. */
const MIN_LARGE = 1 << 16
/** Characters between two quotes that are bulk where they are no text, nor have escapes. */
const MIN_BULK = 512
const TEXT = /\s[a-z]|\\/i
/** Those of a list but its first and its last, of which this may be a part. In portions, as a long match takes long. */
const NUMBERS = /,[^[\]]{1,4096}(?=,)/g

/** The first letter of an event's field, or of a comment. No JSON of interest begins so. */
const BEGINS_EVENT = 'deir:'

/** A part of a body without what nobody here reads, and most of a large one is: lists of numbers, and bytes in base64. */
function lean(text: string, before: number): string {
  if (before + text.length < MIN_LARGE) return text
  const parts = text.split('"').map((part) => {
    if (part.length < MIN_BULK || TEXT.test(part)) return part
    // An escape may have begun before it.
    return part.includes(',') ? part.replace(NUMBERS, '') : part[0]
  })
  return parts.join('"')
}

/** Gives what it takes as a whole at the end, whatever it is. At most `MAX_BODY` beside its bulk. */
export function textReader(take: (text: string) => void): Reader {
  const decoder = new TextDecoder()
  let text = ''
  return {
    push(bytes) {
      if (text.length <= MAX_BODY) text += lean(decoder.decode(bytes, { stream: true }), text.length)
    },
    end() {
      if (text.length <= MAX_BODY) take(text)
    },
  }
}

/**
 * Which it is, the first bytes say: a content type may be missing, or another one. It is asked only about lines of JSON,
 * the first of which may be a whole body, too.
 */
export function readerFor(contentType: string, take: (value: Json) => void): Reader & { readonly streamed: boolean } {
  let reader: Reader | undefined
  let streamed = false
  /** `error`: its type, by a frame's headers. Whether it is JSON: `[DONE]` is none, nor is a body that broke off. */
  const parse = (text: string, error?: string): boolean => {
    const value: Json = attempt(() => {
      const whole = JSON.parse(text)
      // InvokeModel's events are inside of the frames'.
      if (!streamed || !whole.bytes) return whole
      return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(whole.bytes), (char) => char.charCodeAt(0))))
    })
    if (error) take({ ...value, __type: error })
    else if (Object(value) === value) take(value)
    return value !== undefined
  }
  /** One value, or one a line: not all who send events end them with a blank line. */
  const parseAll = (text: string): void => {
    if (!parse(text)) for (const line of text.split('\n')) parse(line)
  }
  const open = (first: number): Reader => {
    streamed = true
    if (!first) return frames(parse)
    if (BEGINS_EVENT.includes(String.fromCharCode(first)) || /ndjson|jsonl/i.test(contentType)) return lines(parseAll)
    streamed = false
    return textReader(parseAll)
  }
  return {
    get streamed() {
      return streamed
    },
    push(bytes) {
      if (!reader) {
        // Neither white space nor a byte order mark.
        const first = bytes.find((byte) => !byte || (byte > 32 && byte < 127))
        if (first !== undefined) reader = open(first)
      }
      reader?.push(bytes)
    },
    end: () => reader?.end(),
  }
}

/** Server-sent events, of which only the data counts, and lines that are JSON themselves. */
function lines(parse: (text: string) => void): Reader {
  const decoder = new TextDecoder()
  let line = ''
  let data = ''
  let isTooLong = false
  let endedInReturn = false
  const take = (): void => {
    if (line[0] === '{') parse(line)
    else if (line.startsWith('data:')) data += `\n${line.slice(5)}`
    else if (!line) {
      if (data && !isTooLong) parse(data)
      data = ''
      isTooLong = false
    }
    line = ''
  }
  return {
    push(bytes) {
      let text = lean(decoder.decode(bytes, { stream: true }), line.length)
      if (endedInReturn && text[0] === '\n') text = text.slice(1)
      if (text) endedInReturn = text.endsWith('\r')
      const [rest = '', ...more] = text.split(/\r\n?|\n/)
      line += rest
      for (const next of more) {
        take()
        line = next
      }
      if (line.length + data.length <= MAX_BODY) return
      isTooLong = true
      data = ''
      // The rest of the line is that of no field.
      if (line.length > MAX_BODY) line = '-'
    },
    end() {
      take()
      take()
    },
  }
}

/** AWS' event stream: total length, length of the headers, checksum (4 bytes each), headers, payload, checksum. */
function frames(parse: (text: string, error?: string) => unknown): Reader {
  let kept = new Uint8Array(4096)
  let length = 0
  let skipped = 0
  return {
    push(bytes) {
      if (length + bytes.length > kept.length) {
        const larger = new Uint8Array(2 * (length + bytes.length))
        larger.set(kept.subarray(0, length))
        kept = larger
      }
      kept.set(bytes, length)
      length += bytes.length
      let at = 0
      for (;;) {
        const over = Math.min(skipped, length - at)
        at += over
        skipped -= over
        if (length - at < 16) break
        const view = new DataView(kept.buffer, at)
        const [size, head] = [view.getUint32(0), view.getUint32(4)]
        if (size < 16 || size > MAX_BODY) {
          skipped = Math.max(size, length - at)
          continue
        }
        if (length - at < size) break
        const text = (from: number, to: number): string => new TextDecoder().decode(kept.subarray(at + from, at + to))
        // After the header's name: 7 for a text, its length in two bytes, and the text.
        const [, error] = text(12, 12 + head).split(/:(?:exception-type|error-code)/)
        parse(text(12 + head, size - 4), error?.slice(3, 3 + error.charCodeAt(2)))
        at += size
      }
      if (at) kept.copyWithin(0, at, length)
      length -= at
    },
    end() {},
  }
}
