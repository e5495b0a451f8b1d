/**
 * JavaScript alone: the same bundles in Node, each in a process of its own, `fetch` answered at once. What a session
 * costs is `/plain` over `nothing`; what a span or an event costs is a tenth of what `/agent` costs more than that.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { type Effort, overNothing, rotated } from './cpu.ts'
import { type BySubject, type JavaScriptCost, type Results, spreadOf } from './statistics.ts'
import type { Bundle } from './subject.ts'

const AT_ONCE = 50
const STEPS = 10

interface Question {
  path: string
  requests: number
}

interface Answer {
  threadUs: number
  processUs: number
}

export async function measureJavaScript(
  bundles: readonly Bundle[],
  requests: number,
  { minRounds, maxRounds, seconds }: Effort,
): Promise<Results['javascript']> {
  const until = performance.now() + seconds * 1000
  const children: [Bundle, ChildProcess][] = []
  const times = { thread: {}, process: {} } as Record<'thread' | 'process', Record<string, BySubject<number[]>>>
  const stopAll = (): void => {
    for (const [, child] of children) child.kill('SIGKILL')
  }
  process.once('exit', stopAll)
  try {
    for (const bundle of bundles) {
      const child = fork(import.meta.filename, [bundle.file], { execArgv: ['--expose-gc'] })
      children.push([bundle, child])
      await answerOf(child)
    }
    // Before the first counted round the compiler is to be done.
    for (let round = -2; round < minRounds || (round < maxRounds && performance.now() < until); round++) {
      for (const path of ['/plain', '/agent']) {
        for (const [{ id }, child] of rotated(children, round + 2)) {
          const answered = answerOf(child)
          child.send({ path, requests } satisfies Question)
          const { threadUs, processUs } = (await answered) as Answer
          if (round < 0) continue
          for (const [kind, us] of [
            ['thread', threadUs],
            ['process', processUs],
          ] as const) {
            times[kind][path] ??= {}
            times[kind][path][id] ??= []
            times[kind][path][id].push(us / requests)
          }
        }
      }
    }
  } finally {
    stopAll()
    process.off('exit', stopAll)
  }
  const results: Results['javascript'] = { session: {}, step: {} }
  for (const { id } of bundles) {
    const cost = (of: 'session' | 'step'): JavaScriptCost => ({
      thread: spreadOf(costs(times.thread, id)[of]),
      process: spreadOf(costs(times.process, id)[of]),
    })
    results.session[id] = cost('session')
    results.step[id] = cost('step')
  }
  return results
}

/** Rejects where the child ends instead. */
async function answerOf(child: ChildProcess): Promise<unknown> {
  const over = new AbortController()
  const { signal } = over
  try {
    const ended = once(child, 'exit', { signal }).then(([code]) => {
      throw new Error(`${child.spawnargs.at(-1)} ended in Node with ${code}`)
    })
    return await Promise.race([once(child, 'message', { signal }).then(([answer]) => answer), ended])
  } finally {
    over.abort()
  }
}

function costs(byPath: Record<string, BySubject<number[]>>, id: string): { session: number[]; step: number[] } {
  const session = overNothing(byPath['/plain'] ?? {})[id] ?? []
  const agent = overNothing(byPath['/agent'] ?? {})[id] ?? []
  return { session, step: agent.map((us, round) => (us - (session[round] ?? 0)) / STEPS) }
}

interface Worker {
  fetch(request: Request, env: object, ctx: object): Promise<Response>
}

/** The child's side. */
async function serve(file: string): Promise<void> {
  const { default: app } = (await import(pathToFileURL(file).href)) as { default: Worker }
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://sink.invalid', OTEL_SERVICE_NAME: 'bench' }
  globalThis.fetch = async () => new Response('{}', { headers: { 'content-type': 'application/json' } })
  const one = async (path: string): Promise<void> => {
    const work: Promise<unknown>[] = []
    const ctx = { waitUntil: (promise: Promise<unknown>) => void work.push(promise), passThroughOnException() {} }
    const response = await app.fetch(new Request(`http://app.invalid${path}`), env, ctx)
    if (response.status !== 200) throw new Error(`${path} answered ${response.status}`)
    await response.arrayBuffer()
    for (let n = 0; n < work.length; n++) await work[n]
  }
  process.on('disconnect', () => process.exit())
  process.on('message', async ({ path, requests }: Question) => {
    globalThis.gc?.()
    const [thread, all] = [process.threadCpuUsage(), process.cpuUsage()]
    let left = requests
    const client = async (): Promise<void> => {
      while (left-- > 0) await one(path)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, client))
    const [{ user, system }, total] = [process.threadCpuUsage(thread), process.cpuUsage(all)]
    process.send?.({ threadUs: user + system, processUs: total.user + total.system } satisfies Answer)
  })
  process.send?.('ready')
}

if (process.argv[1] === import.meta.filename) await serve(process.argv[2] as string)
