/**
 * Runs the whole example on this machine: backend, model, site, and the Worker on workerd. Asks one question, prints
 * the answer and its session, then waits for yours; with `--once` it ends there, with exit code 1 where anything is
 * missing.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { serve } from '@hono/node-server'
import { type Backend, type CollectedSession, renderWaterfall, startBackend } from 'agentops-edge/collector'
import { createModelServer, createSiteServer, MODEL_PORT, SITE_PORT } from './model-server.ts'

const WORKER_PORT = 8787
const BACKEND_PORT = 4318
const TIMEOUT_MS = 60_000
const CLOSE_TIMEOUT_MS = 5000
const QUESTION = "What do Ada's orders cost at today's prices?"
/** The backend takes any UUID for a key. */
const LOCAL_KEY = '11111111-1111-4111-8111-111111111111'

/** What to close, in the order of opening. */
const closers: (() => unknown)[] = []

async function main(keepRunning: boolean): Promise<void> {
  let onSession: (session: CollectedSession) => void = () => {}
  const backend = await openBackend((session) => onSession(session))
  const model = await listen(createModelServer().fetch, MODEL_PORT)
  const site = await listen(createSiteServer().fetch, SITE_PORT)
  const worker = await startWorker({
    // The way a deployed Worker sends to AgentOps: the key is exchanged for a token, which the traces carry.
    AGENTOPS_API_KEY: LOCAL_KEY,
    AGENTOPS_API_ENDPOINT: backend.url,
    AGENTOPS_EXPORTER_ENDPOINT: `${backend.url}/v1/traces`,
    OPENAI_BASE_URL: `${model}/v1`,
    SITE_URL: site,
  })

  const first = new Promise<CollectedSession>((resolve) => {
    onSession = resolve
  })
  console.log(`Question  ${QUESTION}`)
  process.stdout.write('Answer    ')
  await ask(`${worker}/ask`)
  const session = await within(first, 'the session of the question did not arrive at the backend')
  console.log(`\n${renderWaterfall(session)}`)
  check(session)
  if (!keepRunning) return

  onSession = (next) => console.log(`\n${renderWaterfall(next)}`)
  console.log(`
Worker     ${worker}
Ask more   curl -N -X POST ${worker}/ask -d '{"question": "What do the orders of Grace cost?"}'
A failure  curl -N -X POST ${worker}/ask -d '{"question": "Is there an outage?"}'
Stop       Ctrl-C

Its page   ${backend.url}/traces/${session.traceId}`)
}

async function openBackend(onSession: (session: CollectedSession) => void): Promise<Backend> {
  const backend = await startBackend({ port: await portOr(BACKEND_PORT), onSession })
  closers.push(() => backend.close())
  return backend
}

/** Serves on the loopback interface; resolves to the URL. */
async function listen(fetch: (request: Request) => Response | Promise<Response>, preferred: number): Promise<string> {
  const port = await portOr(preferred)
  const server = serve({ fetch, port, hostname: '127.0.0.1' })
  closers.push(() => server.close())
  await once(server, 'listening')
  return `http://127.0.0.1:${port}`
}

/** `preferred`, or any free port where that one is taken. */
async function portOr(preferred: number): Promise<number> {
  for (const port of [preferred, 0]) {
    const server = createServer().listen(port, '127.0.0.1')
    const listening = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!listening) continue
    const address = server.address() as { port: number }
    await new Promise((resolve) => server.close(resolve))
    return address.port
  }
  throw new Error('there is no free port')
}

/** Runs the Worker of wrangler.toml as `wrangler dev` does, with these variables in place of the file's. */
async function startWorker(vars: Record<string, string>): Promise<string> {
  Object.assign(process.env, {
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_SEND_ERROR_REPORTS: 'false',
    WRANGLER_WRITE_LOGS: 'false',
    WRANGLER_HIDE_BANNER: 'true',
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  })
  const { unstable_startWorker } = await import('wrangler')
  const bindings = Object.entries(vars).map(([name, value]) => [name, { type: 'plain_text' as const, value }])
  const starting = unstable_startWorker({
    config: join(import.meta.dirname, '../../wrangler.toml'),
    bindings: Object.fromEntries(bindings),
    dev: {
      server: { hostname: '127.0.0.1', port: await portOr(WORKER_PORT) },
      inspector: false,
      logLevel: 'warn',
      persist: false,
      watch: false,
    },
  })
  closers.push(async () => (await starting).dispose())
  const worker = await within(starting, 'the Worker did not start')
  await within(worker.ready, 'the Worker did not start')
  return (await worker.url).origin
}

/** Prints the answer as it comes in. */
async function ask(url: string): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    body: JSON.stringify({ question: QUESTION }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) process.stdout.write(text)
  if (!response.ok) throw new Error(`the Worker answered ${response.status}`)
}

/** The session must show everything that the agent did. */
function check({ root, spans }: CollectedSession): void {
  const ofKind = (kind: string): CollectedSession['spans'] =>
    spans.filter(({ attributes }) => attributes['agentops.span.kind'] === kind)
  const tools = new Set(ofKind('tool').map(({ attributes }) => attributes['tool.name']))
  const counted = ofKind('llm').filter(({ attributes }) => Number(attributes['gen_ai.usage.total_tokens']) > 0)
  const state = root?.attributes['agentops.session.end_state']
  const missing = [
    state !== 'Success' && `the session ended with ${state}, expected Success`,
    ofKind('agent').length === 0 && 'the session has no agent',
    tools.size < 2 && `the session has ${tools.size} different tools, expected at least 2`,
    counted.length === 0 && 'the session has no model call with tokens',
  ].filter(Boolean)
  if (missing.length > 0) throw new Error(missing.join('; '))
}

async function within<T>(promise: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${otherwise} within ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS)
  })
  try {
    return await Promise.race([promise, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/** Closes what is open, newest first; what does not close in time is left to the end of the process. */
async function exit(code: number): Promise<void> {
  setTimeout(() => process.exit(code), CLOSE_TIMEOUT_MS)
  for (const close of closers.splice(0).reverse()) await Promise.resolve(close()).catch(() => {})
  process.exit(code)
}

/** The error's message with those of its causes: wrangler tells what is wrong only there. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`
}

const keepRunning = !process.argv.includes('--once')
let stopped = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    stopped = true
    exit(keepRunning ? 0 : 1)
  })
}
// A shell or npm between the terminal and this process may end without passing the signal on.
const parent = process.ppid
setInterval(() => process.ppid !== parent && process.emit('SIGHUP'), 1000).unref()

try {
  await main(keepRunning)
  if (!keepRunning) await exit(0)
} catch (error) {
  if (!stopped) {
    console.log(`\nFailed: ${reasonOf(error)}`)
    await exit(1)
  }
}
