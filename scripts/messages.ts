/**
 * Every line that the library may print, and every reason that such a line may end in, read from the syntax of `src`: what
 * `docs/troubleshooting/messages.md` has to explain. What is only known at run time is `…`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAst } from 'vitest/node'

export interface Messages {
  /** Lines, by their text. `debug`: only with the option. */
  lines: Map<string, 'warn' | 'debug' | 'throw'>
  /** What stands in place of a line's last `…`: why something was lost, or refused. */
  reasons: Set<string>
  /** Of "… failed; it is left out (…)": what may fail. */
  guarded: Set<string>
}

/** Of ESTree's nodes, the fields that are looked at. */
interface Node {
  type: string
  name?: string
  operator?: string
  kind?: string
  /** A literal's, or a property's node. */
  value?: unknown
  callee?: Node
  object?: Node
  property?: Node
  key?: Node
  left?: Node
  right?: Node
  id?: Node
  init?: Node
  consequent?: Node
  alternate?: Node
  arguments?: Node[]
  params?: Node[]
  declarations?: Node[]
  quasis?: { value: { cooked: string } }[]
  expressions?: Node[]
}
/** What a name stands for in a file. */
type Names = ReadonlyMap<string, readonly Node[]>

const source = join(import.meta.dirname, '..', 'src')
/** The command prints findings with their remedy, and its page is no log. */
const OWN_OUTPUT = /^(cli|collector\/page)\//
/** An error that is made there is what a span says. */
const RECORDS = /^instrumentation\//
/** Rooms in which an `error` of an outcome becomes part of a line. */
const DELIVERS = /^(transport|outbox|formats|spool)\//

/** Any line about options may be about those of an entry of `exporters`. */
const OF_AN_EXPORTER = /^(exporters\[…\]: )….*/
/** What another one has said, an event's name or an option's is no text of ours. */
const WORDS = /[a-z]{2}/i

export function collect(): Messages {
  const found: Messages = { lines: new Map(), reasons: new Set(), guarded: new Set() }
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).sort()
  for (const file of files) {
    if (!/\.tsx?$/.test(file) || OWN_OUTPUT.test(file) || file === 'runtime/diag.ts') continue
    const program = parseAst(readFileSync(join(source, file), 'utf8'), {
      lang: file.endsWith('x') ? 'tsx' : 'ts',
    }) as unknown as Node
    const names = namesOf(program)
    walk(program, (node) => read(node, file, names, found))
  }
  found.lines.set('… failed; it is left out (…)', 'warn')
  return found
}

function read(node: Node, file: string, names: Names, { lines, reasons, guarded }: Messages): void {
  const { type, callee, key, value, left, right, id, init } = node
  const first = node.arguments?.[0]
  const called = callee?.name
  if (type === 'CallExpression' && first) {
    if (called === 'guard') for (const text of texts(first, names)) if (WORDS.test(text)) guarded.add(text)
    if (called === 'warn' || called === 'debug') for (const text of texts(first, names)) lines.set(text, called)
    // How options say it: to the log, or to `agentops-edge check`; of an entry of `exporters`, with its place.
    if (file.startsWith('options/') && called === 'say')
      for (const text of texts(first, names)) lines.set(text.replace(OF_AN_EXPORTER, '$1…'), 'warn')
    if (file.startsWith('options/') && called === 'complain')
      for (const text of texts(first, names)) lines.set(`exporters[…]: ${text}`, 'warn')
  }
  if (type === 'NewExpression' && (called === 'OwnError' || (called === 'Error' && !RECORDS.test(file))) && first)
    for (const text of texts(first, names)) if (WORDS.test(text)) lines.set(text, 'throw')
  const name = (key ?? left ?? id)?.name
  const set = (value ?? right ?? init) as Node | undefined
  if (DELIVERS.test(file) && name === 'error' && set && /^(Property|Assign|Variable)/.test(type)) {
    for (const text of texts(set, names)) if (WORDS.test(text)) reasons.add(text)
  }
}

/** The texts that an expression may give; `…` where it may be anything. */
function texts(node: Node, names: Names, seen: readonly unknown[] = []): string[] {
  const { type, value, operator, left, right, consequent, alternate } = node
  const of = (one: Node | undefined): string[] =>
    !one || seen.includes(one) ? ['…'] : texts(one, names, [...seen, node])
  if (type === 'Literal' && typeof value === 'string') return [value]
  if (type === 'ConditionalExpression') return [...of(consequent), ...of(alternate)]
  if (type === 'LogicalExpression') return [...of(left), ...of(right)]
  if (type === 'BinaryExpression' && operator === '+') return both(of(left), of(right))
  if (type === 'TemplateLiteral') {
    let found = ['']
    for (const [i, quasi] of node.quasis?.entries() ?? []) {
      const expression = node.expressions?.[i]
      found = both(found, [quasi.value.cooked])
      if (expression) found = both(found, of(expression))
    }
    // Two unknowns in a row are one.
    return found.map((text) => text.replace(/…+/g, '…'))
  }
  const known = type === 'Identifier' ? names.get(`${node.name}`) : undefined
  return known && seen.length < 4 ? [...new Set(known.flatMap(of))] : ['…']
}

function both(heads: readonly string[], tails: readonly string[]): string[] {
  return heads.flatMap((head) => tails.map((tail) => head + tail))
}

/** Constants that are text, what is pushed into a list that is walked, and what functions with one text are called with. */
function namesOf(program: Node): Names {
  const names = new Map<string, Node[]>()
  const pushed = new Map<string, Node[]>()
  const add = (to: Map<string, Node[]>, name = '', nodes: readonly (Node | undefined)[] = []): void => {
    const found = nodes.filter((one) => !!one)
    if (found.length) to.set(name, [...(to.get(name) ?? []), ...found])
  }
  walk(program, ({ type, callee, arguments: args }) => {
    if (type === 'CallExpression' && callee?.property?.name === 'push') add(pushed, callee.object?.name, args)
  })
  walk(program, ({ type, kind, declarations, left, right, id: named, params }) => {
    if (type === 'VariableDeclaration' && kind === 'const')
      for (const { id, init } of declarations ?? [])
        if (id?.type === 'Identifier' && /^(Literal|Template|Conditional)/.test(`${init?.type}`))
          add(names, id.name, [init])
    if (type === 'ForOfStatement') add(names, left?.declarations?.[0]?.id?.name, pushed.get(`${right?.name}`))
    // `refuse(value, problem)`: what is said is a parameter's.
    const at = type === 'FunctionDeclaration' ? (params ?? []).findIndex(({ name }) => name === 'problem') : -1
    if (at < 0) return
    walk(program, ({ type, callee, arguments: args }) => {
      if (type === 'CallExpression' && callee?.name === named?.name) add(names, 'problem', [args?.[at]])
    })
  })
  return names
}

function walk(node: unknown, visit: (node: Node) => void): void {
  if (!node || typeof node !== 'object') return
  if (!Array.isArray(node) && typeof (node as Node).type === 'string') visit(node as Node)
  for (const value of Object.values(node)) walk(value, visit)
}
