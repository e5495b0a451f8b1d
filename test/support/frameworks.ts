/** Frameworks of agents, each a package of its own in `test/agents`: installed when first needed, bundled for workerd. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { basename, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { installOnce } from './once.ts'
import type { WorkerOptions } from './workerd.ts'

const run = promisify(execFile)
/** The versions that are newest now, in place of those that are pinned. */
const isLatest = !!process.env.LATEST

const NODE = new RegExp(`^(node:.*|${builtinModules.filter((name) => /^[a-z]/.test(name)).join('|')})$`)

/** Installs `test/agents/<name>` and gives its folder. What is newest of a package is `latest`'s word for it in there, else npm's. */
export async function installFramework(name: string): Promise<string> {
  const from = `test/agents/${name}`
  const home = `.cache/agents/${name}${isLatest ? '-latest' : ''}`
  const stamp = `${home}/node_modules/.installed`
  const lock = isLatest ? new Date().toISOString().slice(0, 10) : await readFile(`${from}/package-lock.json`, 'utf8')
  const isThere = async (): Promise<boolean> => (await readFile(stamp, 'utf8').catch(() => '')) === lock
  const installed = await isThere()
  await installOnce(
    `agents-${name}`,
    () => installed && existsSync(stamp),
    async () => {
      if (await isThere()) return
      await mkdir(home, { recursive: true })
      await copyFile('.npmrc', `${home}/.npmrc`)
      const { dependencies, latest = {} } = JSON.parse(await readFile(`${from}/package.json`, 'utf8'))
      const flags = ['--ignore-scripts']
      if (isLatest) {
        await writeFile(`${home}/package.json`, '{ "private": true }')
        await run(
          'npm',
          ['install', ...flags, ...Object.keys(dependencies).map((of) => `${of}@${latest[of] ?? 'latest'}`)],
          { cwd: home },
        )
      } else {
        for (const file of ['package.json', 'package-lock.json']) await copyFile(`${from}/${file}`, `${home}/${file}`)
        await run('npm', ['ci', ...flags], { cwd: home })
      }
      await writeFile(stamp, lock)
    },
  )
  return home
}

/** The packages of `examples/agents-sdk`, installed once beside the example's own place, so that its `file:../..` is this library there, too. */
export async function installAgentsSdk(): Promise<string> {
  const home = '.cache/agents-sdk'
  const stamp = `${home}/node_modules/.installed`
  const lock = await readFile('examples/agents-sdk/package-lock.json', 'utf8')
  const isThere = async (): Promise<boolean> => (await readFile(stamp, 'utf8').catch(() => '')) === lock
  const installed = await isThere()
  await installOnce(
    'agents-sdk',
    () => installed,
    async () => {
      if (await isThere()) return
      await mkdir(home, { recursive: true })
      for (const file of ['package.json', 'package-lock.json']) {
        await copyFile(`examples/agents-sdk/${file}`, `${home}/${file}`)
      }
      await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: home })
      await writeFile(stamp, lock)
    },
  )
  return home
}

/** A Worker's modules as wrangler bundles them, with the framework's packages from `home`. */
export async function bundleWith(home: string, entry: string): Promise<NonNullable<WorkerOptions['modules']>> {
  const wasm = new Map<string, string>()
  const from = { resolveDir: resolve(home), pluginData: 'framework' }
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*', 'cloudflare:*'],
    logLevel: 'error',
    plugins: [
      {
        name: 'framework',
        setup({ onLoad, onResolve, resolve }) {
          // Node's own, as wrangler has them for `nodejs_compat`, also where they are required.
          onResolve({ filter: NODE }, ({ path, kind }) => {
            const named = path.startsWith('node:') ? path : `node:${path}`
            return kind === 'require-call' ? { path: named, namespace: 'required' } : { path: named, external: true }
          })
          onLoad({ filter: /./, namespace: 'required' }, ({ path }) => ({
            contents: `import required from '${path}'\nmodule.exports = required`,
          }))
          onResolve({ filter: /\.wasm$/ }, ({ path, resolveDir }) => {
            wasm.set(basename(path), join(resolveDir, path))
            return { path: `./${basename(path)}`, external: true }
          })
          onResolve({ filter: /^[@\w]/ }, ({ path, kind, importer, pluginData }) => {
            const isOurs = /^(agentops-edge|cloudflare:)/.test(path)
            if (isOurs || pluginData === 'framework' || !importer.includes('/test/scenarios/')) return undefined
            return resolve(path, { kind, ...from })
          })
        },
      },
    ],
  })
  const modules = [...wasm].map(async ([path, file]) => ({
    type: 'CompiledWasm' as const,
    path,
    contents: await readFile(file),
  }))
  const [{ text: contents = '' } = {}] = outputFiles
  return [{ type: 'ESModule', path: 'worker.mjs', contents }, ...(await Promise.all(modules))]
}
