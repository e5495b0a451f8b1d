/** Property: no secret shows, however deep in JSON and wherever the text is cut; JSON stays JSON; time is linear. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProviderQuotes } from '../../src/instrumentation/quotes.ts'
import { Hidden, MARK, plain } from '../../src/runtime/hidden.ts'
import { tries } from '../support/properties.ts'

/** With whatever JSON escapes. */
const characters = fc.string({
  unit: fc.constantFrom(...'abcXYZ019-_./+= "\\\n\t\u0001\u2028é世🐈'),
  minLength: 24,
  maxLength: 200,
})
/** A sentence: a provider's code is none. */
// Backslashes count as none: JSON adds and takes them.
const sentence = characters.map((text) => `${text} it said`).filter((text) => plain(text).length >= 30)
const key = characters.filter((text) => text === text.trim() && !/^(basic|bearer|token|key) /i.test(text))
const words = fc.string({ unit: fc.constantFrom(...'qrstuvw {}[]":,'), maxLength: 60 })

function nested(text: string, depth: number): string {
  return depth ? nested(JSON.stringify({ n: depth, value: [text] }), depth - 1) : text
}

/** The innermost text, as JSON gives it back. */
function inside(text: string, depth: number): string {
  return depth ? JSON.parse(inside(text, depth - 1)).value[0] : text
}

/** Whether `text`, read as JSON in JSON to any depth, has so many characters of the secret in a row. */
function shows(text: string, secret: string, size: number): boolean {
  const plain = (from: string): string => from.replace(/\\+(?:u([\da-f]{4})|([nrtbf]))?/gi, unescaped)
  const seen = plain(text)
  const sought = plain(secret)
  for (let at = 0; at + size <= sought.length; at++) if (seen.includes(sought.slice(at, at + size))) return true
  return false
}

function unescaped(_: string, code?: string, letter?: string): string {
  if (code) return String.fromCharCode(Number.parseInt(code, 16))
  return letter ? JSON.parse(`"\\${letter}"`) : ''
}

describe.each([
  [
    'a credential',
    key,
    15,
    (secret: string) => {
      const hidden = new Hidden()
      hidden.add(secret)
      return hidden
    },
  ],
  [
    "a provider's words",
    sentence,
    30,
    (secret: string) => {
      const quotes = new ProviderQuotes()
      quotes.add(secret)
      return quotes
    },
  ],
] as const)('%s', (_, secrets, size, hiding) => {
  test('shows nowhere, and JSON around it stays JSON', () => {
    fc.assert(
      fc.property(secrets, words, words, fc.nat(4), (secret, before, after, depth) => {
        const shown = hiding(secret).from(nested(before + secret + after, depth))
        expect(shows(shown, secret, size)).toBe(false)
        const innermost = inside(shown, depth)
        expect(innermost).toContain(MARK)
        expect(innermost.startsWith(before.slice(0, -8))).toBe(true)
      }),
      tries(400),
    )
  })

  test('shows nowhere in a text that is cut anywhere', () => {
    fc.assert(
      fc.property(secrets, words, words, fc.nat(3), fc.nat(), fc.nat(), (secret, before, after, depth, from, to) => {
        const text = nested(before + secret + after, depth)
        const [a, b] = [from % text.length, to % text.length].sort((one, other) => one - other) as [number, number]
        expect(shows(hiding(secret).from(text.slice(a, b)), secret, size)).toBe(false)
      }),
      tries(400),
    )
  })
})

test('in a URL a credential is hidden as well', () => {
  const hidden = new Hidden()
  hidden.add('Bearer a/secret+with=signs&more')
  expect(hidden.from(`https://x.y/?k=${encodeURIComponent('a/secret+with=signs&more')}&b=1`)).toBe(
    `https://x.y/?k=${MARK}&b=1`,
  )
})

test('what is no secret is left as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'mnopk \\"n{}') }), (text) => {
      const hidden = new Hidden()
      hidden.add('0123456789abcdef')
      const quotes = new ProviderQuotes()
      quotes.add('0123456789abcdef0123456789abcdef')
      expect(quotes.from(hidden.from(text))).toBe(text)
    }),
    tries(100),
  )
})

test('no cap lets the next one through: the oldest is forgotten, long after', () => {
  const hidden = new Hidden()
  const quotes = new ProviderQuotes()
  const secrets: string[] = []
  for (let n = 0; n < 5000; n++) {
    const secret = `${n}-${crypto.randomUUID()} of ${crypto.randomUUID()}`
    secrets.unshift(secret)
    hidden.add(secret)
    quotes.add(secret)
    if (n % 1000 > 40 || n % 10) continue
    for (const one of secrets.slice(0, 50)) {
      expect(hidden.from(`it is ${one}, as said`)).not.toContain(one.slice(0, 24))
      expect(quotes.from(`it is ${one}, as said`)).not.toContain(one.slice(0, 30))
    }
  }
})

test('words, and what is part of one, are left alone', () => {
  const hidden = new Hidden()
  for (const value of ['operation', 'production', 'Bearer sk-no-key-required', 'checkout-agent']) hidden.add(value)
  expect(hidden.from('a field is required in the operation')).toBe('a field is required in the operation')
  expect(hidden.from('checkout-agent.session', true)).toBe('checkout-agent.session')
  expect(hidden.from('for checkout-agent.')).toBe(`for ${MARK}.`)
})

test('time is linear in the text and bounded, however both were made', () => {
  const started = performance.now()
  const quotes = new ProviderQuotes()
  quotes.add('ab '.repeat(9_000))
  for (let n = 0; n < 5; n++) quotes.add('x '.repeat(2 << 20))
  const hidden = new Hidden()
  hidden.add('abcdefgh/+cdefgh=ABCDEFGH')
  hidden.add('\\"\\"\\"\\"\\"\\"\\"\\"')
  for (let n = 0; n < 300; n++) hidden.add(`${btoa(`key ${n} of some length`)}/${n}`)
  for (const text of ['\\'.repeat(64_000), '\\"'.repeat(32_000), 'ab '.repeat(21_000), 'abcdefgh/'.repeat(7_000)]) {
    quotes.from(text)
    hidden.from(text)
  }
  // It was 25 s for the first of them; the machine may be busy.
  expect(performance.now() - started).toBeLessThan(5000)
})
