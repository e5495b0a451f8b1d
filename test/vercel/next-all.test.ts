/** Next.js with each bundler, built and in development, beside other SDKs, and against itself without us: `npm run test:next`. */
import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { type Bundler, createNextApp, type NextApp, type NextServer, startModel } from '../support/next.ts'
import { waitFor } from '../support/wait.ts'
import { ask, names, testRows } from './next-rows.ts'

const backend = useBackend()
let app: NextApp
let model: { url: string; close(): void }

beforeAll(async () => {
  model = await startModel()
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url, MODEL_URL: model.url }
  const packages = ['@ai-sdk/otel@1.0.173', '@vercel/otel@2.1.3', '@sentry/nextjs@11.0.0']
  app = await createNextApp(['examples/vercel-next', 'test/vercel/next-app'], packages, env)
}, 400_000)
afterAll(async () => {
  await app?.remove()
  model?.close()
})

const PATHS = [
  '/',
  '/probe/tool',
  '/probe/redirect',
  '/probe/notfound',
  '/probe/after',
  '/probe/stream',
  '/probe/banned',
  '/probe/moved',
  '/probe/throw',
  '/wrapped/tool',
  '/wrapped/redirect',
  '/wrapped/stream',
  '/view/tool',
  '/view/redirect',
  '/view/notfound',
  '/view/throw',
  '/isr',
  '/static',
  '/static-auto',
  '/act',
  '/edge-plain',
  '/edge-wrapped',
  '/api/plain/7',
  '/api/wrapped/7',
  '/api/plain/throw',
  '/icon.svg',
  '/favicon.ico',
  '/nowhere',
  '/model',
]

describe.each(['turbopack', 'webpack'] satisfies Bundler[])('in development, %s', (bundler) => {
  let server: NextServer
  beforeAll(async () => {
    server = await app.serve('dev', bundler)
    // Each is compiled when it is first asked for.
    for (const path of PATHS) await (await fetch(`${server.url}${path}`, { redirect: 'manual' })).text()
    await new Promise((resolve) => setTimeout(resolve, 3000))
  }, 300_000)
  afterAll(() => server?.process.kill('SIGKILL'))

  testRows(backend, () => server, true)

  test('after edits all goes on, once', async () => {
    const edit = async (file: string, from: string, to: string): Promise<void> => {
      const path = join(app.folder, file)
      await writeFile(path, (await readFile(path, 'utf8')).replace(from, to))
    }
    const state = async (): Promise<unknown> => {
      const { heap: _, ...rest } = (await (await fetch(`${server.url}/state`)).json()) as { heap: number }
      return rest
    }
    await state()
    const before = await state()
    for (let n = 1; n <= 4; n++) {
      await edit('probes.ts', n === 1 ? "'cats'" : `'cats ${n - 1}'`, `'cats ${n}'`)
      await edit('instrumentation.ts', n === 1 ? "'next-desk'" : `'next-desk-${n - 1}'`, `'next-desk-${n}'`)
      await waitFor(
        'the edit',
        async () => (await (await fetch(`${server.url}/probe/tool`)).text()) === `"cats ${n}"`,
        60_000,
      )
      await new Promise((resolve) => setTimeout(resolve, 1500))
      const { session } = await ask(backend, server, '/probe/model')
      const tokens = session.spans.flatMap(({ attributes }) => attributes['gen_ai.usage.input_tokens'] ?? [])
      expect(tokens).toEqual([7])
      expect(names(session)).toContain('check visitor.operation')
    }
    expect(await state()).toEqual(before)
    await edit('probes.ts', "'cats 4'", "'cats'")
    await edit('instrumentation.ts', "'next-desk-4'", "'next-desk'")
  }, 200_000)
})

describe('built by webpack, with a middleware on the edge', () => {
  let server: NextServer
  beforeAll(async () => {
    await rename(join(app.folder, 'proxy.ts'), join(app.folder, 'middleware.ts'))
    const path = join(app.folder, 'middleware.ts')
    const code = (await readFile(path, 'utf8')).replace('function proxy', 'function middleware')
    await writeFile(path, code)
    await app.build('webpack')
    server = await app.serve('start', 'webpack')
  }, 300_000)
  afterAll(async () => {
    server?.process.kill('SIGKILL')
    await writeFile(join(app.folder, 'proxy.ts'), await readFile('test/vercel/next-app/proxy.ts'))
    await rename(join(app.folder, 'middleware.ts'), join(app.folder, 'public', 'middleware.txt'))
  })

  testRows(backend, () => server, false)
})

/** All that a client is sent, chunk by chunk, without what is another each time. */
async function bytesOf(server: NextServer, path: string): Promise<string> {
  const { port } = new URL(server.url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)
  const text = (await buffer(socket)).toString('latin1')
  return text.replace(/^Date: .*$/m, 'Date').replaceAll(port, 'port')
}

