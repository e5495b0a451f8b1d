/** The command as a process of its own, against real servers. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { startBackend } from '../../src/collector/index.ts'
import { deskSessions, otlpOf, traceIdOf } from '../support/desk.ts'
import { ownEnvironment } from '../support/install.ts'
import { installRuntimes, RUNTIMES, type Runtime } from '../support/runtimes.ts'
import { waitFor } from '../support/wait.ts'

const NODE = resolve('node_modules/.bin/node')
const COMMAND = resolve('dist/cli/index.js')
const KEY = '11111111-1111-4111-8111-111111111111'
const ESCAPE = '\u001b'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agentops-edge-cli-'))
  return () => rm(folder, { recursive: true, force: true })
})

interface Running {
  process: ChildProcess
  /** What it has printed, on both streams. */
  printed(): string
  /** Its exit code. */
  ended: Promise<number | null>
}

function start(args: string[], env: Record<string, string> = {}, cwd: string = folder): Running {
  const child = spawn(NODE, [COMMAND, ...args], { cwd, env: ownEnvironment(env) })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += chunk))
  const ended = new Promise<number | null>((done) => child.on('close', (code) => done(code)))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { process: child, printed: () => printed, ended }
}
async function run(args: string[], env: Record<string, string> = {}): Promise<[code: number | null, printed: string]> {
  const running = start(args, env)
  return [await running.ended, running.printed()]
}
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(request, response))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
async function backend(): Promise<string> {
  const started = await startBackend()
  onTestFinished(() => started.close())
  return started.url
}
async function send(url: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  expect((await fetch(`${url}/v1/traces`, { method: 'POST', body: JSON.stringify(body), headers })).status).toBe(200)
}

test('help, version, and what it does not know', async () => {
  expect(await run(['--help'])).toEqual([0, expect.stringContaining('show <trace>')])
  expect(await run(['--version'])).toEqual([0, expect.stringMatching(/0\.\d+\.\d+/)])
  expect(await run(['nothing'])).toEqual([2, expect.stringContaining('there is no command "nothing"')])
  expect(await run(['dev', '--loud'])).toEqual([2, expect.stringContaining('--loud')])
  expect(await run(['show'])).toEqual([2, expect.stringContaining('trace')])
  expect(await run(['show', 'abc', '--url', 'http://127.0.0.1:1'])).toEqual([
    1,
    expect.stringContaining('npx agentops-edge dev'),
  ])
})

test('a value that cannot be meant is told, with what is expected, and ends with 2', async () => {
  const wrong: [args: string[], says: string][] = [
    [['dev', '--port', 'high'], '--port: expected a whole number from 0 to 65535, got high'],
    [['dev', '--port', '80.5'], '--port: expected a whole number'],
    [['dev', '--db', ''], '--db: expected the name of a file'],
    [['dev', '--max-age', '0'], '--max-age: expected a number from 0.01'],
    [['tail', '--state', 'Done'], '--state: expected Success, Fail or Indeterminate, got Done'],
    [['tail', '--url', 'nonsense'], '--url: expected an address'],
    [['check', '--wait', 'long'], '--wait: expected a number from 0'],
  ]
  const told = await Promise.all(wrong.map(([args]) => run(args)))
  expect(told).toEqual(wrong.map(([, says]) => [2, expect.stringContaining(says)]))
})

test('who is not asked for is told apart from a backend without the session; what goes wrong is on stderr', async () => {
  const other = await serve((_, response) => response.writeHead(404, { 'content-type': 'text/plain' }).end('none'))
  expect(await run(['show', traceIdOf(1), '--url', other])).toEqual([
    1,
    expect.stringContaining('answered 404: is that agentops-edge dev?'),
  ])
  const missing = start(['show', 'abc', '--json', '--url', await backend()])
  let out = ''
  missing.process.stdout?.on('data', (chunk) => (out += chunk))
  expect([await missing.ended, out]).toEqual([1, ''])
})

test('a session of other makers, by the address of its page, in a state that no span says', async () => {
  const url = await backend()
  const traceId = traceIdOf(3)
  const nanos = `${Date.now()}000000`
  const span = { traceId, spanId: '00f067aa0ba902b7', name: 'GET /', startTimeUnixNano: nanos, endTimeUnixNano: nanos }
  await send(url, { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })
  const { host } = new URL(url)
  const [code, shown] = await run(['show', `${url}/sessions?trace_id=${traceId}`, '--url', `${host}/`])
  expect([code, shown]).toEqual([0, expect.stringContaining('GET / · Success')])
})

