/**
 * The direction of the house: a room (a folder of `src`) imports only rooms below it, values and types alike, and no
 * file of it is longer than a reader takes in. Fails where one does not keep to it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** From the top; rooms of one floor do not import each other. */
const FLOORS: readonly (readonly string[])[] = [
  ['index.ts'],
  ['cli'],
  ['client', 'collector', 'hono', 'middy', 'vercel', 'workers'],
  ['lambda'],
  ['http'],
  ['lifetime'],
  ['instrumentation', 'metrics', 'semconv', 'spool'],
  ['wiring'],
  ['options'],
  ['propagation'],
  ['session'],
  ['events', 'tracing'],
  ['outbox'],
  ['formats'],
  ['transport'],
  ['runtime'],
]
const MAX_LINES = 350

const source = join(import.meta.dirname, '..', 'src')
const floorOf = (room: string): number => FLOORS.findIndex((rooms) => rooms.includes(room))
const roomOf = (file: string): string => relative(source, file).split('/')[0] as string

/** What `imports` of package.json choose by platform, as types see it. */
const { paths } = JSON.parse(readFileSync(join(source, '../tsconfig.json'), 'utf8')).compilerOptions
const CHOSEN: Record<string, string> = Object.fromEntries(
  Object.entries<string[]>(paths).map(([name, [file = '']]) => [name, file]),
)

const faults: string[] = []
for (const name of readdirSync(source, { recursive: true, encoding: 'utf8' }).sort()) {
  if (!/\.tsx?$/.test(name)) continue
  const file = join(source, name)
  const code = readFileSync(file, 'utf8')
  const room = roomOf(file)
  const lines = code.trimEnd().split('\n').length
  if (floorOf(room) < 0) faults.push(`src/${name}: "${room}" is no room of scripts/rooms.ts`)
  if (lines > MAX_LINES) faults.push(`src/${name}: ${lines} lines; ${MAX_LINES} at most`)
  for (const [, from = ''] of code.matchAll(/^(?:import|export|\}).*?\bfrom '([.#][^']+)'|^import '(\.[^']+)'/gm)) {
    const target = from.startsWith('#')
      ? roomOf(join(source, '..', CHOSEN[from] ?? ''))
      : roomOf(join(dirname(file), from))
    if (target !== room && floorOf(target) <= floorOf(room)) {
      faults.push(`src/${name}: ${room} imports ${target} ("${from}"), which is not below it`)
    }
  }
}
for (const fault of faults) console.log(fault)
console.log(faults.length ? `${faults.length} faults` : 'Every room imports only rooms below it.')
process.exitCode = faults.length ? 1 : 0
