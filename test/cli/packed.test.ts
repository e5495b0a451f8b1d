/** What the README says of the first evening, as it stands there: the packed library in an empty folder, its Hono Worker, `wrangler dev`, and the page. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { install, ownEnvironment, pack } from '../support/install.ts'
import { waitFor } from '../support/wait.ts'

/** The README's own: what stands under its heading. */
const section = (await readFile('README.md', 'utf8')).split(/^## Hono$/m)[1] ?? ''
const block = (language: string): string =>
  new RegExp(`^\`\`\`${language}.*\\n([\\s\\S]*?)^\`\`\``, 'm').exec(section)?.[1] ?? ''
const QUIET = {
  CI: 'true',
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
}

/** In a process group of its own: wrangler has children. */
function start(command: string, args: string[], cwd: string): { child: ChildProcess; printed(): string } {
  const child = spawn(command, args, { cwd, detached: true, env: ownEnvironment({ ...QUIET, HOME: cwd }) })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += chunk))
  const ended = new Promise((done) => child.on('close', done))
  onTestFinished(async () => {
    try {
      process.kill(-Number(child.pid), 'SIGKILL')
    } catch {}
    await ended
  })
  return { child, printed: () => printed }
}

test('from an empty folder to the first session on the page, in under two minutes', async () => {
  const begun = Date.now()
  const packed = await mkdtemp(join(tmpdir(), 'agentops-edge-packed-'))
  onTestFinished(() => rm(packed, { recursive: true, force: true }))
  const app = await install({ commands: [[await pack(packed), 'hono']], files: 'test/cli/empty' })
  onTestFinished(() => app.remove())
  await mkdir(join(app.folder, 'src'))
  await writeFile(join(app.folder, 'src/index.ts'), block('ts'))
  await writeFile(join(app.folder, 'wrangler.toml'), block('toml'))

  const dev = start(join(app.folder, 'node_modules/.bin/agentops-edge'), ['dev', '--port', '0'], app.folder)
  const line = await waitFor(
    'the line to paste',
    () => /OTEL_EXPORTER_OTLP_ENDPOINT=(\S+)/.exec(dev.printed()) ?? undefined,
    20_000,
  )
  await writeFile(join(app.folder, '.dev.vars'), `${line[0]}\n`)
  const worker = start(resolve('node_modules/.bin/wrangler'), ['dev', '--port', '0', '--ip', '127.0.0.1'], app.folder)
  const url = await waitFor(
    'the Worker',
    () => /http:\/\/(localhost|127\.0\.0\.1):\d+/.exec(worker.printed())?.[0],
    60_000,
  )
  const asked = await fetch(`${url}/ask`, { method: 'POST', body: '{"question":"cats"}' })
  expect(await asked.json()).toEqual(['a page about cats'])
  const page = await waitFor('the session', async () => {
    const text = await (await fetch(`${line[1]}`)).text()
    return text.includes('POST /ask') && text
  })
  expect(page).toContain('s-Success')
  expect(Date.now() - begun).toBeLessThan(120_000)
}, 150_000)
