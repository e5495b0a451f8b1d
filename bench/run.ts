/**
 * What this library costs beside the others: `npm run bench`, under 10 minutes, or `npm run bench -- --quick`, under 2.
 * `--only ours,events` measures these and what they are measured over; `--phase cpu,size` these parts alone. Prints
 * tables and writes them with the numbers as JSON: a full run to `bench/`, any other to `.cache/bench/`.
 */
import { writeFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureColdStarts, measureHeaps, measureLoads } from './cpu.ts'
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

const AMOUNT = quick
  ? { rounds: 4, requests: 200, starts: 3, heap: 3000, javascript: [400, 4], growthRounds: 2 }
  : { rounds: 14, requests: 400, starts: 11, heap: 20_000, javascript: [1000, 10], growthRounds: 5 }
const WARM_UP = quick ? 300 : 1500
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
const phase = async <T>(name: string, otherwise: T, work: () => Promise<T>): Promise<T> =>
  phases.includes(name) ? timed(name, work) : otherwise

await timed('install', install)
const bundles = await timed('check and bundle', async () => {
  await checkTypes()
  return bundleAll(subjects)
})
const nothing = bundles.find(({ id }) => id === 'nothing') as (typeof bundles)[number]
const sink = await startSink()
const processes: Process[] = []
let results: Results
try {
  for (const bundle of bundles) processes.push(await startProcess(bundle, sink.url(bundle.id)))
  const { rounds, requests, growthRounds, starts, heap, javascript } = AMOUNT
  const paths = ['/plain', '/agent', '/stream'].map((path) => ({ label: path, path, requests, atOnce: AT_ONCE }))
  const bySpans = [1, 10, 100, 1000].map((count) => ({
    label: String(count),
    path: `/spans?count=${count}`,
    requests: Math.max(quick ? 5 : 10, Math.min(requests, 2000 / count)),
    atOnce: Math.min(AT_ONCE, 5),
  }))
  const byLoad = [1, 10, 50, 200].map((atOnce) => ({
    label: String(atOnce),
    path: '/agent?wait=20',
    // One after the other they take 20 ms each.
    requests: atOnce === 1 ? (quick ? 30 : 75) : requests,
    atOnce,
  }))
  results = {
    date: new Date().toISOString().slice(0, 10),
    mode: full ? 'full' : quick ? 'quick' : 'part',
    seconds,
    machine: `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release().split('-')[0]}`,
    versions: await versions(),
    titles: Object.fromEntries(bundles.map(({ id, title }) => [id, title])),
    kinds: Object.fromEntries(bundles.map(({ id, kind }) => [id, kind])),
    cpu: await phase('cpu', {}, () => measureLoads(processes, sink, paths, rounds, WARM_UP)),
    growth: await phase('growth', { spans: {}, atOnce: {} }, async () => ({
      spans: await measureLoads(processes, sink, bySpans, growthRounds, WARM_UP),
      atOnce: await measureLoads(processes, sink, byLoad, growthRounds, WARM_UP),
    })),
    size: Object.fromEntries(
      bundles.map(({ id, minified, gzipped }) => [
        id,
        { minified: minified - nothing.minified, gzipped: gzipped - nothing.gzipped },
      ]),
    ),
    cold: await phase('cold', {}, () => measureColdStarts(bundles, sink, starts)),
    javascript: await phase('javascript', { session: {}, step: {} }, () => {
      const [requests = 0, rounds = 0] = javascript
      return measureJavaScript(
        bundles.filter(({ kind }) => kind !== 'peer'),
        requests,
        rounds,
      )
    }),
    heap: await phase('heap', {}, async () => {
      // They have done their part, and would only take memory.
      await Promise.all(processes.splice(0).map((process) => process.stop()))
      return measureHeaps(bundles, sink, heap)
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
