/**
 * An app of Next.js as a user's: `examples/vercel-next` with the probes of `test/vercel/next-app`, outside the repository,
 * with the packed library; and its server, built or in development.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { ownEnvironment, pack } from './install.ts'
import { waitFor } from './wait.ts'

const run = promisify(execFile)
const NODE = resolve('node_modules/.bin/node')
const NPM = ['install', '--no-package-lock', '--no-audit', '--no-fund', '--prefer-offline']

export type Bundler = 'turbopack' | 'webpack'
/** Next.js' commands, or a file that serves by itself: of `output: 'standalone'`, or a server of one's own. */
export type How = 'start' | 'dev' | '.next/standalone/server.js' | 'server.mjs'

export interface NextServer {
  readonly url: string
  readonly logs: string[]
  readonly process: ChildProcess
  /** Ends it by a signal; gives its code and what was said. */
  end(signal: NodeJS.Signals): Promise<[code: number | null, signal: string | null]>
}

export interface NextApp {
  readonly folder: string
  /** Gives what it has said. */
  build(bundler: Bundler, env?: Record<string, string>): Promise<string>
  serve(how: How, bundler: Bundler, env?: Record<string, string>): Promise<NextServer>
  /** Ends all that it has started. */
  remove(): Promise<void>
}

/** One that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await waitFor('a port', () => server.listening)
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

/** `overlays`: folders, of which the last goes over the others; the packages are the example's. `packages`: more to install. */
export async function createNextApp(
  overlays: string[],
  packages: string[],
  env: Record<string, string>,
): Promise<NextApp> {
  const folder = await mkdtemp(join(tmpdir(), 'agentops-edge-next-'))
  const started: ChildProcess[] = []
  const filter = (path: string): boolean => !/node_modules|\.next$/.test(path)
  for (const overlay of overlays) await cp(overlay, folder, { recursive: true, filter })
  await cp('examples/vercel-next/package.json', join(folder, 'package.json'))
  const tarball = await pack(folder)
  await run('npm', ['pkg', 'set', `dependencies.agentops-edge=file:${tarball}`], { cwd: folder })
  await run('npm', [...NPM, ...packages], { cwd: folder, env: ownEnvironment(), timeout: 240_000 })
  const next = join(folder, 'node_modules/next/dist/bin/next')
  const all = (nodeEnv: string, more?: Record<string, string>): NodeJS.ProcessEnv =>
    ownEnvironment({ NODE_ENV: nodeEnv, NEXT_TELEMETRY_DISABLED: '1', ...env, ...more }) as never
  return {
    folder,
    async build(bundler, more) {
      const options = { cwd: folder, env: all('production', more), maxBuffer: 1 << 24 }
      const { stdout, stderr } = await run(NODE, [next, 'build', `--${bundler}`], options).catch(
        ({ stdout, stderr }) => {
          throw new Error(`${stdout}\n${stderr}`)
        },
      )
      return `${stdout}\n${stderr}`
    },
    async serve(how, bundler, more) {
      const logs: string[] = []
      const isFile = how.includes('.')
      const args = isFile
        ? [join(folder, how)]
        : [next, how, ...(how === 'dev' ? [`--${bundler}`] : []), '-p', '0', '-H', '127.0.0.1']
      const nodeEnv = how === 'dev' ? 'development' : 'production'
      const port: Record<string, string> = isFile ? { PORT: `${await freePort()}`, HOSTNAME: '127.0.0.1' } : {}
      const child = spawn(NODE, args, { cwd: folder, env: all(nodeEnv, { ...port, ...more }) })
      started.push(child)
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding('utf8').on('data', (data: string) => logs.push(...data.split('\n').filter(Boolean)))
      }
      const url = await waitFor(
        'the server',
        () => {
          if (child.exitCode !== null) throw new Error(logs.join('\n'))
          return logs.join('\n').match(/http:\/\/127\.0\.0\.1:[1-9]\d*/)?.[0]
        },
        120_000,
      )
      const isUp = (): Promise<boolean> =>
        fetch(`${url}/_next/static/none`).then(
          () => true,
          () => false,
        )
      await waitFor('the server', isUp, 120_000)
      return {
        url,
        logs,
        process: child,
        async end(signal) {
          const ended = new Promise<[number | null, string | null]>((done) => {
            child.once('exit', (code, by) => done([code, by]))
          })
          child.kill(signal)
          return ended
        },
      }
    },
    async remove() {
      for (const child of started) child.kill('SIGKILL')
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** A model that speaks OpenAI's chat completions, streamed or not; any other path is a page. */
export async function startModel(): Promise<{ url: string; close(): void }> {
  const server = createServer(async (request, response) => {
    if (!request.url?.startsWith('/chat/completions')) return response.end('x')
    let body = ''
    for await (const part of request) body += part
    const common = { id: 'c', created: 1, model: 'desk-model' }
    if (!body.includes('"stream":true')) {
      const message = { role: 'assistant', content: 'Cats sleep.' }
      const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 }
      response.setHeader('content-type', 'application/json')
      const choices = [{ index: 0, message, finish_reason: 'stop' }]
      return response.end(JSON.stringify({ ...common, object: 'chat.completion', choices, usage }))
    }
    const chunk = (delta: object, more: object = {}): string =>
      `data: ${JSON.stringify({ ...common, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: null, ...more }] })}\n\n`
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunk({ role: 'assistant', content: 'Cats ' }))
    setTimeout(() => {
      response.write(chunk({ content: 'sleep.' }))
      response.write(chunk({}, { finish_reason: 'stop' }))
      response.end('data: [DONE]\n\n')
    }, 300)
  }).listen(0, '127.0.0.1')
  await waitFor('the model', () => server.listening)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => void server.close() }
}