test('tail ends where nobody reads it any more, and a tag is a text', async () => {
  const url = await backend()
  const tail = start(['tail', '--json', '--tag', '1.0', '--url', url])
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const of = (n: number): object =>
    otlpOf({ traceId: traceIdOf(n), name: 'a', start: Date.now(), ms: 5, tags: ['1.0'] })
  await send(url, of(1))
  await waitFor('the session', () => tail.printed().includes('"tags":["1.0"]'))
  tail.process.stdout?.destroy()
  for (let n = 2; tail.process.exitCode === null; n++) {
    await send(url, of(n))
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  expect([await tail.ended, tail.printed()]).toEqual([0, expect.not.stringContaining('EPIPE')])
})

test('an older Node is told what is needed; the oldest that will do runs it', async () => {
  await installRuntimes()
  const on = (runtime: Runtime): Promise<{ stderr: string }> =>
    promisify(execFile)(resolve(RUNTIMES[runtime][0]), [COMMAND, 'show', 'x', '--url', 'http://127.0.0.1:1']).catch(
      (error) => error,
    )
  expect((await on('Node 20')).stderr).toMatch(/^agentops-edge needs Node 22\.15 or newer; this is v20/)
  expect((await on('Node 22')).stderr).toContain('nobody answers')
})

test('dev takes the next port where one is taken, keeps its sessions, and ends with 0', async () => {
  const taken = Number(new URL(await serve((_, response) => response.end())).port)
  const first = start(['dev', '--port', `${taken}`, '--json'])
  const told = JSON.parse(await waitFor('the url', () => /^\{.*\}$/m.exec(first.printed())?.[0]))
  expect(Number(new URL(told.url).port)).toBeGreaterThan(taken)
  for (const session of deskSessions()) await send(told.url, otlpOf(session))
  first.process.kill('SIGTERM')
  expect(await first.ended).toBe(0)
  expect((await readdir(join(folder, '.agentops'))).sort()).toEqual(['.gitignore', 'sessions.db'])

  const second = start(['dev', '--port', '0'])
  const url = await waitFor('the url', () => /http:\/\/127\.0\.0\.1:\d+/.exec(second.printed())?.[0])
  expect(second.printed()).toContain(`OTEL_EXPORTER_OTLP_ENDPOINT=${url}`)
  expect(second.printed()).not.toContain(ESCAPE)
  expect(await (await fetch(url)).text()).toContain('12 sessions kept')
  const [code, shown] = await run(['show', traceIdOf(1), '--contents', '--url', url])
  expect([code, shown]).toEqual([0, expect.stringContaining("user: What do Ada's orders cost")])
  expect(shown).toMatch(/fetch_page\.tool .*✗ https:\/\/shop\.example\/prices answered 503/)
  expect(await run(['show', traceIdOf(99), '--url', url])).toEqual([1, expect.stringContaining('no such session')])
  const [, json] = await run(['show', traceIdOf(1), '--json', '--url', url])
  expect(JSON.parse(json)).toMatchObject({ session: { state: 'Success' }, spans: expect.any(Array) })
})

test('dev refuses a file that is not its own', async () => {
  const db = join(folder, 'theirs.db')
  await writeFile(db, 'not a database'.repeat(100))
  expect(await run(['dev', '--port', '0', '--db', db])).toEqual([1, expect.stringContaining('it is left as it is')])
})

test('dev says what keeps it from a file: that it is locked, or cannot be written', async () => {
  const db = join(folder, 'locked.db')
  const other = new DatabaseSync(db)
  other.exec('CREATE TABLE a (b); PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  onTestFinished(() => other.close())
  const [locked, none] = await Promise.all([
    run(['dev', '--port', '0', '--db', db]),
    run(['dev', '--port', '0', '--db', folder]),
  ])
  expect(locked).toEqual([1, expect.stringContaining('is locked by another program')])
  expect(none).toEqual([1, expect.stringContaining('cannot be opened or written')])
})

test('a disk without room is answered 503 and said; what was answered 200 is kept', async () => {
  const db = join(folder, 'full.db')
  const limit = `trap '' XFSZ; ulimit -f 1600; exec "${NODE}" "${COMMAND}" dev --port 0 --db "${db}"`
  const child = spawn('sh', ['-c', limit], { env: ownEnvironment({}) })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += chunk))
  const ended = new Promise((done) => child.on('close', done))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const url = await waitFor('the url', () => /http:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0])
  const statuses: number[] = []
  let told = ''
  for (let n = 1; n <= 20; n++) {
    const one = otlpOf({ traceId: traceIdOf(n), name: 'x'.repeat(200_000), start: Date.now(), ms: 5 })
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${url}/v1/traces`, { method: 'POST', body: JSON.stringify(one), headers })
    statuses.push(answer.status)
    if (answer.status === 503) told = await answer.text()
  }
  const kept = statuses.filter((status) => status === 200).length
  expect(statuses.filter((status) => status === 503)).toHaveLength(20 - kept)
  expect(kept).toBeGreaterThan(0)
  expect(told).toMatch(/disk I\/O error|disk is full/)
  expect(await (await fetch(url)).text()).toContain(`${kept} session`)
  expect(printed).toContain('agentops-edge: the spans cannot be stored now: ')
})

test('tail prints each session as it ends, and nothing that moves the cursor or turns the line', async () => {
  const url = await backend()
  const tail = start(['tail', '--url', url, '--contents'])
  await waitFor('the tail', () => tail.printed().includes('waiting'))
  await new Promise((resolve) => setTimeout(resolve, 300))
  const evil = `${ESCAPE}[2J${ESCAPE}]0;x\u0007 \u202egnirts \u2028 \r owned`
  const call = {
    'agentops.span.kind': 'tool',
    'tool.name': evil,
    'tool.parameters': JSON.stringify({ q: evil }),
    'tool.result': evil,
  }
  const spans = [{ name: `${evil}.tool`, at: 1, ms: 3, error: evil, attributes: call }]
  await send(
    url,
    otlpOf({ traceId: traceIdOf(7), name: evil, start: Date.now(), ms: 5, reason: evil, tags: [evil], spans }),
  )
  await waitFor('the session', () => tail.printed().includes('error: '))
  expect(tail.printed()).toContain(traceIdOf(7))
  expect(tail.printed()).not.toMatch(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/u)
})

test('tail --json --state: one line of JSON for each that fits', async () => {
  const url = await backend()
  const tail = start(['tail', '--url', url, '--json', '--state', 'fail'])
  await new Promise((resolve) => setTimeout(resolve, 1500))
  for (const session of deskSessions()) await send(url, otlpOf(session))
  const line = await waitFor('the session', () => /^\{.*\}$/m.exec(tail.printed())?.[0])
  expect(JSON.parse(line)).toMatchObject({ state: 'Fail', reason: 'the model is overloaded' })
  expect(tail.printed().trim().split('\n')).toHaveLength(1)
})

interface Finding {
  check: string
  ok?: boolean
  says: string
  next?: string
}
async function check(env: Record<string, string>): Promise<[number | null, Finding[], string]> {
  const [code, printed] = await run(['check', '--json', '--wait', '1'], env)
  return [code, JSON.parse(printed.slice(printed.indexOf('['))), printed]
}
const agentops = (url: string, more: Record<string, string> = {}): Record<string, string> => ({
  AGENTOPS_API_KEY: KEY,
  AGENTOPS_API_ENDPOINT: url,
  AGENTOPS_EXPORTER_ENDPOINT: `${url}/v1/traces`,
  ...more,
})
/** A backend that takes everything; `answers` are by path. */
const taking =
  (answers: Record<string, (response: ServerResponse) => void>) =>
  (request: IncomingMessage, response: ServerResponse) => {
    const answer = answers[`${request.url}`]
    if (answer) return answer(response)
    response.setHeader('content-type', 'application/json')
    if (request.url === '/v3/auth/token') return response.end('{"token":"a.token.of.some.length"}')
    if (request.url === '/v1/traces') return response.end('{"partialSuccess":{}}')
    response.statusCode = 404
    response.end('{"error":"Trace not found"}')
  }
const html = (response: ServerResponse): void => {
  response.setHeader('content-type', 'text/html')
  response.end('<!doctype html><h1>Sign in</h1>')
}

test('check: all is well with the local backend, by its address and by key', async () => {
  const url = await backend()
  for (const env of [{ OTEL_EXPORTER_OTLP_ENDPOINT: url }, agentops(url)]) {
    const [code, findings, printed] = await check(env)
    expect(findings.filter(({ ok }) => !ok)).toEqual([])
    expect(findings.at(-1)?.says).toContain('the session is there')
    expect([code, printed.includes(KEY)]).toEqual([0, false])
  }
})

test.each<[string, (url: string) => Record<string, string>, ReturnType<typeof taking>, string, RegExp]>([
  [
    'wrong key format',
    (url) => agentops(url, { AGENTOPS_API_KEY: 'sk-not-a-uuid-at-all' }),
    taking({}),
    'key',
    /no UUID|expected/,
  ],
  [
    'refused key',
    agentops,
    taking({ '/v3/auth/token': (response) => response.writeHead(403).end('{"error":"Invalid API key"}') }),
    'token',
    /refuses the key \(403\).*Invalid API key/,
  ],
  [
    'unreachable host',
    () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }),
    taking({}),
    'send',
    /cannot be reached/,
  ],
  [
    'unknown host',
    () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://no-such-host.invalid' }),
    taking({}),
    'send',
    /cannot be reached/,
  ],
  [
    'wrong path',
    (url) => ({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/v1/trace` }),
    taking({}),
    'send',
    /nothing at \/v1\/trace \(404\)/,
  ],
  [
    'doubled path',
    (url) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: `${url}/v1/traces` }),
    taking({}),
    'endpoint',
    /there twice/,
  ],
  ['HTML answer', (url) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url }), taking({ '/v1/traces': html }), 'send', /web page/],
  ['HTML instead of a token', agentops, taking({ '/v3/auth/token': html }), 'token', /web page/],
  [
    'clock skew',
    (url) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url }),
    taking({
      '/v1/traces': (response) =>
        response.writeHead(200, { date: new Date(Date.now() + 600_000).toUTCString() }).end('{}'),
    }),
    'clock',
    /(599|600|601) s behind/,
  ],
  ['no session seen', agentops, taking({}), 'session', /no session seen/],
  ['no setting at all', () => ({}), taking({}), 'settings', /nothing is sent/],
  [
    'refused spans',
    (url) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url }),
    taking({
      '/v1/traces': (response) => response.end('{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}'),
    }),
    'send',
    /refused its spans.*too old/,
  ],
])('check names: %s', async (_, env, answer, where, says) => {
  const [code, findings, printed] = await check(env(await serve(answer)))
  expect(code).toBe(1)
  const wrong = findings.filter(({ ok }) => ok === false)
  expect(wrong.map((finding) => finding.check)).toContain(where)
  const found = wrong.find((finding) => finding.check === where)
  expect(found?.says).toMatch(says)
  expect(found?.next).toMatch(/\w/)
  expect(printed).not.toMatch(/a\.token\.of|sk-not-a-uuid/)
})

