import { expect, test } from 'vitest'
import { createAgentOps, ToolEvent } from '../../src/index.ts'
import { cut, MAX_VALUE_CHARS, toJson } from '../../src/runtime/serialize.ts'
import { named, spansOf, toCollector } from '../support/collected.ts'

const cycle: Record<string, unknown> = { name: 'a' }
cycle.self = cycle
const deep = Array.from({ length: 100 }).reduce<unknown>((inner) => [inner], 'bottom')
const throwing = {
  ok: 1,
  get bad(): never {
    throw new Error('no')
  },
}
const revoked = Proxy.revocable({}, {})
revoked.revoke()
class Money {
  amount = 5
  toString(): string {
    return 'five'
  }
}

const hostile: [name: string, value: unknown, expected: unknown][] = [
  ['a cycle', cycle, { name: 'a', self: '[circular]' }],
  ['one object twice, no cycle', [cycle.name, { a: Math }, { a: Math }], ['a', { a: {} }, { a: {} }]],
  ['BigInt', { n: 12345678901234567890n }, { n: '12345678901234567890' }],
  [
    'Map',
    new Map<unknown, unknown>([
      ['k', 1],
      [2, new Map([['x', 'y']])],
    ]),
    { k: 1, 2: { x: 'y' } },
  ],
  ['Set', new Set([1, 'a']), [1, 'a']],
  ['Date', [new Date(0), new Date(Number.NaN)], ['1970-01-01T00:00:00.000Z', 'Invalid Date']],
  ['typed arrays', [new Uint8Array(1000), new ArrayBuffer(8)], ['[Uint8Array 1000 bytes]', '[ArrayBuffer 8 bytes]']],
  ['a throwing getter', throwing, { ok: 1, bad: '[threw: no]' }],
  ['a revoked proxy', { p: revoked.proxy }, { p: expect.stringContaining('[threw') }],
  [
    'a throwing toJSON',
    {
      toJSON: () => {
        throw new Error('no')
      },
    },
    '[threw: no]',
  ],
  [
    'a toJSON that returns itself',
    {
      toJSON() {
        return this
      },
    },
    '[circular]',
  ],
  ['lone surrogates', { a: 'x\ud800y', '\udc00': 'z' }, { a: 'x\ufffdy', '\ufffd': 'z' }],
  ['functions and symbols', [function name() {}, Symbol('s')], ['[function name]', 'Symbol(s)']],
  ['NaN and Infinity', [Number.NaN, -Infinity, -0], ['NaN', '-Infinity', 0]],
  ['undefined', [undefined, { gone: undefined, kept: null }], [null, { kept: null }]],
  [
    'a promise, a RegExp, a URL',
    [Promise.resolve(1), /a/g, new URL('https://e.x/')],
    ['[Promise]', '/a/g', 'https://e.x/'],
  ],
  ['a class', new Money(), { amount: 5 }],
  [
    'a stub that has any method one asks for',
    { stub: new Proxy({}, { get: () => () => Promise.reject(new Error('remote')) }) },
    { stub: '[remote object]' },
  ],
  ['an object without prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ['__proto__ as a key', JSON.parse('{"__proto__":{"x":1}}'), expect.anything()],
  ['an array with holes', Object.assign(new Array(3), { 0: 1, 2: 3 }), [1, null, 3]],
]

test.each(hostile)('event.data takes %s', async (_, value, expected) => {
  const session = createAgentOps(toCollector()).startSession()
  session.record(new ToolEvent({ name: 't', params: value, returns: value }))
  expect(session.tool('w', value, () => value)).toBe(value)
  await session.end('Success')
  const spans = await spansOf(session)
  for (const name of ['t.tool', 'w.tool']) {
    const data = JSON.parse(String(named(spans, name).attributes['event.data']))
    expect(data.params).toEqual(expected)
  }
})

test('an Error keeps name, message, stack, cause and its own fields', () => {
  const error = Object.assign(new TypeError('bad', { cause: new Error('why') }), { code: 7 })
  expect(JSON.parse(toJson({ error })).error).toMatchObject({
    name: 'TypeError',
    message: 'bad',
    stack: expect.stringContaining('bad'),
    cause: { message: 'why' },
    code: 7,
  })
})

test.each<[string, unknown]>([
  ['a text of 5 MB', 'x'.repeat(5_000_000)],
  ['control characters, six characters each in JSON', '\u0001'.repeat(1_000_000)],
  ['a million entries', Array.from({ length: 1_000_000 }, (_, n) => n)],
  ['a million keys', Object.fromEntries(Array.from({ length: 200_000 }, (_, n) => [`k${n}`, n]))],
  ['a sparse array of a billion', new Array(1e9)],
  ['depth', deep],
  ['many long texts', Array.from({ length: 1000 }, () => 'y'.repeat(1000))],
  ['emoji at the cut', '😀'.repeat(100_000)],
])('%s is bounded, valid JSON, and says what was cut', (_, value) => {
  const json = toJson({ value, after: 1 })
  expect(json.length).toBeLessThanOrEqual(MAX_VALUE_CHARS)
  expect(() => JSON.parse(json)).not.toThrow()
  expect(json).toMatch(/cut\]|too deep\]/)
  expect(/\p{Surrogate}/u.test(String(JSON.parse(json).value))).toBe(false)
})

test('what fits is not cut, to the last character', () => {
  const text = 'z'.repeat(MAX_VALUE_CHARS)
  expect(cut(text)).toBe(text)
  expect(cut(`${text}z`)).toMatch(/…\[\d+ characters cut\]$/)
  expect(cut(`${text}z`).length).toBeLessThanOrEqual(MAX_VALUE_CHARS)
  const value = { s: 'z'.repeat(60_000) }
  expect(JSON.parse(toJson(value))).toEqual(value)
})
