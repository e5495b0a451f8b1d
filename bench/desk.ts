/**
 * The local backend with many sessions: 100,000 of ten spans each (`--sessions 1000` for fewer) sent over HTTP to a
 * process of its own, then how long list and session take at its side, as a client on this machine measures them.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { type DeskSession, modelCall, otlpOf, tool } from '../test/support/desk.ts'

const SPANS = 10
/** Sessions of one request: 500 spans, as an exporter sends them. */
const BATCH = 50
const CLIENTS = 8
const ROUNDS = 15
/** What the page may take, milliseconds. */
const LIST_MS = 100
const SESSION_MS = 150

const { values } = parseArgs({ options: { sessions: { type: 'string', default: '100000' } } })
const sessions = Number(values.sessions)
const folder = await mkdtemp(join(tmpdir(), 'agentops-edge-bench-'))
const db = join(folder, 'sessions.db')
const backend = spawn(
  process.execPath,
  ['dist/cli/index.js', 'dev', '--port', '0', '--db', db, '--max-size', '20000', '--json'],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
  },
)
let isOver = false
try {
  const [line] = (await once(createInterface(backend.stdout), 'line')) as [string]
  const { url } = JSON.parse(line) as { url: string }
  const headers = { 'content-type': 'application/json' }
  const post = async (body: string): Promise<void> => {
    const response = await fetch(`${url}/v1/traces`, { method: 'POST', body, headers })
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
    await response.arrayBuffer()
  }
  const start = Date.now() - sessions * 100
  let next = 0
  let slowest = 0
  const begun = performance.now()
  const client = async (): Promise<void> => {
    while (next < sessions) {
      const from = next
      next += BATCH
      const requests = Array.from({ length: Math.min(BATCH, sessions - from) }, (_, i) =>
        otlpOf(session(from + i, start)),
      )
      const body = JSON.stringify({ resourceSpans: requests.flatMap(({ resourceSpans }) => resourceSpans) })
      const sent = performance.now()
      await post(body)
      slowest = Math.max(slowest, performance.now() - sent)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  const seconds = (performance.now() - begun) / 1000
  const bytes = (await stat(db)).size
  const spans = sessions * SPANS
  console.log(
    `ingest       ${Math.round(spans / seconds)} spans/s: ${spans} spans of ${sessions} sessions in ${seconds.toFixed(1)} s (making them included), the slowest request ${Math.round(slowest)} ms, ${Math.round(bytes / 1e6)} MB`,
  )

  const large = 'f'.repeat(32)
  await post(
    JSON.stringify(
      otlpOf({
        ...session(1, Date.now()),
        traceId: large,
        spans: Array.from({ length: 999 }, (_, i) => ({
          name: `step${i}.tool`,
          at: i,
          ms: 2,
          attributes: { 'agentops.span.kind': 'tool', 'tool.name': `step${i}`, 'tool.result': '{"ok":true}' },
        })),
      }),
    ),
  )
  const faults: string[] = []
  const measure = async (name: string, path: string, limit: number): Promise<void> => {
    const times: number[] = []
    for (let n = 0; n < ROUNDS; n++) {
      const asked = performance.now()
      const response = await fetch(url + path)
      await response.text()
      if (response.status !== 200) throw new Error(`${path} answered ${response.status}`)
      times.push(performance.now() - asked)
    }
    times.sort((a, b) => a - b)
    const [median = 0, worst = 0] = [times[ROUNDS >> 1], times.at(-1)]
    console.log(
      `${name.padEnd(30)} median ${median.toFixed(0).padStart(4)} ms, worst ${worst.toFixed(0).padStart(4)} ms (${limit} at most)`,
    )
    if (median > limit) faults.push(name)
  }
  await measure('list', '/', LIST_MS)
  await measure('list, a far page', `/?before=${(start + 5000) * 1000}`, LIST_MS)
  await measure('list, by state', '/?state=Fail', LIST_MS)
  await measure('list, by tag', '/?tag=beta', LIST_MS)
  await measure('list, by a rare tag', '/?tag=rare', LIST_MS)
  await measure('list, by words everywhere', '/?q=orders+cost', LIST_MS)
  await measure('list, by a word that is rare', '/?q=zebra', LIST_MS)
  await measure('session of 10 spans', `/traces/${traceIdOf(sessions >> 1)}`, SESSION_MS)
  await measure('session of 1,000 spans', `/traces/${large}`, SESSION_MS)
  await measure('the same as a tree', `/traces/${large}?view=tree`, SESSION_MS)
  console.log(faults.length ? `over: ${faults.join(', ')}` : 'all within')
  process.exitCode = faults.length ? 1 : 0
} finally {
  isOver = true
  backend.kill('SIGTERM')
  if (backend.exitCode === null) await once(backend, 'exit')
  await rm(folder, { recursive: true, force: true })
}
backend.on('exit', () => {
  if (!isOver) throw new Error('the backend ended')
})

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
    start: start + n * 100,
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
