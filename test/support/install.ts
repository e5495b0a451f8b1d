/** An app of a user's: an empty folder outside the project, without a lock file, into which the packed library is installed. */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const NODE = resolve('node_modules/.bin/node')

/** A user's: npm says what it says by default, which this project's own settings keep from its scripts. */
export function ownEnvironment(more: Record<string, string> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(OTEL|AGENTOPS)_/.test(name))
  return { ...(Object.fromEntries(kept) as Record<string, string>), npm_config_loglevel: 'notice', ...more }
}

/** The library as it would be published; gives the tarball's path in `folder`. */
export async function pack(folder: string): Promise<string> {
  const args = ['pack', '--ignore-scripts', '--pack-destination', folder]
  await run('npm', args)
  const tarball = (await readdir(folder)).find((file) => file.endsWith('.tgz'))
  return join(folder, `${tarball}`)
}

export interface Installed {
  folder: string
  /** What npm has said, line by line, on both streams. */
  said: string[]
  /** Runs a file of it in Node, to its end. Rejects where it fails. */
  run(file: string, env: Record<string, string>, ...args: string[]): Promise<{ stdout: string; stderr: string }>
  /** Writes `its-api.js`: the copy of OpenTelemetry's API that this package of the app's has. */
  useCopyOf(name: string): Promise<void>
  remove(): Promise<void>
}

export interface InstallOptions {
  /** What each `npm install` names, one after the other. */
  commands: string[][]
  /** Copied into the app, from this folder of the project. */
  files: string
  /** More of the app's package.json. */
  settings?: object
}

export async function install({ commands, files, settings }: InstallOptions): Promise<Installed> {
  const folder = await mkdtemp(join(tmpdir(), 'agentops-edge-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  const said: string[] = []
  try {
    await cp(files, folder, { recursive: true })
    await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', ...settings }))
    for (const packages of commands) {
      const args = ['install', '--no-package-lock', '--no-audit', '--no-fund', '--prefer-offline', ...packages]
      const { stdout, stderr } = await run('npm', args, { cwd: folder, env: ownEnvironment(), timeout: 240_000 })
      said.push(...`${stdout}\n${stderr}`.split('\n').filter(Boolean))
    }
  } catch (error) {
    await remove()
    throw error
  }
  return {
    folder,
    said,
    remove,
    async useCopyOf(name) {
      // Resolved from inside the package's folder.
      const inside = `node_modules/${name}/its-api.mjs`
      await writeFile(join(folder, inside), `export { trace } from '@opentelemetry/api'\n`)
      await writeFile(join(folder, 'its-api.js'), `export { trace } from './${inside}'\n`)
    },
    run: (file, env, ...args) => run(NODE, [file, ...args], { cwd: folder, env: ownEnvironment(env), timeout: 60_000 }),
  }
}

/** The OpenTelemetry packages of an app, as `node_modules/…` and version. */
export async function copies(folder: string): Promise<string[]> {
  const { stdout } = await run('npm', ['query', '[name^="@opentelemetry/"]'], { cwd: folder, env: ownEnvironment() })
  const found: { location: string; version: string }[] = JSON.parse(stdout)
  return found.map(({ location, version }) => `${location} ${version}`).sort()
}
