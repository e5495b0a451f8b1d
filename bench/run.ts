/**
 * What this library costs beside the others: `npm run bench`, under 10 minutes, or `npm run bench -- --quick`, under 2.
 * `--only ours,events` measures these and what they are measured over; `--phase cpu,size` these parts alone. Prints
 * tables and writes them with the numbers as JSON: a full run to `bench/`, any other to `.cache/bench/`.
 */
import { writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Effort, measureColdStarts, measureHeaps, measureLoads } from './cpu.ts'
import { measureJavaScript } from './javascript.ts'
import { closeConnections } from './load.ts'
import { report } from './report.ts'
import { startSink } from './sink.ts'
import type { Results } from './statistics.ts'
import { bundleAll, CACHE, checkTypes, install, SUBJECTS, versions } from './subject.ts'
import { type Process, startProcess } from './workerd.ts'

const PHASES = ['cpu', 'cold', 'heap', 'javascript', 'growth']
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    phase: { type: 'string', default: PHASES.join() },
  },
})
const { quick } = values
const phases = values.phase.split(',')
const full = !quick && !values.only && phases.length === PHASES.length
const only = values.only?.split(',')
const unknown = [...phases, ...(only ?? [])].filter(
  (name) => !PHASES.includes(name) && !SUBJECTS.some(({ id }) => id === name),
)
if (unknown.length > 0) {
  console.log(`unknown: ${unknown}; expected ${PHASES} or ${SUBJECTS.map(({ id }) => id)}`)
  process.exit(1)
}
const subjects = SUBJECTS.filter(({ id, kind }) => kind === 'base' || !only || only.includes(id))

/** The heaps come last, and take what time is left. */
const [LIMIT_S, MIN_HEAP_S, MAX_HEAP_S] = quick ? [95, 6, 20] : [550, 60, 240]
const PLAIN: Effort = quick
  ? { warmUp: 200, counted: 20, minRounds: 2, maxRounds: 6, seconds: 24 }
  : { warmUp: 1000, counted: 20, minRounds: 5, maxRounds: 30, seconds: 150 }
/** Of the spans, and of the requests at once. */
const GROWTH: Effort = quick
  ? { warmUp: 20, counted: 0, minRounds: 1, maxRounds: 3, seconds: 4 }
  : { warmUp: 100, counted: 0, minRounds: 1, maxRounds: 6, seconds: 30 }
const JAVASCRIPT: Effort = quick
  ? { warmUp: 0, counted: 0, minRounds: 2, maxRounds: 6, seconds: 8 }
  : { warmUp: 0, counted: 0, minRounds: 4, maxRounds: 15, seconds: 50 }
const AMOUNT = quick
  ? { requests: 80, starts: 3, javascript: 200, heap: 2000 }
  : { requests: 150, starts: 9, javascript: 600, heap: 20_000 }
const AT_ONCE = 10

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

const started = performance.now()
const seconds: Results['seconds'] = {}
async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const from = performance.now()
  const result = await work()
  seconds[name] = Math.round((performance.now() - from) / 100) / 10
  console.log(`${name}: ${seconds[name]} s`)
  return result
}
/** With what else it did: others' work makes caches cold and ratios worse. */
function machine(): string {
  const [first] = cpus()
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  const busy = `load average ${loadavg()[0]?.toFixed(1)} at the start`
  return `${cpus().length} × ${first?.model.trim()}, ${memory}, Linux ${release().split('-')[0]}, ${busy}`
}
const phase = async <T>(name: string, otherwise: T, work: () => Promise<T>): Promise<T> =>
  phases.includes(name) ? timed(name, work) : otherwise

await timed('install', install)
const bundles = await timed('check and bundle', async () => {
  await checkTypes()
  return bundleAll(subjects, !quick)
})
const nothing = bundles.find(({ id }) => id === 'nothing') as (typeof bundles)[number]
const sink = await startSink()
const processes: Process[] = []
let results: Results
try {
  for (const bundle of bundles) processes.push(await startProcess(bundle, sink.url(bundle.id)))
  const { requests, starts } = AMOUNT
  const paths = ['/plain', '/agent', '/stream'].map((path) => ({ label: path, path, requests, atOnce: AT_ONCE }))
  const bySpans = (quick ? [1, 30, 1000] : [1, 10, 100, 1000]).map((count) => ({
    label: String(count),
    path: `/spans?count=${count}`,
    requests: Math.max(5, Math.min(60, 1000 / count)),
    atOnce: AT_ONCE,
  }))
  const byLoad = (quick ? [1, 200] : [1, 10, 50, 200]).map((atOnce) => ({
    label: String(atOnce),
    path: '/agent?wait=20',
    // One after the other they take 20 ms each.
    requests: atOnce === 1 ? 20 : Math.max(40, atOnce),
    atOnce,
  }))
  // A quick run has no time for all.
  const growing = processes.filter(({ bundle }) => !quick || bundle.kind !== 'peer')
  results = {
    date: new Date().toISOString().slice(0, 10),
    mode: full ? 'full' : quick ? 'quick' : 'part',
    seconds,
    machine: machine(),
    versions: await versions(),
    titles: Object.fromEntries(bundles.map(({ id, title }) => [id, title])),
    kinds: Object.fromEntries(bundles.map(({ id, kind }) => [id, kind])),
    cpu: await phase('cpu', {}, () => measureLoads(processes, sink, paths, PLAIN)),
    growth: await phase('growth', { spans: {}, atOnce: {} }, async () => ({
      spans: await measureLoads(growing, sink, bySpans, GROWTH),
      atOnce: await measureLoads(growing, sink, byLoad, GROWTH),
    })),
    size: Object.fromEntries(
      bundles.map(({ id, size }) => [
        id,
        {
          minified: size.minified - nothing.size.minified,
          gzipped: size.gzipped - nothing.size.gzipped,
          vite: size.vite - nothing.size.vite,
          wrangler: size.wrangler - nothing.size.wrangler,
        },
      ]),
    ),
    cold: await phase('cold', {}, () => measureColdStarts(bundles, sink, starts)),
    javascript: await phase('javascript', { session: {}, step: {} }, () => {
      const inNode = bundles.filter(({ kind }) => kind !== 'peer')
      return measureJavaScript(inNode, AMOUNT.javascript, JAVASCRIPT)
    }),
    heap: await phase('heap', {}, async () => {
      // They have done their part, and would only take memory.
      await Promise.all(processes.splice(0).map((process) => process.stop()))
      const left = LIMIT_S - (performance.now() - started) / 1000
      return measureHeaps(bundles, sink, AMOUNT.heap, Math.max(MIN_HEAP_S, Math.min(left, MAX_HEAP_S)))
    }),
  }
} finally {
  closeConnections()
  await Promise.all(processes.map((process) => process.stop()))
  sink.stop()
}
seconds.total = Math.round((performance.now() - started) / 1000)
const text = report(results)
console.log(`\n${text}`)
const folder = full ? 'bench' : CACHE
await writeFile(join(folder, 'RESULTS.md'), text)
await writeFile(join(folder, 'results.json'), `${JSON.stringify(results, undefined, 2)}\n`)
console.log(`${join(full ? 'bench' : '.cache/bench', 'RESULTS.md')} and results.json written`)
