/** Metrics where nothing holds an invocation: a server, a script, a function. One state for a destination, one POST an interval. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bundleFunction, installRuntimeClient, type RunningFunction, startFunction } from '../support/lambda.ts'
import { MoodyBackend } from '../support/moody.ts'
import { bundleScript } from '../support/runtimes.ts'
import { waitFor } from '../support/wait.ts'

let script = ''
let module = ''
let backend: MoodyBackend
const ends: (() => unknown)[] = []

beforeAll(async () => {
  await installRuntimeClient()
  script = await bundleScript('test/fixtures/metrics-script.ts')
  module = await bundleFunction('test/fixtures/functions.ts')
}, 300_000)
beforeEach(async () => {
  backend = new MoodyBackend()
  await backend.open()
})
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
  await backend.close()
})

interface Running {
  /** What it has printed. */
  said(): string
  kill(signal: NodeJS.Signals): void
  ended: Promise<unknown>
}

function run(...args: string[]): Running {
  const env = { PATH: process.env.PATH, OTEL_EXPORTER_OTLP_ENDPOINT: backend.url }
  const child = spawn('node_modules/.bin/node', [script, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  const ended = once(child, 'exit')
  ends.push(() => child.kill('SIGKILL') && ended)
  return { said: () => said, kill: (signal) => child.kill(signal), ended }
}

test('@hono/node-server: one POST an interval, and the rest at SIGTERM', async () => {
  const server = run('server', '1000')
  const port = await waitFor('the port', () => Number(server.said()) || undefined)
  const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text()
  for (let n = 0; n < 30; n++) await ask()
  // The first goes at once, the others when the interval is over, though nobody asks any more.
  await waitFor('the interval', () => backend.counted.sessions === 30)
  expect(backend.counted.posts).toBeLessThanOrEqual(4)
  const { posts } = backend.counted
  for (let n = 0; n < 5; n++) await ask()
  server.kill('SIGTERM')
  await server.ended
  expect(backend.counted.sessions).toBe(35)
  expect(backend.counted.posts - posts).toBeLessThanOrEqual(2)
})

test('a script: the rest at its end', async () => {
  await run('script', '60000').ended
  expect(backend.counted).toEqual({ sessions: 5, posts: 2 })
})

describe('hono/aws-lambda', () => {
  const event = {
    version: '2.0',
    routeKey: '$default',
    rawPath: '/items/7',
    rawQueryString: '',
    headers: { host: 'x.example.com' },
    requestContext: { domainName: 'x.example.com', http: { method: 'GET', path: '/items/7', protocol: 'HTTP/1.1' } },
  }
  async function start(): Promise<RunningFunction> {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.url }
    const running = await startFunction({ handler: `${module}.measuredHono`, env, timeoutMs: 60_000 })
    ends.push(() => running.stop())
    return running
  }

  test('one POST an interval, and the rest at the shutdown', async () => {
    const running = await start()
    for (let n = 0; n < 20; n++) await running.invoke(event)
    expect(backend.counted).toEqual({ sessions: 1, posts: 1 })
    await running.shutdown()
    expect(backend.counted).toEqual({ sessions: 20, posts: 2 })
  })

  test('with a backend that hangs: in the time of the traces, and none is lost', async () => {
    const running = await start()
    backend.mood = 'hang'
    const { ms, error } = await running.invoke(event)
    expect(error).toBeUndefined()
    expect(ms).toBeLessThan(3600)
    backend.mood = 'up'
    await running.invoke(event)
    expect(backend.counted).toEqual({ sessions: 2, posts: 1 })
  })
})
