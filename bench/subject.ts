/** What is compared, and how each becomes one bundle: as wrangler bundles it, minified. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import type { Size } from './statistics.ts'

export interface Subject {
  /** Names it on the command line and in the results. */
  id: string
  title: string
  /** Whose it is: a peer's result is one that ours is compared with. */
  kind: 'base' | 'ours' | 'peer'
  entry: string
}

export const SUBJECTS: readonly Subject[] = [
  { id: 'nothing', title: 'nothing', kind: 'base', entry: 'nothing.ts' },
  { id: 'floor', title: 'the floor', kind: 'base', entry: 'floor.ts' },
  { id: 'ours', title: 'agentops-edge, plain spans', kind: 'ours', entry: 'ours-spans.ts' },
  { id: 'events', title: 'agentops-edge, events', kind: 'ours', entry: 'ours-events.ts' },
  { id: 'hono-otel', title: '@hono/otel', kind: 'peer', entry: 'hono-otel.ts' },
  { id: 'cf-workers', title: 'otel-cf-workers', kind: 'peer', entry: 'otel-cf-workers/worker.ts' },
  { id: 'sentry', title: '@sentry/cloudflare', kind: 'peer', entry: 'sentry.ts' },
]

export interface Bundle extends Subject {
  /** An absolute path. */
  file: string
  size: Size
}

/** `nodejs_compat`, which half of the subjects need, is on by default since 2026-08-04. */
export const COMPATIBILITY_DATE = '2026-11-01'
export const CACHE: string = resolve('.cache/bench')
/** Packages of their own below `bench`. */
const PACKAGES = ['.', 'subjects/otel-cf-workers']
const run = promisify(execFile)

/** Copies the subjects to where their packages are installed, and installs those where a lock file has changed. */
export async function install(): Promise<void> {
  await mkdir(CACHE, { recursive: true })
  for (const folder of PACKAGES) {
    const [from, to] = [join('bench', folder), join(CACHE, folder)]
    const lock = await readFile(join(from, 'package-lock.json'))
    const hash = createHash('sha256').update(lock).digest('hex')
    const stamp = join(to, 'node_modules', '.bench-lock')
    await mkdir(to, { recursive: true })
    for (const name of ['package.json', 'package-lock.json', '.npmrc']) await cp(join(from, name), join(to, name))
    if ((await readFile(stamp, 'utf8').catch(() => '')) === hash) continue
    console.log(`installing ${join('.cache/bench', folder)}`)
    // Without peers: Hono is the root's for every subject.
    await run('npm', ['ci', '--omit=peer', '--no-audit', '--no-fund'], { cwd: to })
    await writeFile(stamp, hash)
  }
  await cp('bench/subjects', join(CACHE, 'subjects'), {
    recursive: true,
    filter: (path) => !path.includes('node_modules') && !path.endsWith('.json'),
  })
  await cp('bench/subjects/tsconfig.json', join(CACHE, 'subjects/tsconfig.json'))
  // By its own name it is what `npm run build` made, with the root's dependencies.
  const link = join(CACHE, 'node_modules/agentops-edge')
  await rm(link, { force: true, recursive: true })
  await symlink(resolve('.'), link)
}

/** Rejects with the compiler's words where a subject's types are wrong. */
export async function checkTypes(): Promise<void> {
  const tsc = resolve('node_modules/typescript/bin/tsc')
  await run(process.execPath, [tsc, '--noEmit', '-p', join(CACHE, 'subjects')]).catch(({ stdout }) => {
    throw new Error(`a subject's types are wrong:\n${stdout}`)
  })
}

const WRANGLER = ['workerd', 'worker', 'browser']
const VITE = ['workerd', 'worker', 'module', 'browser']

async function bundle(entry: string, conditions: string[]): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [join(CACHE, 'subjects', entry)],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions,
    // With `nodejs_compat` wrangler finds Node's modules without their prefix, too.
    alias: { async_hooks: 'node:async_hooks', events: 'node:events' },
    external: ['node:*', 'cloudflare:*'],
    tsconfigRaw: {},
  })
  return outputFiles[0]?.contents ?? new Uint8Array()
}

const gzippedSize = (contents: Uint8Array): number => gzipSync(contents, { level: 9 }).length

/** Gzipped bytes of what wrangler itself would upload: it keeps the names of functions. */
async function wranglerSize({ id, entry }: Subject): Promise<number> {
  const config = join(CACHE, `wrangler-${id}.json`)
  const outdir = join(CACHE, 'wrangler', id)
  await writeFile(
    config,
    JSON.stringify({ name: 'bench', main: join('subjects', entry), compatibility_date: COMPATIBILITY_DATE }),
  )
  const args = ['deploy', '-c', config, '--dry-run', '--minify', '--outdir', outdir]
  await run(process.execPath, [resolve('node_modules/wrangler/bin/wrangler.js'), ...args], {
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
  })
  return gzippedSize(await readFile(join(outdir, basename(entry).replace('.ts', '.js'))))
}

export async function bundleAll(subjects: readonly Subject[], askWrangler: boolean): Promise<Bundle[]> {
  await mkdir(join(CACHE, 'bundles'), { recursive: true })
  const one = async (subject: Subject): Promise<Bundle> => {
    const file = join(CACHE, 'bundles', `${subject.id}.mjs`)
    const contents = await bundle(subject.entry, WRANGLER)
    await writeFile(file, contents)
    const size = {
      minified: contents.length,
      gzipped: gzippedSize(contents),
      vite: gzippedSize(await bundle(subject.entry, VITE)),
      wrangler: askWrangler ? await wranglerSize(subject) : 0,
    }
    return { ...subject, file, size }
  }
  return Promise.all(subjects.map(one))
}

/** Versions of what was measured, as installed. */
export async function versions(): Promise<Record<string, string>> {
  const folders: Record<string, string> = {
    hono: 'node_modules/hono',
    workerd: 'node_modules/workerd',
    '@opentelemetry/sdk-trace': join(CACHE, 'node_modules/@opentelemetry/sdk-trace'),
    '@opentelemetry/otlp-transformer': join(CACHE, 'node_modules/@opentelemetry/otlp-transformer'),
    '@hono/otel': join(CACHE, 'node_modules/@hono/otel'),
    '@microlabs/otel-cf-workers': join(CACHE, 'subjects/otel-cf-workers/node_modules/@microlabs/otel-cf-workers'),
    '@sentry/cloudflare': join(CACHE, 'node_modules/@sentry/cloudflare'),
  }
  const found: Record<string, string> = { node: process.versions.node }
  for (const [name, folder] of Object.entries({ 'agentops-edge': '.', ...folders })) {
    found[name] = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')).version
  }
  const git = await run('git', ['rev-parse', '--short', 'HEAD']).catch(() => undefined)
  if (git) found['agentops-edge'] += ` (${git.stdout.trim()})`
  return found
}
