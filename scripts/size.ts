/**
 * What each entry adds to a Worker, minified and gzipped, bundled from the built package as wrangler bundles and as
 * Cloudflare's Vite plugin does. Fails where an entry is over its budget: what it costs today, rounded up, so that no
 * change makes it larger unseen. The goal for `agentops-edge/hono` is 24,000 bytes.
 */
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const BUNDLERS = {
  wrangler: ['workerd', 'worker', 'browser'],
  vite: ['workerd', 'worker', 'module', 'browser'],
}

interface Entry {
  name: string
  code: string
  /** What the same Worker is without us. */
  without: string
  /** Gzipped bytes over `without`. */
  budget: { wrangler: number; vite: number }
}

const hono = (use: string): string =>
  `import { Hono } from 'hono'\n${use}app.get('/', (c) => c.text('x'))\nexport default app`
const HONO = hono('const app = new Hono()\n')
/** The same with the middleware, and what is imported for its options. */
const middleware = (options = '', imported = ''): string =>
  hono(
    `import { agentops } from 'agentops-edge/hono'\n${imported}\nconst app = new Hono()\napp.use(agentops(${options}))\n`,
  )
const MODELS = middleware(
  '{ instrumentations: { llm: llmCalls() } }',
  `import { llmCalls } from 'agentops-edge/instrumentation'`,
)
const METRICS_SDK = `import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { JsonMetricsSerializer } from '@opentelemetry/otlp-transformer'`
const WORKER = `export default { fetch: () => new Response('x') }`

