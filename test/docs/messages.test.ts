/** The page of troubleshooting has each line that the library can print, and no other. */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { collect } from '../../scripts/messages.ts'

const page = await readFile('docs/troubleshooting/messages.md', 'utf8')
const { lines, reasons, guarded } = collect()
const entries = page.split(/^### /m).slice(1)
const titles = entries.map((entry) => /^`(.*)`$/m.exec(entry)?.[1] ?? '')

test('every line, and every reason that a line may end in, is an entry, and none is there that is never printed', () => {
  const printed = [...new Set([...lines.keys(), ...reasons])].map((text) => text.trim())
  expect(printed.length).toBeGreaterThan(80)
  expect(titles.toSorted()).toEqual(printed.toSorted())
})

test('what is only said with debug says so', () => {
  for (const [i, title] of titles.entries()) {
    if (lines.get(title) === 'debug') expect(entries[i], title).toMatch(/with `debug`/)
    else expect(entries[i], title).not.toMatch(/with `debug`/)
  }
})

test('every entry has its cause, what to check and what to change', () => {
  for (const entry of entries)
    expect(entry).toMatch(/^`.+`\n- \*\*Cause\.\*\* .{10,}\n- \*\*Check\.\*\* .{5,}\n- \*\*Change\.\*\* .{5,}$/m)
})

test('what may fail and is left out is named, and nothing else', () => {
  const entry = entries.find((one) => one.startsWith('`… failed; it is left out (…)`')) ?? ''
  const cells = [...entry.matchAll(/^\| (`[^|]+`) \|/gm)].map(([, cell]) => cell)
  const named = [...cells.join().matchAll(/`([^`]+)`/g)].map(([, name]) => name)
  expect(named.toSorted()).toEqual([...guarded].toSorted())
})
