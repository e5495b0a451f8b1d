/** Each framework, built and served by its own server for Node, and in workerd, with its server hook in three lines: `npm run test:frameworks`. */
import { execFile, spawn } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { runExample } from '../support/example.ts'
import { ownEnvironment, pack } from '../support/install.ts'
import { freePort } from '../support/next.ts'
import { waitFor } from '../support/wait.ts'

const run = promisify(execFile)
const backend = useBackend()
/** Node of the project first: that of an older npm may be too old for a framework. */
const path = `${resolve('node_modules/node/bin')}:${process.env.PATH}`

const FRAMEWORKS = {
  sveltekit: { item: '/items/[id]', route: true, built: 'wrangler.jsonc' },
  astro: { item: '/items/[id]', route: true, built: 'dist/server/wrangler.json' },
  'react-router': { item: '/items/:id', route: true, built: 'build/server/wrangler.json' },
  // Their routers say nothing to what is around them.
  'tanstack-start': { item: undefined, route: false, built: 'dist/server/wrangler.json' },
  nuxt: { item: undefined, route: false, built: '.output/server/wrangler.json' },
} as const
/** On Workers it is built by its adapter for Cloudflare, which writes wrangler's configuration for it. */
const CASES = (Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[]).flatMap((name) => [
  [name, 'Node'] as const,
  [name, 'Workers'] as const,
])

const names = ({ spans }: CollectedSession): string[] => spans.map(({ name }) => name)

describe.each(CASES)('%s on %s', (name, where) => {
  const { item, route, built } = FRAMEWORKS[name]
  let folder = ''
  let stop = async (): Promise<void> => {}
  let url = ''
  let logs = ''

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), `agentops-edge-${name}-`))
    await cp(`test/frameworks/${name}`, folder, { recursive: true })
    await cp('test/frameworks/probes.js', join(folder, 'probes.js'))
    if (where === 'Workers') await cp(`test/frameworks/on-workers/${name}`, folder, { recursive: true })
    const options = {
      cwd: folder,
      env: { ...ownEnvironment(), PATH: path, NODE_ENV: 'production', ASTRO_TELEMETRY_DISABLED: '1', CI: '1' },
    }
    const install = ['install', '--no-package-lock', '--no-audit', '--no-fund', '--prefer-offline', await pack(folder)]
    await run('npm', install, { ...options, timeout: 240_000 })
    await run('npm', ['run', 'build'], { ...options, maxBuffer: 1 << 24, timeout: 240_000 }).catch((error) =>
      expect.fail(`${error.stdout}\n${error.stderr}`),
    )
    const settings = { OTEL_SERVICE_NAME: name, OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url }
    if (where === 'Workers') {
      const running = await runExample(folder, settings, built)
      url = running.url
      stop = running.stop
    } else {
      const port = `${await freePort()}`
      url = `http://127.0.0.1:${port}`
      stop = serve({ ...options.env, HOST: '127.0.0.1', PORT: port, ...settings })
    }
    const isUp = (): Promise<boolean> =>
      fetch(`${url}/items/1`).then(
        (response) => response.ok,
        () => false,
      )
    await waitFor('the server', isUp, 60_000).catch(() => expect.fail(logs))
    await new Promise((done) => setTimeout(done, 1000))
  }, 500_000)
  afterAll(async () => {
    await stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  function serve(env: Record<string, string>): () => Promise<void> {
    // Of a group of its own: npm starts the server below itself.
    const server = spawn('npm', ['start'], { cwd: folder, env, detached: true })
    for (const stream of [server.stdout, server.stderr]) {
      stream?.setEncoding('utf8').on('data', (data: string) => {
        logs += data
      })
    }
    return async () => void (server.pid && process.kill(-server.pid, 'SIGKILL'))
  }

  async function ask(path: string): Promise<{ status: number; text: string; session: CollectedSession }> {
    backend.collector.store.clear()
    const response = await fetch(`${url}${path}`, { redirect: 'manual' })
    const text = await response.text()
    await waitFor('a session', () => backend.collector.store.list().some(({ root }) => root))
    await new Promise((done) => setTimeout(done, 300))
    const found = backend.collector.store.list()
    expect(found.map(names)).toHaveLength(1)
    return { status: response.status, text, session: found[0] as CollectedSession }
  }

  test('a page: a session, named by its route where the framework says it', async () => {
    const { session, text } = await ask('/items/7')
    expect(text).toContain('cats of 7')
    expect(names(session)).toContain('search.tool')
    expect(session.root).toMatchObject({
      name: route ? `GET ${item}.session` : 'GET.session',
      resource: { 'service.name': name },
      attributes: { 'url.path': '/items/7', 'http.response.status_code': 200 },
    })
  })

  test('a stream goes out whole, as it comes, in a session as long', async () => {
    const { session, text } = await ask('/stream')
    expect(text).toBe(Array.from({ length: 8 }, (_, n) => `data: ${n}\n\n`).join(''))
    expect(names(session).filter((name) => name.startsWith('part'))).toHaveLength(8)
    const { start = 0n, end = 0n } = session.root ?? {}
    expect(Number(end - start) / 1e6).toBeGreaterThanOrEqual(200)
    const response = await fetch(`${url}/stream`)
    const reader = response.body?.getReader()
    const first = await reader?.read()
    // Read to its end: its session must not come in another test's way.
    while (!(await reader?.read())?.done);
    await waitFor('its session', () => backend.collector.store.list().filter(({ root }) => root).length === 2)
    expect(new TextDecoder().decode(first?.value).length).toBeLessThan(40)
  })

  test('a handler that throws', async () => {
    const { session, status } = await ask('/throw')
    expect(status).toBe(500)
    expect(session.root?.attributes['agentops.session.end_state']).toBe('Fail')
    // What is thrown goes through Astro's middleware, and is made an answer behind it.
    expect(session.root?.attributes['http.response.status_code']).toBe(name === 'astro' ? undefined : 500)
  })

  test('a redirect', async () => {
    const { session, status } = await ask('/redirect')
    expect(status).toBe(307)
    expect(session.root?.attributes).toMatchObject({
      'http.response.status_code': 307,
      'agentops.session.end_state': 'Success',
    })
  })

  test('fifty at once stay apart', async () => {
    backend.collector.store.clear()
    const asked = Array.from({ length: 50 }, (_, n) => fetch(`${url}/items/${n}`).then((found) => found.text()))
    const texts = await Promise.all(asked)
    for (const [n, text] of texts.entries()) expect(text).toContain(`cats of ${n}`)
    const found = await waitFor('50 sessions', () => {
      const list = backend.collector.store.list().filter(({ root }) => root)
      return list.length === 50 && list
    })
    for (const session of found) expect(names(session).filter((name) => name === 'search.tool')).toHaveLength(1)
  })
})
