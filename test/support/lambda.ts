/**
 * A function on the real Lambda runtime client (`aws-lambda-ric`), beside a Runtime and Extensions API that freezes the
 * process as Lambda does: it is stopped (SIGSTOP) the moment the response is complete and every registered extension has
 * asked for the next event, and goes on (SIGCONT) with the next invocation. A streamed response is complete when its
 * handler has returned: Lambda lets a function work on behind the end of its stream.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { installOnce } from './once.ts'
import { RUNTIMES } from './runtimes.ts'
import { waitFor } from './wait.ts'

const RIC = '.cache/ric/node_modules/aws-lambda-ric/index.mjs'
export const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:desk'

/** Built from source with the C++ compiler of the machine, once: no part of an `npm ci`, as no user needs it. */
export async function installRuntimeClient(): Promise<void> {
  await installOnce(
    'ric',
    () => existsSync(RIC),
    async () => {
      await mkdir('.cache/ric', { recursive: true })
      await writeFile('.cache/ric/package.json', '{ "private": true }')
      const args = ['install', '--no-package-lock', '--no-audit', '--no-fund', 'aws-lambda-ric@4.0.2']
      await promisify(execFile)('npm', args, { cwd: '.cache/ric' })
    },
  )
}

const OLD = '.cache/ric3/node_modules/aws-lambda-ric'
const NULL_AT_EXIT = 'markCompleted();\n          this.client.postInvocationResponse('
/** AWS' own images tell async handlers so, and have this; the client that they publish leaves it out. */
const ERROR_AT_EXIT = `markCompleted();
          if (this.handler.constructor.name === "AsyncFunction") {
            const error = Object.assign(new Error(""), { name: "Runtime.NodeJsExit" });
            return this.client.postInvocationError(error, invokeId, () => this.scheduleIteration());
          }
          this.client.postInvocationResponse(`

/**
 * The client of runtimes up to Node.js 22, which have callbacks. Its native part would need autoconf to be built; that of
 * the newer one has the same three functions.
 */
export async function installOldRuntimeClient(): Promise<void> {
  await installRuntimeClient()
  await installOnce('ric3', () => existsSync(`${OLD}/dist/rapid-client.node`), installOld)
}

async function installOld(): Promise<void> {
  await mkdir('.cache/ric3', { recursive: true })
  await writeFile('.cache/ric3/package.json', '{ "private": true }')
  const args = ['install', '--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', 'aws-lambda-ric@3.3.0']
  await promisify(execFile)('npm', args, { cwd: '.cache/ric3' })
  const code = await readFile(`${OLD}/dist/index.mjs`, 'utf8')
  if (!code.includes(NULL_AT_EXIT)) throw new Error('the runtime client is another one')
  await writeFile(`${OLD}/dist/index.mjs`, code.replace(NULL_AT_EXIT, ERROR_AT_EXIT))
  await copyFile('.cache/ric/node_modules/aws-lambda-ric/rapid-client.node', `${OLD}/dist/rapid-client.node`)
}

/** Bundles a fixture as a user's build would; gives the folder and the module's name. */
export async function bundleFunction(entry: string, format: 'esm' | 'cjs' = 'esm'): Promise<string> {
  const name = `${entry.split('/').at(-1)?.replace(/\.ts$/, '')}-${format}`
  await build({
    entryPoints: [entry],
    bundle: true,
    outfile: `.cache/lambda/${name}.${format === 'esm' ? 'mjs' : 'cjs'}`,
    format,
    platform: 'node',
    target: 'node22',
    logLevel: 'error',
  })
  return name
}

export interface FunctionOptions {
  /** `<module>.<export>` below `.cache/lambda`. */
  handler: string
  env?: Record<string, string>
  timeoutMs?: number
  /** Off for managed instances, whose processes serve several invocations at once. */
  freeze?: boolean
  /** The client of runtimes up to Node.js 22. */
  old?: boolean
}

