/**
 * The backend with many sessions, over each of its stores: a million spans in 100,000 sessions (D1: a tenth of it), sent
 * over HTTP to processes of their own; then how long pages take at its side, as a client on this machine measures them, at
 * a tenth and at the whole. `--store sqlite` for one, `--sessions 1000` for fewer. Writes bench/DESK.md when all have run.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { TABLES } from '../src/collector/sql-schema.ts'
import { startClickHouse } from '../test/support/clickhouse.ts'
import { type DeskSession, modelCall, otlpOf, tool } from '../test/support/desk.ts'
import { startWorker } from '../test/support/workerd.ts'

const SPANS = 10
/** Sessions of one request: 500 spans, as an exporter sends them. */
const BATCH = 50
const CLIENTS = 8
const ROUNDS = 15
/** What a page of the local backend may take, milliseconds. */
const LIST_MS = 100
const SESSION_MS = 150
/** Between one session and the next: a million spans are a bit more than a day. */
const APART_MS = 1000

interface Started {
  url: string
  stop(): Promise<void>
}
const STORES: Record<string, { title: string; share: number; start(folder: string): Promise<Started> }> = {
  sqlite: { title: 'SQLite, a file', share: 1, start: (folder) => command(['--db', join(folder, 'sessions.db')]) },
  d1: {
    title: 'D1 and a queue, in workerd',
    share: 0.1,
    async start(folder) {
      const worker = await startWorker({
        entry: 'examples/backend-worker/src/index.ts',
        compatibilityFlags: [],
        queueProducers: { INGEST: 'ingest' },
        queueConsumers: { ingest: { maxBatchSize: 20, maxBatchTimeout: 0, maxRetries: 5 } },
        miniflare: { d1Databases: { DB: 'sessions' } },
        persistence: folder,
      })
      await worker.sql('DB', TABLES)
      return worker
    },
  },
  clickhouse: {
    title: 'ClickHouse’s engine (chDB)',
    share: 1,
    async start() {
      const engine = await startClickHouse()
      const backend = await command([], { CLICKHOUSE_URL: engine.url })
      return {
        url: backend.url,
        async stop() {
          await backend.stop()
          await engine.stop()
        },
      }
    },
  },
}