describe('built by Turbopack', () => {
  let server: NextServer | undefined
  beforeAll(async () => {
    await app.build('turbopack')
  }, 300_000)
  afterEach(() => {
    server?.process.kill('SIGKILL')
  })

  test('the client is sent the same, with and without us', async () => {
    const sent: Record<string, string>[] = []
    const built = join(app.folder, '.next')
    await cp(built, `${built}-as-built`, { recursive: true })
    for (const PROBE of ['', 'off']) {
      // What was rendered for all is rendered again by whoever asks when it is old.
      await rm(built, { recursive: true })
      await cp(`${built}-as-built`, built, { recursive: true })
      server = await app.serve('start', 'turbopack', { PROBE })
      const all: Record<string, string> = {}
      for (const path of PATHS) {
        for (let n = 0; n < 3; n++) {
          if (/isr|static-auto/.test(path)) await new Promise((resolve) => setTimeout(resolve, 1200))
          all[path] = await bytesOf(server, path)
        }
      }
      sent.push(all)
      await server.end('SIGKILL')
    }
    for (const path of PATHS) expect([path, sent[0]?.[path]]).toEqual([path, sent[1]?.[path]])
  }, 120_000)

  test('two thousand requests leave heap and listeners as they were', async () => {
    server = await app.serve('start', 'turbopack')
    const { url } = server
    type State = { heap: number; listeners: object }
    const state = async (): Promise<State> => (await fetch(`${url}/state`)).json() as Promise<State>
    const load = async (requests: number): Promise<void> => {
      const paths = ['/probe/tool', '/wrapped/tool', '/view/tool', '/api/plain/7', '/edge-plain', '/probe/redirect']
      for (let n = 0; n < requests; n += 20) {
        const each = Array.from({ length: 20 }, (_, i) => paths[(n + i) % paths.length])
        await Promise.all(
          each.map(async (path) => (await fetch(`${url}${path}`, { redirect: 'manual' })).arrayBuffer()),
        )
        backend.collector.store.clear()
      }
      await new Promise((resolve) => setTimeout(resolve, 3000))
    }
    await load(600)
    const before = await state()
    await load(2000)
    const after = await state()
    expect(after.listeners).toEqual(before.listeners)
    expect(after.heap - before.heap).toBeLessThan(4 << 20)
  }, 300_000)
})

describe('beside another SDK', () => {
  let server: NextServer | undefined
  let sentry: ReturnType<typeof createServer>
  const envelopes: string[] = []
  beforeAll(async () => {
    sentry = createServer(async (request, response) => {
      envelopes.push((await buffer(request)).toString())
      response.end('{}')
    }).listen(0, '127.0.0.1')
    await waitFor('Sentry', () => sentry.listening)
    const code = await readFile('test/vercel/next-beside/instrumentation.ts')
    await writeFile(join(app.folder, 'instrumentation.ts'), code)
    await app.build('turbopack')
  }, 300_000)
  afterEach(() => {
    server?.process.kill('SIGKILL')
  })
  afterAll(() => void sentry.close())

  const serve = async (env: Record<string, string>): Promise<NextServer> => {
    const { port } = sentry.address() as AddressInfo
    server = await app.serve('start', 'turbopack', { SENTRY_DSN: `http://public@127.0.0.1:${port}/1`, ...env })
    return server
  }

  test.each(['otel-last', 'sentry-last'])('%s: a session of every request', async (BESIDE) => {
    const { session } = await ask(backend, await serve({ BESIDE }), '/probe/tool')
    expect(session.root).toMatchObject({
      name: 'GET /probe/[kind].session',
      resource: { 'service.name': 'ours' },
    })
    expect(names(session)).toContain('search.tool')
    const page = await ask(backend, server as NextServer, '/view/tool')
    expect(names(page.session)).toContain('search.tool')
  })

  test.each([
    ['otel-first', {}],
    ['sentry-first', {}],
    ['sentry-first', { SENTRY_RATE: '0' }],
  ])('%s: said in one line, and wrapped handlers go on in its trace, or are linked to it (%o)', async (BESIDE, env) => {
    const { logs, url } = await serve({ BESIDE, ...env })
    backend.collector.store.clear()
    expect(await (await fetch(`${url}/wrapped/tool`)).text()).toBe('"cats"')
    const { root } = await waitFor('a session', () => backend.collector.store.list().find(({ root }) => root))
    expect(root).toMatchObject({ name: 'GET /wrapped/[kind].session', resource: { 'service.name': 'ours' } })
    expect(Boolean(root?.parentSpanId) || root?.links?.length).toBeTruthy()
    // Sentry brings an older API. Each bundle that Next.js makes says it once.
    const said = logs.filter((line) =>
      /agentops-edge: (another OpenTelemetry provider|@opentelemetry.api 1\.9)/.test(line),
    )
    expect(new Set(said).size).toBe(1)
  })

  test('otel-first, with our processor among its own: its spans', async () => {
    const { url } = await serve({ BESIDE: 'otel-first', PROCESSOR: '1' })
    backend.collector.store.clear()
    await (await fetch(`${url}/view/tool`)).text()
    const found = await waitFor('its spans', () =>
      backend.collector.store.list().find((session) => names(session).includes('render route (app) /view/[kind]')),
    )
    expect(found.spans[0]?.resource['service.name']).toBe('theirs')
  })
})

describe('with Cache Components', () => {
  let cached: NextApp
  afterAll(() => cached?.remove())

  test('what is rendered for all stays that, when it is built and again later', async () => {
    cached = await createNextApp(['test/vercel/next-cached'], [], {
      OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url,
    })
    const built = await cached.build('turbopack')
    expect(built).not.toContain('agentops-edge:')
    for (const line of [/○ \/again\s/, /○ \/static\s/, /◐ \/page\s/]) expect(built).toMatch(line)
    const server = await cached.serve('start', 'turbopack')
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const page = await ask(backend, server, '/page')
    expect(names(page.session)).toContain('search.tool')
    const again = await ask(backend, server, '/again')
    expect(names(again.session)).toContain('around.tool')
    expect(server.logs.filter((line) => /agentops-edge:|Error/.test(line))).toEqual([])
  }, 300_000)
})