export interface Invoked {
  /** What the handler returned, or the stream's text. */
  body: string
  /** As the runtime reported it. */
  error?: { errorType: string; errorMessage: string }
  timedOut: boolean
  /** The process has ended instead of an answer, with this code: Lambda says `Runtime.ExitError`. */
  exited?: number
  /** From the event to the complete response, and to the moment when nothing was left to wait for. */
  responseMs: number
  ms: number
  /** When each chunk of a stream came, ms after the event. */
  chunks: number[]
}

export interface InvokeOptions {
  headers?: Record<string, string>
  arn?: string
}

export interface RunningFunction {
  invoke(event: unknown, options?: InvokeOptions): Promise<Invoked>
  /** From the start of the process to its readiness for the first event. */
  initMs: number
  /** What the process has written, line by line. */
  logs: string[]
  /** As Lambda does where an extension is registered; gives how the process ended. */
  shutdown(): Promise<{ code: number | null; signal: string | null }>
  /** Whether the process is stopped now. */
  readonly frozen: boolean
  stop(): Promise<void>
}

/** The runtime puts time, invocation and level before what a function writes. */
function withoutPrefix(line: string): string {
  return line.replace(/^\S+Z\t\S+\t\w+\t/, '')
}

interface Pending {
  id: string
  event: unknown
  options: InvokeOptions
  deadline: number
  begun: number
  chunks: number[]
  streamed: boolean
  answered?: Omit<Invoked, 'ms' | 'chunks' | 'timedOut'>
  exit(code: number): void
  settle(invoked: Invoked): void
}

