/** The site of `docs` as static files, into `docs/dist`. Its generator is installed into `.cache` once for each lock file. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { PAGES } from '../docs/.vitepress/pages.ts'
import { write } from './reference.ts'

const HOME = '.cache/docs'
const STAMP = join(HOME, 'node_modules/.lock')
const DIST = 'docs/dist'
/** Not in `HOME`, all of whose pages are built. */
const API_PAGES = '.cache/docs-api'
const API = 'reference/api'

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
// Reading all types takes as long as the rest: only where one of them may have changed.
const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file))
const hash = createHash('sha256')
for (const file of ['package.json', 'package-lock.json', 'tsconfig.json', 'docs/package-lock.json', 'docs/api.ts'])
  hash.update(readFileSync(file))
for (const file of sources.sort()) hash.update(file).update(readFileSync(join('src', file)))
const types = hash.digest('hex')
const typesStamp = join(HOME, 'api.sha256')
if (!existsSync(typesStamp) || readFileSync(typesStamp, 'utf8') !== types) {
  rmSync(typesStamp, { force: true })
  execFileSync(process.execPath, ['api.ts', resolve(), resolve(API_PAGES)], { cwd: HOME, stdio: 'inherit' })
  writeFileSync(typesStamp, types)
}
cpSync(API_PAGES, join(HOME, API), { recursive: true })
// Fails on a link that leads to no page.
const env = { ...process.env, DOCS_OUT: resolve(DIST) }
execFileSync('npm', ['run', '--silent', 'build'], { cwd: HOME, stdio: 'inherit', env })
// Beside each page its text, to which llms.txt leads.
for (const page of Object.values(PAGES).flat()) cpSync(`docs/${page}.md`, `${DIST}/${page}.md`)
cpSync(API_PAGES, join(DIST, API), { recursive: true })

// What the generator does not look at: links to headings, and those of llms.txt.
const files = readdirSync(DIST, { recursive: true, encoding: 'utf8' })
const pages = new Map(
  files.filter((file) => file.endsWith('.html')).map((file) => [file, readFileSync(join(DIST, file), 'utf8')]),
)
const ids = new Map([...pages].map(([file, html]) => [file, new Set(html.match(/(?<=\bid=")[^"]+/g))]))
const base = (process.env.DOCS_BASE || '/').replace(/[^/]$/, '$&/')
const dead: string[] = []
let links = 0
for (const [file, html] of pages) {
  for (const [, href = ''] of html.matchAll(/<a\b[^>]* href="([^"]*)"/g)) {
    const { origin, pathname, hash } = new URL(href, `http://site${base}${file}`)
    if (origin !== 'http://site' || !hash) continue
    const path = decodeURIComponent(pathname.slice(base.length))
    const target = path.endsWith('.html') ? path : `${path.replace(/(^|\/)$/, '$1index')}.html`
    links++
    if (!ids.get(target)?.has(decodeURIComponent(hash.slice(1)))) dead.push(`${file}: ${href}`)
  }
}
for (const [, path = ''] of readFileSync(join(DIST, 'llms.txt'), 'utf8').matchAll(/\]\(([^)]+)\)/g))
  if (!files.includes(path)) dead.push(`llms.txt: ${path}`)
if (dead.length || links < 1000)
  throw new Error(`docs: of ${links} links to headings, and those of llms.txt, lead nowhere:\n${dead.join('\n')}`)
