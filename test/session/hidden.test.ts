/** Property: no secret shows, however deep in JSON and wherever the text is cut; JSON stays JSON; time is linear. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProviderQuotes } from '../../src/instrumentation/quotes.ts'
import { Hidden, MARK } from '../../src/runtime/hidden.ts'

/** With whatever JSON escapes. */
const characters = fc.string({
  unit: fc.constantFrom(...'abcXYZ019-_./+= "\\\n\t\u0001\u2028é世🐈'),
  minLength: 24,
  maxLength: 200,
})
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
    characters,
    24,
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
      { numRuns: 400 },
    )
  })

  test('shows nowhere in a text that is cut anywhere', () => {
    fc.assert(
      fc.property(secrets, words, words, fc.nat(3), fc.nat(), fc.nat(), (secret, before, after, depth, from, to) => {
        const text = nested(before + secret + after, depth)
        const [a, b] = [from % text.length, to % text.length].sort((one, other) => one - other) as [number, number]
        expect(shows(hiding(secret).from(text.slice(a, b)), secret, size)).toBe(false)
      }),
      { numRuns: 400 },
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
  )
})

test('no cap lets the next one through: with too many to remember, every text is hidden', () => {
  const hidden = new Hidden()
  const quotes = new ProviderQuotes()
  for (let n = 0; n < 50_000; n++) {
    const secret = `${n}-${crypto.randomUUID()}`
    hidden.add(secret)
    quotes.add(secret)
    if (n % 5000 && n > 40) continue
    expect(hidden.from(`it is ${secret}, as said`)).not.toContain(secret.slice(0, 24))
    expect(quotes.from(`it is ${secret}, as said`)).not.toContain(secret.slice(0, 24))
  }
})

test('time is linear in the text, however it was made against the search, and memory is bounded', () => {
  const quotes = new ProviderQuotes()
  const crafted = 'ab'.repeat(14_000)
  const start = performance.now()
  quotes.add(crafted)
  for (let n = 0; n < 5; n++) quotes.add('x'.repeat(4 << 20))
  const added = performance.now() - start
  const time = (length: number): number => {
    const text = `${'ab'.repeat(length / 2)}\\"`
    const begun = performance.now()
    quotes.from(text)
    return performance.now() - begun
  }
  time(10_000)
  const [one, eight] = [time(50_000), time(400_000)]
  expect(added).toBeLessThan(200)
  // Eight times as much takes eight times as long, and not sixty-four; the machine may be busy.
  expect(eight / one).toBeLessThan(32)
})