test('check reads .dev.vars as wrangler does', async () => {
  const url = await backend()
  const own = await mkdtemp(join(tmpdir(), 'agentops-edge-vars-'))
  onTestFinished(() => rm(own, { recursive: true, force: true }))
  await writeFile(join(own, '.dev.vars'), `OTEL_EXPORTER_OTLP_ENDPOINT="${url}"\n`)
  const running = start(['check'], {}, own)
  expect(await running.ended).toBe(0)
  expect(running.printed()).toMatch(/✓ settings .*\.dev\.vars/)
  expect(running.printed()).toContain('All is well')
})

test('SIGKILL under load loses nothing that was answered 200', async () => {
  const db = join(folder, 'killed.db')
  const dev = start(['dev', '--port', '0', '--db', db, '--json'])
  const { url } = JSON.parse(await waitFor('the url', () => /^\{.*\}$/m.exec(dev.printed())?.[0])) as { url: string }
  const taken: string[] = []
  let n = 0
  let isOver = false
  const client = async (): Promise<void> => {
    while (!isOver) {
      const traceId = traceIdOf(1000 + n++)
      const spans = Array.from({ length: 20 }, (_, i) => ({ name: `s${i}.tool`, at: i, ms: 1 }))
      const body = JSON.stringify(otlpOf({ traceId, name: 'load', start: Date.now(), ms: 30, spans }))
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(`${url}/v1/traces`, { method: 'POST', body, headers }).catch(() => undefined)
      if (response?.status === 200) taken.push(traceId)
      else if (!response) return
    }
  }
  const clients = Array.from({ length: 16 }, client)
  await waitFor('some load', () => taken.length > 500)
  dev.process.kill('SIGKILL')
  await dev.ended
  isOver = true
  await Promise.all(clients)
  const database = new DatabaseSync(db)
  const kept = new Map(
    database
      .prepare('SELECT trace_id, spans FROM traces')
      .all()
      .map((row) => [row.trace_id, row.spans]),
  )
  database.close()
  expect(taken.filter((traceId) => kept.get(traceId) !== 21)).toEqual([])
})
