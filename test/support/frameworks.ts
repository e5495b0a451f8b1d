/** Frameworks of agents, each a package of its own in `test/agents`: installed when first needed, bundled for workerd. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { installOnce } from './once.ts'

const run = promisify(execFile)
const BUILTIN = new RegExp(`^(node:)?(${builtinModules.join('|')})$`)
/** The versions that are newest now, in place of those that are pinned. */
const isLatest = !!process.env.LATEST

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

/** A Worker as wrangler bundles it, with the framework's packages from `home`. */
export async function bundleWith(home: string, entry: string): Promise<string> {
  const outfile = `.cache/scripts/${entry.replaceAll('/', '-')}.mjs`
  const from = { resolveDir: resolve(home), pluginData: 'framework' }
  await build({
    entryPoints: [entry],
    bundle: true,
    outfile,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*', 'cloudflare:*'],
    logLevel: 'error',
    plugins: [
      {
        name: 'framework',
        setup({ onResolve, onLoad, resolve }) {
          // Packages of Node's older kind require its modules by their bare names, which wrangler makes imports, too.
          onResolve({ filter: BUILTIN }, ({ path, kind }) => {
            return kind === 'require-call' ? { path: path.replace('node:', ''), namespace: 'builtin' } : undefined
          })
          onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => {
            return { contents: `export * from 'node:${path}'\nexport { default } from 'node:${path}'` }
          })
          onResolve({ filter: /^[@\w]/ }, ({ path, kind, importer, pluginData }) => {
            const isOurs = /^(agentops-edge|node:|cloudflare:)/.test(path)
            if (isOurs || pluginData === 'framework' || !importer.includes('/test/scenarios/')) return undefined
            return resolve(path, { kind, ...from })
          })
        },
      },
    ],
  })
  return outfile
}
