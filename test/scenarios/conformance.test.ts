/**
 * Every span and metric that the scenarios send under `semconv: genAi`, against the conventions. A deviation is declared
 * below and names what forces it; one that no span shows any more is to be taken out.
 */
import { existsSync, readdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CollectedSpan } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { type RunningSink, startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'
import type { RunningWorker } from '../support/workerd.ts'
import { faultsOf, METRICS } from './convention.ts'
import type { Answer } from './say.ts'
import { type RunningScenarios, startScenarios } from './server.ts'

/** What spans do not do, and why. */
const DECLARED: readonly (readonly [fault: RegExp, why: string])[] = [
  [
    /^anthropic\.\S+.*: name anthropic\./,
    'Anthropic’s client names its spans itself; somebody else’s span keeps its names',
  ],
  [/^anthropic\.\S+.*: attribute gen_ai\.provider\.name$/, 'Anthropic’s client writes it on all of its spans'],
  [/: attribute anthropic\.[\w.]+$/, 'Anthropic’s client says on its span of a call what only its API has'],
  [
    /^embeddings .*: attribute gen_ai\.input\.messages$/,
    'the user wants contents, and no attribute is for what is embedded',
  ],
  [
    /^chat gpt-4o: inference: no gen_ai\.provider\.name$/,
    'the user’s own event says no provider, and none is invented',
  ],
]

const MODES = ['&standard', '&standard&stream&contents']
const backend = useBackend()
let worker: RunningWorker
let models: RunningScenarios
let sink: RunningSink

beforeAll(async () => {
  models = await startScenarios()
  sink = await startSink()
  worker = await backend.start({
    entry: 'test/scenarios/worker.ts',
    compatibilityFlags: ['nodejs_compat'],
    bindings: { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${sink.url}/v1/metrics` },
  })
})
afterAll(() => Promise.all([models.close(), sink.close()]))

const names = readdirSync(import.meta.dirname, { withFileTypes: true })
  // Those of frameworks are held against it by test/agents.
  .filter((entry) => entry.isDirectory() && existsSync(`${import.meta.dirname}/${entry.name}/agent.ts`))
  .map(({ name }) => name)

const shown = new Set<RegExp>()
function check(spans: readonly CollectedSpan[]): void {
  const faults = spans.flatMap((span) => faultsOf(span).map((fault) => `${span.name}: ${fault}`))
  const undeclared = faults.filter((fault) => {
    const found = DECLARED.find(([pattern]) => pattern.test(fault))
    if (found) shown.add(found[0])
    return !found
  })
  expect(undeclared).toEqual([])
}

test.each(names)('%s', async (name) => {
  const { answers } = (await import(`./${name}/answers.ts`)) as { answers: Answer[] }
  for (const query of MODES) {
    const response = await fetch(`${worker.url}/${name}?base=${models.run(answers).base}${query}`)
    const id = await response.text()
    const { spans } = await backend.session((session) => session.id === id)
    expect(spans.length).toBeGreaterThan(1)
    check(spans)
  }
})

test('an agent that is written by hand, at a route', async () => {
  const own = await backend.start({ entry: 'test/fixtures/standard-worker.ts' })
  await fetch(`${own.url}/ask`, { method: 'POST' })
  const { spans } = await backend.session()
  expect(spans.map((span) => span.name).sort()).toEqual([
    'POST /ask',
    'chat gpt-4o',
    'click',
    'execute_tool search',
    'invoke_agent planner',
  ])
  check(spans)
})

test('metrics', async () => {
  interface Metric {
    name: string
    unit: string
    sum?: { dataPoints: { attributes: { key: string }[] }[] }
    histogram?: { dataPoints: { attributes: { key: string }[] }[] }
  }
  const metrics = (): Metric[] =>
    sink.received.flatMap(({ body }) =>
      JSON.parse(body).resourceMetrics.flatMap(({ scopeMetrics }: { scopeMetrics: { metrics: Metric[] }[] }) =>
        scopeMetrics.flatMap((scope) => scope.metrics),
      ),
    )
  // No answer of a scenario counts its reasoning, or is sure to come in several chunks.
  const all = Object.keys(METRICS).filter((name) => !/reasoning|per_output_chunk/.test(name))
  const seen = await waitFor('all metrics', () => {
    const found = new Set(metrics().map(({ name }) => name))
    return all.every((name) => found.has(name)) && metrics()
  })
  const faults = (seen as Metric[]).flatMap(({ name, unit, sum, histogram }) => {
    const row = METRICS[name]
    // Ours, of what no convention measures.
    if (!row) return /^(agentops|otel)\./.test(name) ? [] : [`${name}: no convention has it`]
    const points = row.type === 'sum' ? sum?.dataPoints : histogram?.dataPoints
    const missing = row.required.filter(
      (one) => !points?.every(({ attributes }) => attributes.some(({ key }) => key === one)),
    )
    return [
      ...(points ? [] : [`${name}: no ${row.type}`]),
      ...(unit === row.unit ? [] : [`${name}: unit ${unit}`]),
      ...missing.map((one) => `${name}: no ${one}`),
    ]
  })
  expect([...new Set(faults)]).toEqual([])
})

test('each declared deviation is one', () => {
  expect(DECLARED.filter(([pattern]) => !shown.has(pattern))).toEqual([])
})
