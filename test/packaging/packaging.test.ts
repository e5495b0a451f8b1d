/**
 * The packed library in apps of a user's: installed without a lock file, built by what they build with, run where they
 * run, and one request each that arrives. `PACKAGING=all` (`npm run test:packaging`) tries all; without it, the types,
 * one function and one Worker.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { execFile, spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { EdgeVM } from '@edge-runtime/vm'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { CollectedSession } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { runExample } from '../support/example.ts'
import { type Installed, install, ownEnvironment, pack } from '../support/install.ts'
import { installRuntimeClient, startFunction } from '../support/lambda.ts'
import { installPackage } from '../support/package.ts'
import { installRuntimes, RUNTIMES, type Runtime } from '../support/runtimes.ts'
import { waitFor } from '../support/wait.ts'
import { BUILDS } from './builds.ts'

const run = promisify(execFile)
const WHOLE = process.env.PACKAGING === 'all'
// Installing takes as long as the registry does.
vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 })
const backend = useBackend()
const APPS = 'test/packaging/apps'
let packed = ''
let tarball = ''
let app: Installed

beforeAll(async () => {
  packed = await mkdtemp(join(tmpdir(), 'agentops-edge-packed-'))
  tarball = await pack(packed)
  app = await install({ commands: [[tarball, 'hono', '@cloudflare/workers-types']], files: APPS })
})
afterAll(async () => {
  await app?.remove()
  await rm(packed, { recursive: true, force: true })
})

/** In the app's folder, or in another. */
const at = (file: string, folder = app.folder): string => join(folder, file)
const env = (): Record<string, string> => ({ OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url })

/** The session of one request: its root has ended, and the tool is its child. */
async function arrived(root: string): Promise<CollectedSession> {
  const session = await backend.session()
  expect(session.root?.name).toBe(root)
  const tool = session.spans.find(({ name }) => name === 'search.tool')
  expect(tool?.parentSpanId).toBe(session.root?.spanId)
  return session
}

test('without a server for the desk, its package is not installed', async () => {
  const found = await readdir(at('node_modules'))
  expect(found).not.toContain('@hono')
  expect(app.said.filter((line) => /warn|peer|deprecated/i.test(line))).toEqual([])
})

describe('types: strict, no library skipped, no types of Node', () => {
  const MODULES = { nodenext: { module: 'nodenext' }, bundler: { module: 'esnext', moduleResolution: 'bundler' } }
  const LIBS = {
    dom: { lib: ['es2022', 'dom'], types: [] },
    'workers-types': { lib: ['es2022'], types: ['@cloudflare/workers-types'] },
  }
  const cells = Object.keys(MODULES).flatMap((module) => Object.keys(LIBS).map((lib) => [module, lib] as const))
  const compilers: [string, () => Promise<string>][] = [['the newest', async () => resolve('node_modules/.bin/tsc')]]
  if (WHOLE) compilers.push(['TypeScript 5.9', older])

  async function older(): Promise<string> {
    await run('npm', ['install', '--no-save', '--no-package-lock', 'typescript@5.9'], { cwd: app.folder })
    return at('node_modules/.bin/tsc')
  }

  test.each(compilers)('%s', async (_, compiler) => {
    const tsc = await compiler()
    const { exports } = JSON.parse(await readFile(at('node_modules/agentops-edge/package.json'), 'utf8'))
    const names = Object.keys(exports).filter((name) => !name.endsWith('.json'))
    const entries = names.map((name, n) => `export * as e${n} from 'agentops-edge${name.slice(1)}'`)
    await writeFile(at('entries.ts'), entries.join('\n'))
    await cp(at('typed.ts'), at('required.cts'))
    const said = await Promise.all(
      cells.map(async ([module, lib]) => {
        const compilerOptions = {
          target: 'es2022',
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: false,
          noEmit: true,
          ...MODULES[module as keyof typeof MODULES],
          ...LIBS[lib as keyof typeof LIBS],
        }
        const files = ['entries.ts', 'typed.ts', ...(module === 'nodenext' ? ['required.cts'] : [])]
        const config = at(`tsconfig.${module}.${lib}.json`)
        await writeFile(config, JSON.stringify({ compilerOptions, files }))
        const { stdout } = await run(tsc, ['-p', config]).catch((error) => error)
        return [module, lib, stdout]
      }),
    )
    expect(said).toEqual(cells.map(([module, lib]) => [module, lib, '']))
  })
})

