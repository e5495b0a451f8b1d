import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { surface } from '../../scripts/surface.ts'

const FILE = 'test/package/surface.txt'

/** Every line that a user's code, or its types, may depend on: `UPDATE=1` writes it, for you to read. */
test('the public surface is what it was, or was changed on purpose', () => {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
  const entries = Object.entries<{ types?: string }>(exports).flatMap(([name, { types }]) =>
    types ? [[`agentops-edge${name.slice(1)}`, types.replace('./dist/', '')]] : [],
  )
  const found = surface('dist', Object.fromEntries(entries))
  if (process.env.UPDATE) writeFileSync(FILE, found)
  expect(found).toBe(readFileSync(FILE, 'utf8'))
})