async function command(args: string[], env: Record<string, string> = {}): Promise<Started> {
  const all = ['dist/cli/index.js', 'dev', '--port', '0', '--max-size', '20000', '--json', ...args]
  const backend = spawn(process.execPath, all, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  const [line] = (await once(createInterface(backend.stdout), 'line')) as [string]
  return {
    url: (JSON.parse(line) as { url: string }).url,
    async stop() {
      backend.kill('SIGTERM')
      if (backend.exitCode === null) await once(backend, 'exit')
    },
  }
}

interface Measured {
  title: string
  sessions: number
  /** Spans a second, from the first request until the last session is in the list. */
  rates: [tenth: number, whole: number]
  /** Milliseconds, the median, by page. */
  pages: [name: string, tenth: number, whole: number][]
}

async function measureStore(name: string, wanted: number): Promise<Measured> {
  const { title, share, start } = STORES[name] as (typeof STORES)[string]
  const sessions = Math.round(wanted * share)
  const folder = await mkdtemp(join(tmpdir(), 'agentops-edge-bench-'))
  const store = await start(folder)
  try {
    const end = Date.now()
    const first = end - sessions * APART_MS
    const measured: Measured = { title, sessions, rates: [0, 0], pages: [] }
    console.log(`\n${title}`)
    for (const [part, from, to] of [
      [0, 0, sessions / 10],
      [1, sessions / 10, sessions],
    ] as const) {
      measured.rates[part] = await fill(store.url, from, to, first)
      if (part === 0) await large(store.url, first)
      for (const [page, path] of pagesOf(to, first)) {
        const median = await timeOf(store.url + path)
        const known = measured.pages.find(([other]) => other === page)
        if (known) known[2] = median
        else measured.pages.push([page, median, median])
        console.log(`  ${String(to * SPANS).padStart(9)} spans  ${page.padEnd(30)} ${median.toFixed(0).padStart(6)} ms`)
      }
    }
    return measured
  } finally {
    await store.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function fill(url: string, begin: number, end: number, first: number): Promise<number> {
  let next = begin
  const begun = performance.now()
  const client = async (): Promise<void> => {
    while (next < end) {
      const from = next
      next += BATCH
      const requests = Array.from({ length: Math.min(BATCH, end - from) }, (_, i) => otlpOf(session(from + i, first)))
      await post(url, JSON.stringify({ resourceSpans: requests.flatMap(({ resourceSpans }) => resourceSpans) }))
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  const answered = performance.now()
  // What a queue has taken is not there yet.
  for (let n = begin; n < end; n += Math.max(Math.floor((end - begin) / 50), 1)) await there(url, traceIdOf(n))
  await there(url, traceIdOf(end - 1))
  const seconds = (performance.now() - begun) / 1000
  const spans = (end - begin) * SPANS
  const rate = Math.round(spans / seconds)
  console.log(
    `  ${String(end * SPANS).padStart(9)} spans  ingest ${rate} spans/s (answered in ${((answered - begun) / 1000).toFixed(1)} s, there after ${seconds.toFixed(1)} s; making them included)`,
  )
  return rate
}

async function post(url: string, body: string): Promise<void> {
  for (;;) {
    const headers = { 'content-type': 'application/json' }
    // A connection that waited too long for its next request is closed under it: sent again, as an exporter does.
    const response = await fetch(`${url}/v1/traces`, { method: 'POST', body, headers }).catch(() => undefined)
    const text = await response?.text()
    if (response?.status === 200) return
    if (response && response.status !== 429) throw new Error(`${response.status} ${text}`)
    const seconds = Number(response?.headers.get('retry-after') ?? 0.1)
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  }
}

async function there(url: string, traceId: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/api/traces/${traceId}`).catch(() => undefined)
    const { session: found } = ((await response?.json()) ?? {}) as { session?: { spans: number } }
    if (found?.spans === SPANS) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const LARGE = 'f'.repeat(32)
async function large(url: string, start: number): Promise<void> {
  const attributes = (i: number): object => ({
    ...{ 'agentops.span.kind': 'tool', 'tool.name': `step${i}`, 'tool.result': '{"ok":true}' },
  })
  const spans = Array.from({ length: 999 }, (_, i) => ({
    ...{ name: `step${i}.tool`, at: i, ms: 2, attributes: attributes(i) as Record<string, unknown> },
  }))
  await post(url, JSON.stringify(otlpOf({ ...session(1, start), traceId: LARGE, spans })))
  for (let n = 0; n < 200; n++) {
    const { session: found } = (await (await fetch(`${url}/api/traces/${LARGE}`)).json()) as {
      session?: { spans: number }
    }
    if (found?.spans === 1000) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function pagesOf(sessions: number, first: number): [name: string, path: string, limit: number][] {
  const last = first + sessions * APART_MS
  const times = (ms: number): string => `from=${(last - ms) * 1000}&to=${last * 1000}`
  return [
    ['front page, a day', `/overview?${times(24 * 3600_000)}`, LIST_MS],
    ['front page, 30 days', `/overview?${times(30 * 24 * 3600_000)}`, LIST_MS],
    ['front page, one service', `/overview?service=order-desk&${times(24 * 3600_000)}`, LIST_MS],
    ['list', '/', LIST_MS],
    ['list, a far page', `/?before=${(first + 5000) * 1000}`, LIST_MS],
    ['list, by state', '/?state=Fail', LIST_MS],
    ['list, by tag', '/?tag=beta', LIST_MS],
    ['list, by a rare tag', '/?tag=rare', LIST_MS],
    ['list, by words everywhere', '/?q=orders+cost', LIST_MS],
    ['list, by a word that is rare', '/?q=zebra', LIST_MS],
    ['session of 10 spans', `/traces/${traceIdOf(sessions >> 1)}`, SESSION_MS],
    ['session of 1,000 spans', `/traces/${LARGE}`, SESSION_MS],
  ]
}

async function timeOf(url: string): Promise<number> {
  const times: number[] = []
  for (let n = 0; n < ROUNDS; n++) {
    const asked = performance.now()
    const response = await fetch(url).catch(() => undefined)
    if (!response) continue
    await response.text()
    if (response.status !== 200) throw new Error(`${url} answered ${response.status}`)
    times.push(performance.now() - asked)
    // One that takes seconds is measured well enough.
    if (times.reduce((a, b) => a + b, 0) > 15_000) break
  }
  times.sort((a, b) => a - b)
  return times[times.length >> 1] ?? 0
}

function traceIdOf(n: number): string {
  return n.toString(16).padStart(32, '0').replace(/^0/, 'a')
}

/** Ten spans: root, agent, two model calls, six tools. */
function session(n: number, start: number): DeskSession {
  const question = {
    role: 'user',
    content: `What do the orders of customer ${n % 997} cost today?${n % 9973 === 1 ? ' A zebra.' : ''}`,
  }
  const calls = Array.from({ length: 6 }, (_, i) => ({
    id: `call_${n}_${i}`,
    name: 'query_orders',
    arguments: { customer: n, page: i },
  }))
  const isFailed = n % 50 === 0
  return {
    traceId: traceIdOf(n),
    name: 'POST /ask',
    route: '/ask',
    start: start + n * APART_MS,
    ms: 900,
    tags: n % 5000 === 1 ? ['rare'] : n % 3 ? ['beta'] : ['beta', 'searched'],
    state: isFailed ? 'Fail' : 'Success',
    reason: isFailed ? 'the model is overloaded' : undefined,
    spans: [
      {
        name: 'order-desk.agent',
        at: 2,
        ms: 890,
        attributes: { 'agentops.span.kind': 'agent', 'agent.name': 'order-desk' },
      },
      modelCall(5, 300, 'chat.llm#1', [question], calls),
      ...calls.map((call, i) => tool(310 + i * 10, 9, `query_orders.tool#${i}`, call, [{ order: n, total: 12.5 }])),
      modelCall(400, 480, 'chat.llm#2', [question], `They cost ${n % 100} EUR.`),
    ],
  }
}

function report(all: Measured[]): string {
  const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
  const cells = (values: string[]): string => `| ${values.join(' | ')} |`
  const head = all.map(({ title, sessions }) => `${title}, ${(sessions * SPANS).toLocaleString('en-US')} spans`)
  const ingest = all.map(
    ({ rates: [tenth, whole] }) =>
      `${whole.toLocaleString('en-US')} spans/s (${tenth.toLocaleString('en-US')} in the first tenth)`,
  )
  const names = all[0]?.pages.map(([name]) => name) ?? []
  const lines = names.map((name) =>
    cells([
      name,
      ...all.map(({ pages }) => {
        const [, tenth = 0, whole = 0] = pages.find(([other]) => other === name) ?? []
        return `${ms(whole)}, ${(whole / tenth).toFixed(1)} × a tenth’s ${ms(tenth)}`
      }),
    ]),
  )
  return `# The backend with many sessions

\`npm run bench:desk\`, ${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0]?.model}, node ${process.versions.node}. Ten spans a session; requests of 500 spans by ${CLIENTS} clients on the same machine, making them included.
A page's time is the median of ${ROUNDS}, as its client sees it. D1 and its queue are Miniflare's, ClickHouse is its engine in one process, one query at a time: neither has a network, other tenants or replicas.

${cells(['', ...head])}
${cells(['---', ...all.map(() => '---')])}
${cells(['ingest', ...ingest])}
${lines.join('\n')}
`
}

const { values } = parseArgs({
  options: { sessions: { type: 'string', default: '100000' }, store: { type: 'string' } },
})
const all: Measured[] = []
const faults: string[] = []
for (const name of values.store ? [values.store] : Object.keys(STORES)) {
  if (!STORES[name]) throw new Error(`--store ${name}: expected ${Object.keys(STORES).join(', ')}`)
  const measured = await measureStore(name, Number(values.sessions))
  all.push(measured)
  if (name !== 'sqlite') continue
  const limits = pagesOf(measured.sessions, 0)
  for (const [page, , whole] of measured.pages) {
    if (whole > (limits.find(([other]) => other === page)?.[2] ?? 0)) faults.push(page)
  }
}
const text = report(all)
console.log(`\n${text}`)
if (!values.store && values.sessions === '100000') await writeFile('bench/DESK.md', text)
console.log(
  faults.length ? `the local backend is over: ${faults.join(', ')}` : 'the local backend is within its limits',
)
process.exit(faults.length ? 1 : 0)
