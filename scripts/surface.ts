/**
 * The public surface as one text, from the built declarations: what each entry exports, then every type that can be
 * reached from there, without comments, names of chunks and what is private. `test/package/surface.test.ts` compares it
 * with `test/package/surface.txt`.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** A declaration, or what stands for one of another package. */
interface Declared {
  text: string
  file: File
}
interface File {
  path: string
  declared: Map<string, string>
  /** By the name here: where it is declared, and its name there among the exports. */
  imported: Map<string, { from: string; name: string }>
  /** By the exported name: the name here. */
  exported: Map<string, string>
  /** By name: what its docstring says. */
  documented: Map<string, string>
}

const NAMED =
  /^(?:export )?(?:default )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const|let|var|enum|namespace) ([\w$]+)/
const pairs = (list: string): [string, string][] =>
  list
    .split(',')
    .map((part) => part.trim().replace(/^type /, ''))
    .filter(Boolean)
    .map((part) => part.split(' as ') as [string, string?])
    .map(([name, alias = name]) => [name, alias])

/** Statements at the left margin, each with what belongs to it. */
function statements(code: string): string[] {
  const found: string[] = []
  for (const line of code.replace(/^ *\/\*[\s\S]*?\*\/\n|^ *\/\/.*\n?/gm, '').split('\n')) {
    if (!line.trim()) continue
    if (/^[\s})]/.test(line) && found.length) found[found.length - 1] += `\n${line}`
    else found.push(line)
  }
  // What is private is nobody's: neither its name nor its type.
  return found.map((text) => text.replace(/^ +(?:private |#)[^\n]*\n(?: {4,}[^\n]*\n| {2}[})][^\n]*\n)*/gm, ''))
}

interface Declarations {
  load(path: string): File
  /** Where a name of a file is declared; undefined where another package does. */
  find(file: File, name: string): [File, string] | undefined
}

function declarationsOf(dist: string): Declarations {
  const files = new Map<string, File>()
  const load = (path: string): File => {
    const known = files.get(path)
    if (known) return known
    const file: File = { path, declared: new Map(), imported: new Map(), exported: new Map(), documented: new Map() }
    files.set(path, file)
    const code = readFileSync(join(dist, path), 'utf8')
    for (const [, doc = '', line = ''] of code.matchAll(/^\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n(.*)$/gm))
      file.documented.set(`${NAMED.exec(line)?.[1]}`, doc.replace(/\s*\n \* ?/g, ' ').trim())
    for (const text of statements(code)) {
      const [, list, from] = /^(?:import|export) (?:type )?\{([^}]*)\}(?: from "([^"]+)")?/.exec(text) ?? []
      const target = from?.startsWith('.') ? normalize(join(dirname(path), from)).replace(/\.js$/, '.d.ts') : from
      if (list !== undefined && target) {
        for (const [name, alias] of pairs(list)) {
          const here = text.startsWith('import') ? alias : `(${target}) ${name}`
          file.imported.set(here, { from: target, name })
          if (text.startsWith('export')) file.exported.set(alias, here)
        }
      } else if (list !== undefined) {
        for (const [name, alias] of pairs(list)) file.exported.set(alias, name)
      } else {
        const name = NAMED.exec(text)?.[1] ?? text.split('\n')[0]
        const isExported = text.startsWith('export ')
        const declared = text.replace(/^export /, '')
        file.declared.set(
          `${name}`,
          `${file.declared.has(`${name}`) ? `${file.declared.get(`${name}`)}\n` : ''}${declared}`,
        )
        if (isExported) file.exported.set(`${name}`, `${name}`)
      }
    }
    return file
  }
  const find = (file: File, name: string): [File, string] | undefined => {
    const elsewhere = file.imported.get(name)
    if (!elsewhere) return file.declared.has(name) ? [file, name] : undefined
    if (!elsewhere.from.endsWith('.d.ts')) return undefined
    const next = load(elsewhere.from)
    return find(next, next.exported.get(elsewhere.name) ?? elsewhere.name)
  }
  return { load, find }
}

/** What each entry exports, and its docstring; undefined where it has none. What another package declares is left out. */
export function docstrings(dist: string, entries: Readonly<Record<string, string>>): Map<string, string | undefined> {
  const { load, find } = declarationsOf(dist)
  const docs = new Map<string, string | undefined>()
  for (const [entry, path] of Object.entries(entries)) {
    const file = load(path)
    for (const [name, here] of file.exported) {
      const [home, declared] = find(file, here) ?? []
      if (home) docs.set(`${entry} ${name}`, home.documented.get(`${declared}`))
    }
  }
  return docs
}

export function surface(dist: string, entries: Readonly<Record<string, string>>): string {
  const { load, find } = declarationsOf(dist)
  const reached = new Map<string, Declared>()
  const reach = (file: File, name: string): void => {
    const place = find(file, name)
    if (!place) return
    const [home, own] = place
    const key = `${own} ${home.path}`
    if (reached.has(key)) return
    const text = home.declared.get(own) ?? ''
    reached.set(key, { text, file: home })
    for (const [word] of text.matchAll(/[A-Za-z_$][\w$]*/g)) if (word !== own) reach(home, word)
  }

  const lines: string[] = []
  for (const [entry, path] of Object.entries(entries)) {
    const file = load(path)
    lines.push(`${entry}`, ...[...file.exported.keys()].sort().map((name) => `  ${name}`), '')
    for (const name of file.exported.values()) reach(file, name)
    for (const name of file.declared.keys()) if (name.startsWith('declare module')) reach(file, name)
  }
  const texts = [...reached.values()].map(({ text }) => text.replace(/\$\d+\b/g, '')).sort()
  return `${[...lines, ...new Set(texts)].join('\n')}\n`
}