describe('Lambda, bundled by esbuild', () => {
  test.each(BUILDS.filter(({ quick }) => WHOLE || quick))('$tool, as $options.format', async ({ options }) => {
    await installRuntimeClient()
    await mkdir('.cache/lambda', { recursive: true })
    const name = `packaged-${process.pid}`
    const outfile = resolve(`.cache/lambda/${name}.${options.format === 'esm' ? 'mjs' : 'cjs'}`)
    onTestFinished(() => rm(outfile, { force: true }))
    const { warnings } = await build({ ...options, entryPoints: [at('function.ts')], outfile, tsconfigRaw: {} })
    expect(warnings).toEqual([])
    const started = await startFunction({ handler: `${name}.handler`, env: env() })
    onTestFinished(() => started.stop())
    const { body, error } = await started.invoke({
      rawPath: '/ask',
      routeKey: 'GET /ask',
      version: '2.0',
      requestContext: { http: { method: 'GET' } },
    })
    expect([error, JSON.parse(body)]).toEqual([undefined, { statusCode: 200, body: 'found' }])
    const { root } = await arrived('GET /ask.session')
    expect(root?.resource['cloud.platform']).toBe('aws_lambda')
    expect(started.logs).toEqual([])
  })
})

/** Asks a Worker once. */
async function ask(url: string): Promise<void> {
  const response = await fetch(`${url}/ask`)
  expect([response.status, await response.text()]).toEqual([200, 'found'])
  await arrived('GET /ask.session')
}

test('workerd, bundled by wrangler', async () => {
  const { url, stop } = await runExample(app.folder, env())
  onTestFinished(stop)
  await ask(url)
})