const ENTRIES: Entry[] = [
  {
    name: 'agentops-edge/hono',
    code: middleware(),
    without: HONO,
    budget: { wrangler: 40_650, vite: 40_650 },
  },
  {
    name: '  with otlpProtobuf',
    code: middleware('{ format: otlpProtobuf }', `import { otlpProtobuf } from 'agentops-edge/formats'`),
    without: HONO,
    budget: { wrangler: 43_900, vite: 43_900 },
  },
  {
    name: '  with agentopsV2',
    code: middleware('{ format: agentopsV2 }', `import { agentopsV2 } from 'agentops-edge/formats'`),
    without: HONO,
    budget: { wrangler: 43_950, vite: 43_950 },
  },
  {
    name: '  with queueSpool',
    code: middleware('{ spool: (env) => queueSpool(env.SPOOL) }', `import { queueSpool } from 'agentops-edge/spool'`),
    without: HONO,
    budget: { wrangler: 41_500, vite: 41_500 },
  },
  {
    name: '  with tailSpool',
    code: middleware('{ spool: tailSpool() }', `import { tailSpool } from 'agentops-edge/spool'`),
    without: HONO,
    budget: { wrangler: 41_950, vite: 41_950 },
  },
  {
    name: '  with semconv: genAi',
    code: middleware('{ semconv: genAi }', `import { genAi } from 'agentops-edge/semconv'`),
    without: HONO,
    budget: { wrangler: 42_200, vite: 42_200 },
  },
  {
    name: '  fetchCalls and llmCalls, over the middleware',
    code: middleware(
      '{ instrumentations: { fetch: fetchCalls(), llm: llmCalls() } }',
      `import { fetchCalls, llmCalls } from 'agentops-edge/instrumentation'`,
    ),
    without: middleware(),
    budget: { wrangler: 12_900, vite: 12_900 },
  },
  {
    name: '  the same and aiSpans',
    code: middleware(
      '{ instrumentations: { fetch: fetchCalls(), llm: llmCalls(), ai: aiSpans() } }',
      `import { aiSpans, fetchCalls, llmCalls } from 'agentops-edge/instrumentation'`,
    ),
    without: middleware(),
    budget: { wrangler: 14_300, vite: 14_300 },
  },
  {
    name: '  captureAll, over the middleware',
    code: middleware(
      '{ instrumentations: captureAll() }',
      `import { captureAll } from 'agentops-edge/instrumentation'`,
    ),
    without: middleware(),
    budget: { wrangler: 21_350, vite: 21_350 },
  },
  {
    name: '  langChain, over llmCalls',
    code: middleware(
      '{ instrumentations: { llm: llmCalls(), langChain: langChain({}) } }',
      `import { langChain, llmCalls } from 'agentops-edge/instrumentation'`,
    ),
    without: MODELS,
    budget: { wrangler: 2_950, vite: 2_950 },
  },
  {
    name: '  mastraBridge, over llmCalls',
    code: middleware(
      '{ instrumentations: { llm: llmCalls() } }',
      `import { llmCalls, mastraBridge } from 'agentops-edge/instrumentation'\nconsole.log(mastraBridge())`,
    ),
    without: MODELS,
    budget: { wrangler: 2_000, vite: 2_000 },
  },
  {
    name: '  cloudflareAgents, over llmCalls',
    code: middleware(
      '{ instrumentations: { llm: llmCalls(), cloudflareAgents: cloudflareAgents() } }',
      `import { cloudflareAgents, llmCalls } from 'agentops-edge/instrumentation'`,
    ),
    without: MODELS,
    budget: { wrangler: 1_050, vite: 1_050 },
  },
  {
    name: '  aiSdk, over fetchCalls and llmCalls',
    code: middleware(
      '{ instrumentations: { fetch: fetchCalls(), llm: llmCalls(), aiSdk: aiSdk() } }',
      `import { aiSdk, fetchCalls, llmCalls } from 'agentops-edge/instrumentation'`,
    ),
    without: middleware(
      '{ instrumentations: { fetch: fetchCalls(), llm: llmCalls() } }',
      `import { fetchCalls, llmCalls } from 'agentops-edge/instrumentation'`,
    ),
    budget: { wrangler: 3_150, vite: 3_150 },
  },
  {
    name: '  openaiAgents, over fetchCalls and llmCalls',
    code: middleware(
      '{ instrumentations: { fetch: fetchCalls(), llm: llmCalls(), openaiAgents: openaiAgents() } }',
      `import { fetchCalls, llmCalls, openaiAgents } from 'agentops-edge/instrumentation'`,
    ),
    without: middleware(
      '{ instrumentations: { fetch: fetchCalls(), llm: llmCalls() } }',
      `import { fetchCalls, llmCalls } from 'agentops-edge/instrumentation'`,
    ),
    budget: { wrangler: 2_850, vite: 2_850 },
  },
  {
    name: '  sessionMetrics, over the metrics SDK',
    code: middleware('{ metrics: sessionMetrics() }', `import { sessionMetrics } from 'agentops-edge/metrics'`),
    without: `${middleware('', METRICS_SDK)}\nconsole.log(new MeterProvider({}), MetricReader, JsonMetricsSerializer)`,
    budget: { wrangler: 3_550, vite: 3_550 },
  },
  {
    name: 'agentops-edge/spool: drainSpool alone',
    code: `import { drainSpool } from 'agentops-edge/spool'\n${WORKER.replace('fetch:', 'queue: drainSpool, fetch:')}`,
    without: WORKER,
    budget: { wrangler: 17_250, vite: 17_250 },
  },
  {
    name: 'agentops-edge/spool: drainTail alone',
    code: `import { drainTail } from 'agentops-edge/spool'\n${WORKER.replace('fetch:', 'tail: drainTail, fetch:')}`,
    without: WORKER,
    budget: { wrangler: 17_500, vite: 17_500 },
  },
  {
    name: 'agentops-edge/workers',
    code: `import { instrument } from 'agentops-edge/workers'\n${WORKER.replace('{', 'instrument({')})`,
    without: WORKER,
    budget: { wrangler: 42_350, vite: 42_350 },
  },
  {
    name: '  instrumentDurableObject alone',
    code: `import { instrumentDurableObject } from 'agentops-edge/workers'
      export const Desk = instrumentDurableObject(class {})\n${WORKER}`,
    without: `export class Desk {}\n${WORKER}`,
    budget: { wrangler: 42_250, vite: 42_250 },
  },
  {
    name: 'agentops-edge/vercel',
    code: `import { withAgentOps } from 'agentops-edge/vercel'\nexport const GET = withAgentOps(() => new Response('x'))`,
    without: `export const GET = () => new Response('x')`,
    budget: { wrangler: 42_600, vite: 42_600 },
  },
  {
    name: 'agentops-edge',
    code: `import { createAgentOps } from 'agentops-edge'\n${WORKER.replace("'x'", 'createAgentOps().startSession().id')}`,
    without: WORKER,
    budget: { wrangler: 38_200, vite: 38_200 },
  },
  {
    name: '(OpenTelemetry’s SDK and JSON serializer alone)',
    code: `import { TracerProvider } from '@opentelemetry/sdk-trace'
      import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
      console.log(new TracerProvider({}), JsonTraceSerializer)\n${WORKER}`,
    without: WORKER,
    budget: { wrangler: Number.POSITIVE_INFINITY, vite: Number.POSITIVE_INFINITY },
  },
]

async function bundle(code: string, conditions: string[]): Promise<{ minified: number; gzipped: number }> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions,
    external: ['node:*', 'cloudflare:*'],
    // The package by its own name is the built one, not its sources.
    tsconfigRaw: {},
  })
  const contents = outputFiles[0]?.contents ?? new Uint8Array()
  return { minified: contents.length, gzipped: gzipSync(contents, { level: 9 }).length }
}

let failed = false
console.log(`${'entry'.padEnd(50)} ${'bundler'.padEnd(9)} ${'minified'.padStart(9)} ${'gzipped'.padStart(9)}   budget`)
for (const { name, code, without, budget } of ENTRIES) {
  for (const [bundler, conditions] of Object.entries(BUNDLERS) as [keyof typeof BUNDLERS, string[]][]) {
    const [ours, plain] = [await bundle(code, conditions), await bundle(without, conditions)]
    const gzipped = ours.gzipped - plain.gzipped
    const over = gzipped > budget[bundler]
    failed ||= over
    const limit = Number.isFinite(budget[bundler]) ? `${budget[bundler]}${over ? '  OVER' : ''}` : ''
    console.log(
      `${name.padEnd(50)} ${bundler.padEnd(9)} ${String(ours.minified - plain.minified).padStart(9)} ${String(gzipped).padStart(9)}   ${limit}`,
    )
  }
}
if (failed) {
  console.log('An entry is over its budget.')
  process.exitCode = 1
}
