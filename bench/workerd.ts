/** A subject in a workerd process of its own, and what that process costs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { type Bundle, CACHE, COMPATIBILITY_DATE } from './subject.ts'

/** The one that Miniflare, and so wrangler, runs. */
const { default: workerd } = createRequire(createRequire(import.meta.url).resolve('miniflare'))('workerd') as {
  default: string
}
const START_TIMEOUT_MS = 20_000

export interface Process {
  bundle: Bundle
  /** Without a slash at the end. */
  url: string
  /** Milliseconds of CPU that all its threads have used. */
  cpuMs(): Promise<number>
  /** Bytes, after a garbage collection; only with `inspect`. */
  heapUsed(): Promise<number>
  stop(): Promise<void>
}

const running = new Set<ChildProcess>()
// Whatever ends this process ends them too.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

function configOf(file: string, variables: Record<string, string>): string {
  const bindings = Object.entries(variables).map(([name, text]) => `(name = "${name}", text = "${text}")`)
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.mjs", esModule = embed "${file}")],
      compatibilityDate = "${COMPATIBILITY_DATE}",
      bindings = [${bindings.join(', ')}],
      globalOutbound = "network",
    )),
    (name = "network", network = (allow = ["public", "private", "local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`
}

/** `sinkUrl` has the subject's own path, and no slash at the end. */
export async function startProcess(bundle: Bundle, sinkUrl: string, inspect = false): Promise<Process> {
  const config = join(CACHE, 'workerd', `${bundle.id}.capnp`)
  await mkdir(dirname(config), { recursive: true })
  const variables = {
    OTEL_EXPORTER_OTLP_ENDPOINT: sinkUrl,
    OTEL_SERVICE_NAME: 'bench',
    SENTRY_DSN: `${sinkUrl.replace('//', '//key@')}/1`,
  }
  await writeFile(config, configOf(relative(dirname(config), bundle.file), variables))
  const args = ['serve', config, '--control-fd=3', ...(inspect ? ['--inspector-addr=127.0.0.1:0'] : [])]
  const child = spawn(workerd, args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] })
  running.add(child)
  let errors = ''
  child.stderr?.on('data', (data) => {
    errors = (errors + data).slice(-2000)
  })
  const ended = once(child, 'exit').then(() => void running.delete(child))
  const ports: Record<string, number> = {}
  const control = createInterface({ input: child.stdio[3] as NodeJS.ReadableStream })
  const listening = (async () => {
    for await (const line of control) {
      const { event, port } = JSON.parse(line) as { event: string; port: number }
      ports[event] = port
      if (event === 'listen') return
    }
    throw new Error(`workerd with ${bundle.id} ended: ${errors}`)
  })()
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS)
  await listening
    .catch(async (error) => {
      await stop()
      throw error
    })
    .finally(() => clearTimeout(timer))
  const url = `http://127.0.0.1:${ports.listen}`
  return {
    bundle,
    url,
    cpuMs: () => cpuMs(child.pid as number),
    heapUsed: () => heapUsed(ports['listen-inspector'] as number, url),
    stop,
  }
}

/**
 * Of the scheduler's own count of each thread, in nanoseconds; where the kernel has none, of `stat`, in ticks of 10 ms.
 * workerd ends no thread while it serves.
 */
async function cpuMs(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`)
  const counts = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/sched`, 'utf8')),
  ).catch(() => undefined)
  if (counts) {
    return counts.reduce((sum, text) => sum + Number(/sum_exec_runtime\s*:\s*([\d.]+)/.exec(text)?.[1] ?? 0), 0)
  }
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Asks the isolate's inspector. It collects garbage only while the isolate has something to do: requests to `url`. */
async function heapUsed(port: number, url: string): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/main`)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', () => reject(new Error('no inspector')))
  })
  let id = 0
  const send = (method: string): Promise<{ usedSize: number }> => {
    const call = ++id
    socket.send(JSON.stringify({ id: call, method }))
    return new Promise((resolve) => {
      socket.addEventListener('message', ({ data }) => {
        const answer = JSON.parse(String(data))
        if (answer.id === call) resolve(answer.result)
      })
    })
  }
  let done = false
  const asking = (async () => {
    while (!done) await get(`${url}/unknown`)
  })()
  await send('HeapProfiler.enable')
  // Twice: what a finalizer frees is garbage only then.
  for (let n = 0; n < 2; n++) await send('HeapProfiler.collectGarbage')
  const { usedSize } = await send('Runtime.getHeapUsage')
  done = true
  await asking
  socket.close()
  return usedSize
}

function get(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    request(url, (response) => response.resume().on('end', resolve))
      .on('error', reject)
      .end()
  })
}
