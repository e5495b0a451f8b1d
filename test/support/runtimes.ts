/**
 * A script as a process of its own, on the toolchain's Node and on the runtimes of `test/runtimes`, and the same script
 * without us: what the operating system sees of the two is compared.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { installOnce } from './once.ts'

const HOME = '.cache/runtimes'
const BIN = `${HOME}/node_modules`
/** No test needs as long. */
const LIMIT_MS = 45_000

/** How each starts a file. */
export type Runtime = 'Node 24' | 'Node 22' | 'Node 20' | 'Deno' | 'Bun'
export const RUNTIMES: Readonly<Record<Runtime, readonly [string, ...string[]]>> = {
  'Node 24': ['node_modules/.bin/node'],
  'Node 22': [`${BIN}/node22/bin/node`],
  'Node 20': [`${BIN}/node20/bin/node`],
  Deno: [`${BIN}/.bin/deno`, 'run', '--no-config'],
  Bun: [`${BIN}/.bin/bun`],
}

/** Once, on demand: they are large, and no part of an `npm ci`. */
export function installRuntimes(): Promise<void> {
  return installOnce(
    'runtimes',
    () => Object.values(RUNTIMES).every(([file]) => existsSync(file)),
    async () => {
      await mkdir(HOME, { recursive: true })
      for (const file of ['package.json', 'package-lock.json'])
        await copyFile(`test/runtimes/${file}`, `${HOME}/${file}`)
      await copyFile('.npmrc', `${HOME}/.npmrc`)
      await promisify(execFile)('npm', ['ci'], { cwd: HOME })
    },
  )
}

/**
 * Bundles a script with the library, or with what stands for it where it is not there. `copy`: a second bundle of the
 * same, as of another route. `packages`: those that are not to be bundled stay imports, as some only load in Node so.
 */
export async function bundleScript(
  entry: string,
  without?: string,
  copy = '',
  packages: 'bundle' | 'external' = 'bundle',
): Promise<string> {
  const name = entry.split('/').at(-1)?.replace(/\.ts$/, '')
  const outfile = `.cache/scripts/${name}${without ? '-without' : ''}${copy}.mjs`
  await build({
    entryPoints: [entry],
    bundle: true,
    packages,
    outfile,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    mainFields: ['module', 'main'],
    logLevel: 'error',
    plugins: without
      ? [
          {
            name: 'without',
            setup: ({ onResolve }) => onResolve({ filter: /^agentops-edge/ }, () => ({ path: resolve(without) })),
          },
        ]
      : [],
  })
  return outfile
}

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  /** From the signal, or the start where there is none, to the end. */
  ms: number
}

export interface RunOptions {
  args?: readonly string[]
  env?: Record<string, string>
  /** Options of the runtime; Deno's default is to allow all. */
  flags?: readonly string[]
  /** Sent when the script has written `ready`. */
  signal?: NodeJS.Signals
}

/** Runs a script to its end; one that does not end is ended, and told by its signal, SIGKILL. */
export async function run(runtime: Runtime, script: string, options: RunOptions = {}): Promise<Ended> {
  const { args = [], env, flags = runtime === 'Deno' ? ['--allow-all'] : [], signal } = options
  const [command, ...own] = RUNTIMES[runtime]
  const child = spawn(command, [...own, ...flags, script, ...args], {
    env: { PATH: process.env.PATH, HOME: resolve(HOME), NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  let begun = performance.now()
  const ended: Ended = { code: null, signal: null, stdout: '', stderr: '', ms: 0 }
  let isSent = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ended.stdout += text
    if (!signal || isSent || !ended.stdout.includes('ready')) return
    isSent = true
    begun = performance.now()
    child.kill(signal)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ended.stderr += text
  })
  try {
    ;[ended.code, ended.signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  } finally {
    clearTimeout(limit)
    child.kill('SIGKILL')
  }
  ended.ms = performance.now() - begun
  return ended
}
