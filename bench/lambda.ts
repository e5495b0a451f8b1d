/**
 * What an invocation of a Lambda function takes longer, and its init: the same handler plain, wrapped by `withAgentOps`
 * (awaited, and as an extension), and instrumented by `@opentelemetry/instrumentation-aws-lambda` with its SDK and
 * exporter, in turns on the real runtime client, with a collector that answers after 20 ms. Ours is bundled by esbuild, the
 * other, which patches modules as they load, is not.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import { installRuntimeClient, type RunningFunction, startFunction } from '../test/support/lambda.ts'

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '300' }, starts: { type: 'string', default: '15' } },
})
const [REQUESTS, STARTS] = [Number(values.requests), Number(values.starts)]
const WARM_UP = 20
const ROUND_TRIP_MS = 20

const SINK = `
  const { parentPort, workerData } = require('node:worker_threads')
  let requests = 0
  const server = require('node:http').createServer((request, response) => {
    if (request.method === 'GET') return response.end(String(requests))
    requests++
    request.resume().on('end', () => setTimeout(() => response.end('{}'), workerData))
  })
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))`
const sinks: Worker[] = []
async function sink(): Promise<string> {
  const thread = new Worker(SINK, { eval: true, workerData: ROUND_TRIP_MS })
  sinks.push(thread)
  const [port] = await once(thread, 'message')
  return `http://127.0.0.1:${port}`
}

const HANDLER = 'async ({ n }) => ({ next: n + 1 })'
const SOURCES = {
  plain: `export const handler = ${HANDLER}`,
  ours: `import { withAgentOps } from 'agentops-edge/lambda'\nexport const handler = withAgentOps(${HANDLER})`,
  extension: `import { extensionReady, withAgentOps } from 'agentops-edge/lambda'
    await extensionReady()
    export const handler = withAgentOps(${HANDLER}, { flush: 'extension' })`,
}
/** The runtime imports its handler, so that its patching needs the hook for ES modules. */
const OTEL = `
  import { register } from 'node:module'
  import { registerInstrumentations } from '@opentelemetry/instrumentation'
  import { AwsLambdaInstrumentation } from '@opentelemetry/instrumentation-aws-lambda'
  import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
  import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
  register('@opentelemetry/instrumentation/hook.mjs', import.meta.url)
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] })
  provider.register()
  registerInstrumentations({ tracerProvider: provider, instrumentations: [new AwsLambdaInstrumentation()] })`
const PACKAGES = [
  '@opentelemetry/api@1.9.1',
  '@opentelemetry/instrumentation@0.223.0',
  '@opentelemetry/instrumentation-aws-lambda@0.75.0',
  '@opentelemetry/exporter-trace-otlp-http@0.223.1',
  '@opentelemetry/sdk-trace-node@2.12.0',
]

await installRuntimeClient()
await mkdir('.cache/bench-lambda', { recursive: true })
await mkdir('.cache/lambda', { recursive: true })
await writeFile('.cache/bench-lambda/package.json', '{ "private": true, "type": "module" }')
await promisify(execFile)('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund', ...PACKAGES], {
  cwd: '.cache/bench-lambda',
})

async function bundle(contents: string, name: string): Promise<void> {
  await build({
    stdin: { contents, resolveDir: '.' },
    bundle: true,
    minify: true,
    outfile: `.cache/lambda/${name}`,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    // The package by its own name is the built one, not its sources.
    tsconfigRaw: {},
  })
}
for (const [name, source] of Object.entries(SOURCES)) await bundle(source, `bench-${name}.mjs`)
await writeFile('.cache/lambda/bench-otel.js', `exports.handler = ${HANDLER}`)
await writeFile('.cache/lambda/package.json', '{ "type": "commonjs" }')
await writeFile('.cache/bench-lambda/init.mjs', OTEL)

const FUNCTIONS: Record<string, { module: string; env?: Record<string, string> }> = {
  plain: { module: 'bench-plain' },
  'agentops-edge': { module: 'bench-ours' },
  'agentops-edge, extension': { module: 'bench-extension' },
  'instrumentation-aws-lambda': {
    module: 'bench-otel',
    env: { NODE_OPTIONS: `--import ${pathToFileURL('.cache/bench-lambda/init.mjs')}` },
  },
}
const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0

interface Row {
  name: string
  running: RunningFunction
  collector: string
  init: number[]
  times: number[]
}
const rows: Row[] = []
const start = async (name: string, collector: string): Promise<RunningFunction> => {
  const { module, env } = FUNCTIONS[name] as (typeof FUNCTIONS)[string]
  return startFunction({ handler: `${module}.handler`, env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector, ...env } })
}
for (const name of Object.keys(FUNCTIONS)) {
  const collector = await sink()
  rows.push({ name, collector, running: await start(name, collector), init: [], times: [] })
}
for (let n = 0; n < STARTS; n++) {
  for (const { name, collector, init } of rows) {
    const once = await start(name, collector)
    init.push(once.initMs)
    await once.stop()
  }
}
const trips: number[] = []
for (let n = -WARM_UP; n < REQUESTS; n++) {
  const begun = performance.now()
  await fetch(rows[0]?.collector ?? '', { method: 'POST', body: '{}' }).then((response) => response.text())
  if (n >= 0) trips.push(performance.now() - begun)
  for (const { running, times } of rows) {
    const { responseMs } = await running.invoke({ n })
    if (n >= 0) times.push(responseMs)
  }
}
const plain = rows[0] as Row
console.log(`a round trip to the collector: ${median(trips).toFixed(1)} ms (p50 of ${REQUESTS})`)
console.log(
  `${'function'.padEnd(30)}${['p50 ms', 'added', 'init ms', 'added', 'POSTs'].map((t) => t.padStart(10)).join('')}`,
)
for (const { name, running, collector, times, init } of rows) {
  const posts = Number(await (await fetch(collector)).text()) - (name === 'plain' ? REQUESTS + WARM_UP : 0)
  const cells = [median(times), median(times) - median(plain.times), median(init), median(init) - median(plain.init)]
  console.log(
    `${name.padEnd(30)}${cells.map((cell) => cell.toFixed(1).padStart(10)).join('')}${String(posts).padStart(10)}`,
  )
  await running.stop()
}
for (const thread of sinks) await thread.terminate()