function all(): void {
  test('the types are right as a package of ES modules', async () => {
    const home = await installPackage('attw')
    const attw = join(home, 'node_modules/@arethetypeswrong/cli/dist/index.js')
    const args = [attw, tarball, '--profile', 'esm-only', '--format', 'table-flipped', '--no-definitely-typed']
    // It fails where anything is wrong but what the profile leaves out: require(), and resolution as before `exports`.
    const { stdout } = await run(resolve('node_modules/.bin/node'), args, {
      env: ownEnvironment({ NO_COLOR: '1' }),
    }).catch((error) => expect.fail(`${error.stdout}`))
    expect(stdout).toContain('agentops-edge/instrumentation')
  })

  test('workerd, built by Cloudflare’s plugin of Vite', async () => {
    const worker = await install({
      commands: [[tarball, 'hono', 'vite@8', '@cloudflare/vite-plugin@1', 'wrangler@4']],
      files: APPS,
    })
    onTestFinished(worker.remove)
    await tool(worker, 'vite/bin/vite.js', ['build', '--config', 'vite.worker.mjs'])
    await writeFile(
      at('dist/packaged/.dev.vars', worker.folder),
      `OTEL_EXPORTER_OTLP_ENDPOINT=${backend.collector.url}\n`,
    )
    const { url, stop } = await runExample(at('dist/packaged', worker.folder), env(), 'wrangler.json')
    onTestFinished(stop)
    await ask(url)
  })

  test('Vercel’s edge', async () => {
    const { outputFiles } = await build({
      entryPoints: [at('edge.ts')],
      bundle: true,
      write: false,
      format: 'iife',
      globalName: 'route',
      platform: 'browser',
      conditions: ['edge-light', 'worker', 'browser'],
      tsconfigRaw: {},
    })
    const vm = new EdgeVM()
    // Vercel's has it; the VM alone has not.
    Object.assign(vm.context, { AsyncLocalStorage })
    vm.evaluate(`globalThis.process = { env: ${JSON.stringify(env())} }`)
    vm.evaluate(outputFiles[0]?.text ?? '')
    const answer = vm.evaluate(`route.GET(new Request('https://desk.example.com/ask')).then((r) => r.text())`)
    expect(await answer).toBe('found')
    await arrived('GET.session')
  })

  test.each(['session.mjs', 'session.cjs'])('Node 24, %s as installed', async (file) => {
    expect(await app.run(file, env())).toEqual({ stdout: '', stderr: '' })
    await arrived('session.session')
  })

  test.each<[Runtime, string]>([
    ['Node 22', 'session.mjs'],
    ['Node 22', 'session.cjs'],
    ['Bun', 'session.mjs'],
    ['Bun', 'session.cjs'],
    ['Deno', 'session.mjs'],
  ])('%s, %s as installed', async (runtime, file) => {
    await installRuntimes()
    const [command, ...args] = RUNTIMES[runtime]
    const allow = runtime === 'Deno' ? ['--allow-all', '--node-modules-dir=manual'] : []
    const started = await run(resolve(command), [...args.filter((arg) => arg !== '--no-config'), ...allow, file], {
      cwd: app.folder,
      env: ownEnvironment(env()),
      timeout: 60_000,
    })
    expect(started).toEqual({ stdout: '', stderr: '' })
    await arrived('session.session')
  })

  test('Vite for a server', async () => {
    const server = await install({ commands: [[tarball, 'vite@8']], files: APPS })
    onTestFinished(server.remove)
    await tool(server, 'vite/bin/vite.js', ['build', '--config', 'vite.node.mjs'])
    await alone(server, 'built/session.mjs')
  })

  test('webpack, as a module and as CommonJS', async () => {
    const server = await install({ commands: [[tarball, 'webpack@5', 'webpack-cli']], files: APPS })
    onTestFinished(server.remove)
    await tool(server, 'webpack-cli/bin/cli.js', ['--config', 'webpack.config.cjs'])
    for (const file of ['built/webpack.mjs', 'built/webpack.cjs']) {
      backend.collector.store.clear()
      await alone(server, file)
    }
  })

  test.each([['Turbopack'], ['webpack']])(
    'Next.js, built by %s: a route on Node and one on the edge',
    async (bundler) => {
      const next = await install({
        commands: [
          [
            tarball,
            '@ai-sdk/openai-compatible',
            'ai',
            'next@16',
            'react@19',
            'react-dom@19',
            '@types/node',
            '@types/react',
            'typescript@5',
          ],
        ],
        files: 'examples/vercel-next',
      })
      onTestFinished(next.remove)
      const bin = 'next/dist/bin/next'
      const settings = { NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' }
      await tool(next, bin, ['build', ...(bundler === 'webpack' ? ['--webpack'] : [])], settings)
      const server = spawn(
        resolve('node_modules/.bin/node'),
        [at(`node_modules/${bin}`, next.folder), 'start', '-p', '0', '-H', '127.0.0.1'],
        {
          cwd: next.folder,
          env: ownEnvironment({ ...settings, ...env() }),
        },
      )
      onTestFinished(() => void server.kill('SIGKILL'))
      let said = ''
      for (const stream of [server.stdout, server.stderr]) stream.on('data', (data) => (said += data))
      const url = await waitFor('the server', () => said.match(/http:\/\/127\.0\.0\.1:[1-9]\d*/)?.[0], 60_000)
      await waitFor('the server', () => said.includes('Ready'), 60_000)
      for (const path of ['/api/node', '/api/edge']) {
        const response = await fetch(`${url}${path}?q=cats`)
        expect([response.status, await response.json()]).toEqual([200, { hits: ['a page about cats'] }])
        await waitFor(`the session of ${path}`, () =>
          backend.collector.store
            .list()
            .some(
              ({ root, spans }) =>
                root?.attributes['url.path'] === path && spans.some(({ name }) => name === 'search.tool'),
            ),
        )
      }
    },
  )
}
if (WHOLE) describe('all of them', all)

/** Runs what an app has installed, to its end. */
async function tool(
  { folder }: Installed,
  file: string,
  args: string[],
  more: Record<string, string> = {},
): Promise<void> {
  const options = {
    cwd: folder,
    env: ownEnvironment({ CI: 'true', HOME: folder, WRANGLER_SEND_METRICS: 'false', ...more }),
    maxBuffer: 1 << 24,
  }
  const command = [at(`node_modules/${file}`, folder), ...args]
  await run(resolve('node_modules/.bin/node'), command, options).catch(({ stdout, stderr }) =>
    expect.fail(`${stdout}\n${stderr}`),
  )
}

/** Runs a bundle where nothing is installed. */
async function alone({ folder }: Installed, file: string): Promise<void> {
  const elsewhere = await mkdtemp(join(tmpdir(), 'agentops-edge-alone-'))
  onTestFinished(() => rm(elsewhere, { recursive: true, force: true }))
  await cp(at(file.split('/')[0] as string, folder), join(elsewhere, 'built'), { recursive: true })
  const node = resolve('node_modules/.bin/node')
  const { stdout, stderr } = await run(node, [join(elsewhere, file)], { env: ownEnvironment(env()), timeout: 60_000 })
  expect([stdout, stderr]).toEqual(['', ''])
  await arrived('session.session')
}
