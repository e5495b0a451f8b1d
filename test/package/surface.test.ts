import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { docstrings, surface } from '../../scripts/surface.ts'

const FILE = 'test/package/surface.txt'

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
const entries: Record<string, string> = Object.fromEntries(
  Object.entries<{ types?: string }>(exports).flatMap(([name, { types }]) =>
    types ? [[`agentops-edge${name.slice(1)}`, types.replace('./dist/', '')]] : [],
  ),
)

/** Every line that a user's code, or its types, may depend on: `UPDATE=1` writes it, for you to read. */
test('the public surface is what it was, or was changed on purpose', () => {
  const found = surface('dist', entries)
  if (process.env.UPDATE) writeFileSync(FILE, found)
  expect(found).toBe(readFileSync(FILE, 'utf8'))
})

test('every name that an entry exports says what it is, where an editor shows it', () => {
  const docs = docstrings('dist', entries)
  expect(docs.size).toBeGreaterThan(200)
  expect([...docs].filter(([, doc]) => !/\w.{18}/.test(`${doc ?? ''}`)).map(([name]) => name)).toEqual([])
})
