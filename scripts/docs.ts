/** The site of `docs` as static files, into `docs/dist`. Its generator is installed into `.cache` once for each lock file. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { PAGES } from '../docs/.vitepress/pages.ts'
import { write } from './reference.ts'

const HOME = '.cache/docs'
const STAMP = join(HOME, 'node_modules/.lock')

process.chdir(join(import.meta.dirname, '..'))
write()
const lock = readFileSync('docs/package-lock.json', 'utf8')
const isThere = existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock
if (!isThere) rmSync(HOME, { recursive: true, force: true })
// Pages that are gone must not be built again.
for (const name of ['guide', 'concepts', 'reference', 'troubleshooting', 'migration', '.vitepress'])
  rmSync(join(HOME, name), { recursive: true, force: true })
cpSync('docs', HOME, { recursive: true, filter: (path) => !/node_modules|docs\/dist|\.vitepress\/cache/.test(path) })
cpSync('.npmrc', join(HOME, '.npmrc'))
if (!isThere) {
  execFileSync('npm', ['ci'], { cwd: HOME, stdio: 'inherit' })
  writeFileSync(STAMP, lock)
}
// Fails on a link that leads nowhere.
const env = { ...process.env, DOCS_OUT: resolve('docs/dist') }
execFileSync('npm', ['run', '--silent', 'build'], { cwd: HOME, stdio: 'inherit', env })
// Beside each page its text, to which llms.txt leads.
for (const page of Object.values(PAGES).flat()) cpSync(`docs/${page}.md`, `docs/dist/${page}.md`)
