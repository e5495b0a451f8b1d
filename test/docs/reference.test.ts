/** What is generated is as the source says, and every link leads somewhere. `UPDATE=1` writes what is generated. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'
import { PAGES } from '../../docs/.vitepress/pages.ts'
import { reference, write } from '../../scripts/reference.ts'

const pages = readdirSync('docs', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md') && !/(^|\/)(node_modules|dist)\//.test(name))
  .map((name) => `docs/${name}`)
const texts = new Map(['README.md', ...pages].map((file) => [file, readFileSync(file, 'utf8')]))

test('options, variables, attributes, metrics, the bench’s rows and llms.txt are as the source has them', () => {
  if (process.env.UPDATE) write()
  for (const [file, text] of reference()) expect(readFileSync(file, 'utf8'), `${file}: UPDATE=1 writes it`).toBe(text)
})

test('every option is in the reference, with what it is for', () => {
  const code = readFileSync('src/options/options.ts', 'utf8')
  const names = [...code.slice(code.indexOf('interface DeliveryOptions')).matchAll(/^ {2}(\w+)\?:/gm)].map(
    ([, name]) => name,
  )
  const page = texts.get('docs/reference/options.md')
  expect(names.length).toBeGreaterThan(45)
  for (const name of names) expect(page, name).toMatch(new RegExp(`^#### ${name}\\n\\n.{15,}\\n\\nType: `, 'm'))
})

test('every page is in the sidebar, with a title and a description', () => {
  const named = Object.values(PAGES).flatMap((group) => group.map((page) => `docs/${page}.md`))
  expect(named.toSorted()).toEqual(pages.toSorted())
  for (const page of pages) expect(texts.get(page), page).toMatch(/^---\ndescription: [\w@][^:]{20,}\n---\n\n# .+\n/)
})

/** As the site and code hosts make them. */
function anchorsOf(text: string): string[] {
  const headings = text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} (.*)$/gm)
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  )
}

test('every link leads to a file that is there, and to a heading of it', () => {
  const dead: string[] = []
  let links = 0
  for (const [file, text] of texts) {
    const prose = text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '')
    for (const [, href = ''] of prose.matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)) {
      if (/^https?:/.test(href)) continue
      links++
      const [path = '', anchor] = href.split('#')
      const target = path ? normalize(join(dirname(file), path)) : file
      const known = texts.get(target)
      if (!existsSync(target) || (anchor && !anchorsOf(known ?? '').includes(anchor))) dead.push(`${file}: ${href}`)
    }
  }
  expect(links).toBeGreaterThan(100)
  expect(dead).toEqual([])
})