export async function startFunction({
  handler,
  env,
  timeoutMs = 3000,
  freeze = true,
  old = false,
}: FunctionOptions): Promise<RunningFunction> {
  const queue: Pending[] = []
  const running = new Map<string, Pending>()
  const runtimes: ServerResponse[] = []
  /** Registered extensions, and the answer that each one waits for. */
  const extensions = new Map<string, ServerResponse | undefined>()
  const logs: string[] = []
  let child: ChildProcess | undefined
  let initialised = false
  let frozen = false
  let spawned = 0
  let initMs = 0

  const serve = (): void => {
    while (queue.length && runtimes.length) {
      const pending = queue.shift() as Pending
      running.set(pending.id, pending)
      const { id, event, options, deadline } = pending
      const headers = {
        'lambda-runtime-aws-request-id': id,
        'lambda-runtime-deadline-ms': `${deadline}`,
        'lambda-runtime-invoked-function-arn': options.arn ?? ARN,
        'content-type': 'application/json',
        ...options.headers,
      }
      runtimes.shift()?.writeHead(200, headers).end(JSON.stringify(event))
      for (const [extension, waiting] of extensions) {
        extensions.set(extension, undefined)
        waiting
          ?.writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ eventType: 'INVOKE', requestId: id, deadlineMs: deadline, invokedFunctionArn: ARN }))
      }
    }
  }
  /** An invocation is over when its response is complete and every extension waits again. */
  const look = (): void => {
    for (const pending of running.values()) {
      const { answered, streamed, begun, chunks } = pending
      if (!answered || (streamed && !runtimes.length)) continue
      if ([...extensions.values()].some((waiting) => !waiting)) continue
      running.delete(pending.id)
      if (freeze) {
        child?.kill('SIGSTOP')
        frozen = true
      }
      pending.settle({ ...answered, timedOut: false, ms: performance.now() - begun, chunks })
    }
  }

  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? ''
    if (path.endsWith('/runtime/invocation/next')) {
      if (!initialised) initMs = performance.now() - spawned
      initialised = true
      runtimes.push(response)
      look()
      serve()
    } else if (path.endsWith('/extension/register')) {
      await text(request)
      if (initialised) return response.writeHead(403).end('{"errorType":"Extension.InvalidExtensionState"}')
      const id = `extension-${extensions.size}`
      extensions.set(id, undefined)
      response.writeHead(200, { 'lambda-extension-identifier': id }).end('{}')
    } else if (path.endsWith('/extension/event/next')) {
      extensions.set(`${request.headers['lambda-extension-identifier']}`, response)
      look()
    } else {
      const [, id = '', kind] = /invocation\/([^/]+)\/(response|error)$/.exec(path) ?? []
      const pending = running.get(id)
      if (pending) pending.streamed = request.headers['lambda-runtime-function-response-mode'] === 'streaming'
      let body = ''
      request.setEncoding('utf8')
      request.on('data', (chunk) => {
        body += chunk
        pending?.chunks.push(performance.now() - pending.begun)
      })
      await once(request, 'end')
      const trailer = request.trailers['lambda-runtime-function-error-body']
      const failed = kind === 'error' ? body : trailer && Buffer.from(trailer, 'base64').toString()
      if (pending)
        pending.answered = {
          body,
          error: failed ? JSON.parse(failed) : undefined,
          responseMs: performance.now() - pending.begun,
        }
      // Frozen before it hears of it, where nothing else is to be waited for: Lambda need not be kinder.
      look()
      response.writeHead(202).end('{"status":"OK"}')
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  spawned = performance.now()
  const [node, client] = old ? [RUNTIMES['Node 22'][0], `${OLD}/bin/index.mjs`] : ['node_modules/.bin/node', RIC]
  child = spawn(resolve(node), [resolve(client), ...(old ? [handler] : [])], {
    cwd: '.cache/lambda',
    env: {
      PATH: process.env.PATH,
      _HANDLER: handler,
      LAMBDA_TASK_ROOT: resolve('.cache/lambda'),
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
      AWS_LAMBDA_FUNCTION_NAME: 'desk',
      AWS_LAMBDA_FUNCTION_VERSION: '7',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
      AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/desk',
      AWS_LAMBDA_LOG_STREAM_NAME: '2026/11/24/[7]abc',
      AWS_REGION: 'eu-central-1',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) {
    stream
      ?.setEncoding('utf8')
      .on('data', (data: string) => logs.push(...data.split('\n').filter(Boolean).map(withoutPrefix)))
  }
  const exited = once(child, 'exit')
  void exited.then(([code]) => {
    for (const pending of running.values()) pending.exit(code ?? -1)
  })
  const ready = waitFor('the runtime', () => initialised || (child?.exitCode ?? undefined) !== undefined, 20_000)
  await ready
  if (!initialised) throw new Error(`the function did not start:\n${logs.join('\n')}`)

  let count = 0
  return {
    initMs,
    logs,
    get frozen() {
      return frozen
    },
    invoke: (event, options = {}) =>
      new Promise((done) => {
        if (frozen) child?.kill('SIGCONT')
        frozen = false
        const begun = performance.now()
        const deadline = Date.now() + timeoutMs
        const id = `00000000-0000-4000-8000-${`${++count}`.padStart(12, '0')}`
        const timer = setTimeout(() => {
          running.delete(id)
          // Lambda ends the process of a function that has timed out.
          child?.kill('SIGKILL')
          const ms = performance.now() - begun
          done({ body: '', timedOut: true, responseMs: ms, ms, chunks: [] })
        }, timeoutMs)
        const settle = (invoked: Invoked): void => {
          clearTimeout(timer)
          done(invoked)
        }
        const exit = (code: number): void => {
          const ms = performance.now() - begun
          settle({ body: '', timedOut: false, exited: code, responseMs: ms, ms, chunks: [] })
        }
        queue.push({ id, event, options, deadline, begun, chunks: [], streamed: false, exit, settle })
        serve()
      }),
    async shutdown() {
      child?.kill('SIGCONT')
      child?.kill('SIGTERM')
      const limit = setTimeout(() => child?.kill('SIGKILL'), 2000)
      const [code, signal] = await exited
      clearTimeout(limit)
      return { code, signal }
    },
    async stop() {
      child?.kill('SIGKILL')
      await exited
      server.closeAllConnections()
      server.close()
    },
  }
}
