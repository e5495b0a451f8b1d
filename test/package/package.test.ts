import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VERSION } from '../../src/runtime/version.ts'
import { copies } from '../support/install.ts'

const run = promisify(execFile)
let folder = ''
let installed = ''
let manifest: { version: string; exports: Record<string, string | Record<string, string>> }

// Installed as a user would, outside the project and without its lock file: only what is declared can be found.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agentops-edge-'))
  installed = join(folder, 'node_modules', 'agentops-edge')
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder])
  const tarball = (await readdir(folder)).find((file) => file.endsWith('.tgz')) as string
  await run('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund', `./${tarball}`, 'hono'], { cwd: folder })
  manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('the packed package is well-formed', async () => {
  const { messages, pkg } = await publint({ pkgDir: installed, strict: true })
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
})

test('of OpenTelemetry the API alone is installed with it', async () => {
  expect(await copies(folder)).toEqual([expect.stringMatching(/^node_modules\/@opentelemetry\/api 1\.\d\d\.\d+$/)])
})

test('each package whose code is bundled has its licence beside it, in its version', async () => {
  const dist = `${installed}/dist`
  const bundled = new Set<string>()
  for (const name of await readdir(dist, { recursive: true })) {
    if (!name.endsWith('.js.map')) continue
    const { sources } = JSON.parse(await readFile(`${dist}/${name}`, 'utf8'))
    for (const [, found] of `${sources}`.matchAll(/node_modules\/((?:@[^/]+\/)?[^/,]+)\//g)) bundled.add(`${found}`)
  }
  expect(bundled.size).toBeGreaterThan(3)
  const licenses = await readFile(`${dist}/THIRD-PARTY-LICENSES.txt`, 'utf8')
  for (const name of bundled) {
    const { version, license } = JSON.parse(await readFile(`node_modules/${name}/package.json`, 'utf8'))
    expect(licenses).toContain(`${name} ${version} (${license})\n`)
  }
})

test('the version in the code is the package’s', () => expect(VERSION).toBe(manifest.version))

describe('every entry’s declarations', () => {
  test('say nothing of what is internal', async () => {
    for (const name of await readdir(`${installed}/dist`, { recursive: true })) {
      if (!name.endsWith('.d.ts')) continue
      expect(await readFile(`${installed}/dist/${name}`, 'utf8'), name).not.toContain('@internal')
    }
  })
})

describe('every entry', () => {
  const entries = [
    'agentops-edge',
    'agentops-edge/hono',
    'agentops-edge/workers',
    'agentops-edge/vercel',
    'agentops-edge/lambda',
    'agentops-edge/middy',
    'agentops-edge/formats',
    'agentops-edge/spool',
    'agentops-edge/instrumentation',
    'agentops-edge/metrics',
    'agentops-edge/semconv',
    'agentops-edge/collector/worker',
    'agentops-edge/collector/clickhouse',
  ]
  test.each(entries)('%s bundles for the edge without a Node module, and importing it does nothing', async (entry) => {
    await writeFile(`${folder}/entry.ts`, `import * as entry from '${entry}'\nexport default Object.keys(entry)`)
    const { outputFiles, metafile } = await build({
      entryPoints: [`${folder}/entry.ts`],
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      conditions: ['workerd', 'worker', 'browser'],
    })
    const external = Object.values(metafile.inputs).flatMap(({ imports }) => imports.filter((found) => found.external))
    expect(external).toEqual([])
    await writeFile(`${folder}/bundle.mjs`, outputFiles[0]?.text ?? '')
    // Each of these would stop a Worker from starting, or touch what is not ours.
    const guarded = `
      const forbid = (object, name) => { object[name] = () => { throw new Error(name + ' at import') } }
      for (const name of ['fetch', 'setTimeout', 'setInterval', 'queueMicrotask']) forbid(globalThis, name)
      forbid(Math, 'random'); forbid(crypto, 'randomUUID'); forbid(crypto, 'getRandomValues'); forbid(Date, 'now')
      const before = Reflect.ownKeys(globalThis).length
      const { default: names } = await import('./bundle.mjs')
      if (Reflect.ownKeys(globalThis).length !== before) throw new Error('a global was added')
      console.log(names.length)`
    await writeFile(`${folder}/guarded.mjs`, guarded)
    const { stdout } = await run('node_modules/.bin/node', [`${folder}/guarded.mjs`])
    expect(Number(stdout)).toBeGreaterThan(0)
  })

  test('a bundle holds no format, no spool, no class’s wrapper and no process’s end that it does not use', async () => {
    const marks = {
      v2: 'create_events',
      protobuf: 'x-protobuf',
      spool: 'batchItemFailures',
      queue: 'spooled batch',
      workflow: 'workflow.step',
      object: 'websocket',
      offered: 'the spool failed',
      process: 'SIGTERM',
    }
    const bundled = async (code: string, platform = 'workerd'): Promise<string[]> => {
      await writeFile(`${folder}/entry.ts`, code)
      const { outputFiles } = await build({
        entryPoints: [`${folder}/entry.ts`],
        bundle: true,
        write: false,
        minify: true,
        format: 'esm',
        platform: 'browser',
        target: 'es2022',
        conditions: [platform, 'worker', 'browser'],
      })
      const text = outputFiles[0]?.text ?? ''
      return Object.keys(marks).filter((mark) => text.includes(marks[mark as keyof typeof marks]))
    }
    const worker = (use: string): string =>
      `import { agentops } from 'agentops-edge/hono'\n${use}\nexport default agentops`
    expect(await bundled(worker(''))).toEqual([])
    expect(await bundled(worker(''), 'edge-light')).toEqual([])
    expect(await bundled(worker(''), 'node')).toEqual(['process'])
    expect(await bundled(`export { instrument } from 'agentops-edge/workers'`)).toEqual([])
    expect(await bundled(`export { instrumentWorkflow } from 'agentops-edge/workers'`)).toEqual(['workflow'])
    expect(await bundled(`export { instrumentDurableObject } from 'agentops-edge/workers'`)).toEqual(['object'])
    expect(await bundled(worker(`export { otlpProtobuf } from 'agentops-edge/formats'`))).toEqual(['protobuf'])
    expect(await bundled(worker(`export { agentopsV2 } from 'agentops-edge/formats'`))).toEqual(['v2'])
    expect(await bundled(worker(`export { drainSpool } from 'agentops-edge/spool'`))).toEqual(['spool', 'queue'])
  })

  test('has declarations and a source map', async () => {
    for (const entry of Object.values(manifest.exports)) {
      if (typeof entry === 'string') continue
      for (const file of Object.values(entry)) await readFile(`${installed}/${file}`)
      await readFile(`${installed}/${entry.default}.map`)
    }
  })
})
