import { expect, test } from 'vitest'
import { isIgnored, type NextOptions } from '../../src/vercel/next-options.ts'

const ignored = (path: string, options: NextOptions = {}, headers: Record<string, string> = {}): boolean =>
  isIgnored(options, new Request(`https://desk.example.com${path}`, { headers }))

test.each([
  ['/_next/image?url=%2Fx.png&w=64', true],
  ['/docs/_next/static/chunks/x.js', true],
  ['/_next/data/build/x.json', false],
  ['/favicon.ico', true],
  ['/blog/icon.png', true],
  ['/icon', false],
  ['/icons', false],
  ['/blog/opengraph-image-1a2b3c.png', true],
  ['/robots.txt', true],
  ['/sitemap.xml', true],
  ['/', false],
  ['/robots.txt/edit', false],
])('by default: %s %s', (path, expected) => {
  expect(ignored(path)).toBe(expected)
})

test('prefetches of the router, and no other', () => {
  expect(ignored('/', {}, { rsc: '1', 'next-router-prefetch': '1' })).toBe(true)
  expect(ignored('/', {}, { rsc: '1' })).toBe(false)
  expect(ignored('/', {}, { 'sec-purpose': 'prefetch' })).toBe(false)
})

test('paths, patterns and a function of the request; what is no such thing, and what throws, leaves the default', () => {
  const list: NextOptions = { ignore: ['/health', '/internal/*', /^\/v\d+\/ping$/g] }
  const paths = ['/health?deep=1', '/internal/x', '/v2/ping', '/v3/ping', '/health/x', '/robots.txt']
  expect(paths.map((path) => ignored(path, list))).toEqual([true, true, true, true, false, true])
  expect(ignored('/robots.txt', { ignore: (_, byDefault) => !byDefault })).toBe(false)
  expect(ignored('/', { ignore: (request) => request.headers.has('x-probe') }, { 'x-probe': '1' })).toBe(true)
  expect(ignored('/robots.txt', { ignore: '/x' as never })).toBe(true)
  const throws = (): boolean => {
    throw new Error('no')
  }
  expect([ignored('/', { ignore: throws }), ignored('/robots.txt', { ignore: throws })]).toEqual([false, true])
})
