import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const PAGES = ['design/coverage.md', 'design/threat-model.md', 'design/decisions.md', 'design/versions.md']
const MORE = ['CONTRIBUTING.md', 'AGENTS.md', 'SECURITY.md', 'design/README.md']
const named = (page: string): string[] =>
  [...readFileSync(page, 'utf8').matchAll(/`((?:test|src|scripts|bench|design|examples)\/[^`*{}<>]+)`/g)].map(
    ([, path]) => `${path}`,
  )

test.each([...PAGES, ...MORE])('every file that %s names exists', (page) => {
  expect(named(page).filter((path) => !existsSync(path))).toEqual([])
  const links = [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => `${path}`)
  const folder = page.includes('/') ? 'design/' : ''
  expect(links.filter((path) => !existsSync(folder + path))).toEqual([])
})
