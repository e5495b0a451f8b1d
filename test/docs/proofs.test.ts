/** Each claim of the README leads to the test that shows it, by its title, and what is packed has what the pages lead to. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { parseAst } from 'vitest/node'

const README = readFileSync('README.md', 'utf8')
/** The table below a heading, without its head. */
const table = (heading: string): string[] =>
  (
    README.split(`\n## ${heading}\n`)[1]
      ?.split('\n## ')[0]
      ?.match(/^\|.*$/gm) ?? []
  ).slice(2)

/** Titles of a file's tests and groups, up to where they are filled in. */
function titlesOf(file: string): string[] {
  const titles: string[] = []
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    const { type, callee, arguments: args } = node as { type?: string; callee?: unknown; arguments?: unknown[] }
    if (type === 'CallExpression' && /^(test|describe)$/.test(rootOf(callee))) {
      const { value, quasis } = (args?.[0] ?? {}) as { value?: unknown; quasis?: { value: { cooked: string } }[] }
      if (typeof value === 'string') titles.push(value)
      else if (quasis) titles.push(quasis.map((quasi) => quasi.value.cooked).join('…'))
    }
    for (const child of Object.values(node)) walk(child)
  }
  walk(parseAst(readFileSync(file, 'utf8'), { lang: 'ts' }))
  return titles
}

/** The name that a call begins with: `test` of `test.each([…])(…)`. */
function rootOf(node: unknown): string {
  const { name, callee, object } = (node ?? {}) as { name?: string; callee?: unknown; object?: unknown }
  return name ?? (callee || object ? rootOf(callee ?? object) : '')
}

test('each claim leads to tests that are there, by their titles', () => {
  const wrong: string[] = []
  const claims = table('What it keeps to').filter((row) => !/^\| \*\*.*\*\* \| +\|$/.test(row))
  expect(claims.length).toBeGreaterThan(15)
  for (const row of claims) {
    const [, claim = '', proof = ''] = row.split(/(?<!\\)\|/)
    const links = [...proof.matchAll(/\[[^\]]+\]\(([^)\s]+)(?: "([^"]+)")?\)/g)]
    if (!links.length) wrong.push(`${claim}: no proof`)
    for (const [, file = '', title] of links) {
      const isTest = /^test\/.*\.test\.ts$/.test(file) && existsSync(file)
      if (!isTest || !title || !titlesOf(file).some((one) => one.includes(title)))
        wrong.push(`${claim}: ${file} has no test "${title}"`)
    }
  }
  expect(wrong).toEqual([])
})

// The table's rows are the bench's: `reference.test.ts` compares them.
test('what captureAll() adds is what its budget has', () => {
  const [, said] = /`captureAll\(\)` adds (\d+) KB/.exec(README) ?? []
  const [, budget] =
    /captureAll, over the middleware[\s\S]*?wrangler: (\d+_\d+)/.exec(readFileSync('scripts/size.ts', 'utf8')) ?? []
  expect(Math.floor(Number(budget?.replace('_', '')) / 1000)).toBe(Number(said))
})

test('what the package’s pages lead to is in it, or in the repository beside what it is made of', async () => {
  const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'])
  const output: unknown = JSON.parse(stdout)
  const [packed] = Object.values(output as Record<string, { files: { path: string }[] }>)
  const files = new Set(packed?.files.map(({ path }) => path))
  const pages = [...files].filter((path) => path.endsWith('.md'))
  expect(pages.length).toBeGreaterThan(30)
  // Of the repository: what a user does not run, and pictures.
  const elsewhere = /^(test|bench|examples|design|scripts)\/|^CONTRIBUTING\.md$|\.png$/
  const dead: string[] = []
  for (const page of pages) {
    const prose = readFileSync(page, 'utf8').replace(/^```[\s\S]*?^```/gm, '')
    for (const [, href = ''] of prose.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)) {
      const target = normalize(join(dirname(page), href))
      if (!/^https?:/.test(href) && !files.has(target) && !elsewhere.test(target)) dead.push(`${page}: ${href}`)
    }
  }
  expect(dead).toEqual([])
  expect([...files].filter((path) => /^docs\/.*(\.png|\.ts|package.*\.json)$/.test(path))).toEqual([])
})
