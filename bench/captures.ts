/**
 * What each capture adds to a model call: a framework's scenario (three calls, three tools) in Node, with nothing captured,
 * with `llmCalls()` alone and with the framework's capture too, in turns in one process. The models and the backend are in a
 * thread of their own; what is read is the CPU of the thread that runs the agent. Writes `CAPTURES.md`.
 */
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { startScenarios } from '../test/scenarios/server.ts'
import { weather } from '../test/scenarios/weather.ts'
import { bundleWith, installFramework } from '../test/support/frameworks.ts'
import { rotated } from './cpu.ts'
import { type Spread, spreadOf } from './statistics.ts'

/** The scenario, its package in `test/agents`, and what captures it. */
const CAPTURES = [
  ['ai-sdk-7', 'ai-sdk-7', 'aiSdk()'],
  ['langchain', 'langchain', 'langChain()'],
  ['langgraph', 'langchain', 'langChain(), a graph of graphs'],
] as const
/** What is captured, as the scenario's query. */
const WAYS = { nothing: 'bare', 'llmCalls()': 'wire', both: '' } as const
type Way = keyof typeof WAYS
const CALLS = 3
const MARK = /(<!-- table -->\n)[\s\S]*(<!-- \/table -->)/

interface Context {
  waitUntil(promise: Promise<unknown>): void
  passThroughOnException(): void
}
interface Agent {
  fetch(request: Request, env: object, ctx: Context): Promise<Response>
}

if (isMainThread) await main()
else await serve()

/** Models and a backend, asked over a port: `run` gives a run's URL. */
async function serve(): Promise<void> {
  const models = await startScenarios()
  const sink = createServer((request, response) => void request.resume().on('end', () => response.end('{}')))
  await once(sink.listen(0, '127.0.0.1'), 'listening')
  parentPort?.on('message', (count: number) => {
    parentPort?.postMessage(Array.from({ length: count }, () => models.run(weather).base))
  })
  parentPort?.postMessage(`http://127.0.0.1:${(sink.address() as AddressInfo).port}/v1/traces`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '30' }, requests: { type: 'string', default: '40' } },
  })
  const [rounds, requests] = [Number(values.rounds), Number(values.requests)]
  const thread = new Worker(import.meta.filename)
  try {
    const [endpoint] = (await once(thread, 'message')) as [string]
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = endpoint
    const rows: string[] = []
    for (const [scenario, framework, capture] of CAPTURES) {
      const agent = await agentOf(scenario, framework)
      const us = await measure(agent, thread, { GEN_AI_URL: endpoint }, rounds, requests)
      const added = (more: Way, less: Way): string => cell(spreadOf(us[more].map((one, n) => one - (us[less][n] ?? 0))))
      rows.push(
        `| \`${capture}\` | ${cell(spreadOf(us.nothing))} | ${added('llmCalls()', 'nothing')} | ${added('both', 'llmCalls()')} |`,
      )
      console.log(rows.at(-1))
    }
    const head = ['capture', 'the framework alone', '`llmCalls()` adds', 'the capture adds'].join(' | ')
    const machine = `${cpus()[0]?.model}, Node ${process.versions.node}, ${rounds} rounds of ${requests} requests`
    const table = `\n${machine}\n\n| ${head} |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n\n`
    const file = `${import.meta.dirname}/CAPTURES.md`
    await writeFile(
      file,
      (await readFile(file, 'utf8')).replace(MARK, (_, from, to) => `${from}${table}${to}`),
    )
  } finally {
    await thread.terminate()
  }
}

async function agentOf(scenario: string, framework: string): Promise<Agent> {
  const [worker] = await bundleWith(await installFramework(framework), `test/scenarios/${scenario}/worker.js`)
  const file = resolve(`.cache/bench/captures/${scenario}.mjs`)
  await mkdir(resolve(file, '..'), { recursive: true })
  await writeFile(file, `${worker?.contents}`)
  return ((await import(pathToFileURL(file).href)) as { default: Agent }).default
}

/** Microseconds of the thread a model call, by round. */
async function measure(
  agent: Agent,
  thread: Worker,
  env: object,
  rounds: number,
  requests: number,
): Promise<Record<Way, number[]>> {
  const us: Record<Way, number[]> = { nothing: [], 'llmCalls()': [], both: [] }
  // Before the first counted round the compiler is to be done.
  for (let round = -5; round < rounds; round++) {
    for (const way of rotated(Object.keys(WAYS) as Way[], round + 5)) {
      thread.postMessage(requests)
      const [bases] = (await once(thread, 'message')) as [string[]]
      const before = process.threadCpuUsage()
      for (const base of bases) await ask(agent, `http://bench/?base=${base}&${WAYS[way]}`, env)
      const { user, system } = process.threadCpuUsage(before)
      if (round >= 0) us[way].push((user + system) / requests / CALLS)
    }
  }
  return us
}

/** Until all is delivered. */
async function ask(agent: Agent, url: string, env: object): Promise<void> {
  const waiting: Promise<unknown>[] = []
  const ctx = { waitUntil: (promise: Promise<unknown>) => void waiting.push(promise), passThroughOnException() {} }
  const response = await agent.fetch(new Request(url), env, ctx)
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  await response.text()
  for (const promise of waiting) await promise
}

function cell({ q1, median, q3 }: Spread): string {
  return `${median.toFixed(0)} (${q1.toFixed(0)}–${q3.toFixed(0)})`
}
