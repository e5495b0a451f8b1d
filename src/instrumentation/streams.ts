/** A response's body as the JSON values in it: one, or one an event. What is too large, or no JSON, is left out. */
import { createParser } from 'eventsource-parser'
import type { Json } from './wires/wire.ts'

export interface Reader {
  push(bytes: Uint8Array): void
  end(): void
}

/** Characters of a body that is no stream, and bytes of one frame of AWS'. */
const MAX_BODY = 4 << 20

/** Reads along, and gives `take` all that is said: its text, whatever it is, at the end. At most `MAX_BODY`. */
export function textReader(take: (text: string) => void): Reader {
  return whole(take)
}

export function readerFor(contentType: string, take: (value: Json) => void): Reader & { streamed: boolean } {
  const parse = (text: string): void => {
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      // `[DONE]`, a comment's text, a body that broke off.
      return
    }
    if (Object(value) === value) take(value)
  }
  if (contentType.includes('event-stream') && !contentType.includes('amazon'))
    return { ...events(parse), streamed: true }
  if (contentType.includes('amazon.eventstream')) return { ...frames(parse), streamed: true }
  return { ...whole(parse), streamed: false }
}

/** Server-sent events. */
function events(parse: (text: string) => void): Reader {
  const parser = createParser({ onEvent: ({ data }) => parse(data), maxBufferSize: MAX_BODY })
  const decoder = new TextDecoder()
  return {
    push: (bytes) => parser.feed(decoder.decode(bytes, { stream: true })),
    end: () => parser.feed('\n\n'),
  }
}

function whole(parse: (text: string) => void): Reader {
  const decoder = new TextDecoder()
  let text = ''
  return {
    push(bytes) {
      if (text.length <= MAX_BODY) text += decoder.decode(bytes, { stream: true })
    },
    end() {
      if (text.length <= MAX_BODY) parse(text)
    },
  }
}

/** AWS' event stream: total length, length of the headers, checksum (4 bytes each), headers, payload, checksum. */
function frames(parse: (text: string) => void): Reader {
  let kept = new Uint8Array()
  return {
    push(bytes) {
      const joined = new Uint8Array(kept.length + bytes.length)
      joined.set(kept)
      joined.set(bytes, kept.length)
      kept = joined
      while (kept.length >= 16) {
        const view = new DataView(kept.buffer, kept.byteOffset)
        const length = view.getUint32(0)
        if (length < 16 || length > MAX_BODY) kept = kept.subarray(kept.length)
        if (kept.length < length) return
        parse(new TextDecoder().decode(kept.subarray(12 + view.getUint32(4), length - 4)))
        kept = kept.subarray(length)
      }
    },
    end() {},
  }
}
