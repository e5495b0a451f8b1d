/** Every `ts` block of the README and of `docs` is compiled; what can be run is run, and its session looked at. */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { useBackend } from './support/backend.ts'
import { named } from './support/collected.ts'
import { bundleFunction, installRuntimeClient, startFunction } from './support/lambda.ts'
import { startModels } from './support/models.ts'

const run = promisify(execFile)
// Below the package, so that its own name and its dependencies resolve as a user's would: to the built files.
const folder = '.cache/readme'
const backend = useBackend()
const pages = readdirSync('docs', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md') && !/(^|\/)(node_modules|dist)\//.test(name))
  .map((name) => `docs/${name}`)

const snippets = await Promise.all(
  ['README.md', ...pages.sort()].map(async (page) => {
    const blocks = [...(await readFile(page, 'utf8')).matchAll(/^```ts(?: (\w+))?\n([\s\S]*?)^```/gm)]
    return blocks.map(([, kind, code], index) => ({
      kind,
      code: code ?? '',
      file: `${folder}/${page.replaceAll('/', '-').replace('.md', '')}-${index}.ts`,
    }))
  }),
).then((found) => found.flat())
const ofKind = (kind: string): typeof snippets => snippets.filter((snippet) => snippet.kind === kind)

test('every snippet says where it runs, and compiles against the built package', async () => {
  expect(snippets.length).toBeGreaterThan(20)
  expect(snippets.filter(({ kind }) => !/^(worker|node|lambda|vercel|next|compiled)$/.test(`${kind}`))).toEqual([])
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  for (const { file, code } of snippets) await writeFile(file, code)
  const compilerOptions = {
    target: 'es2022',
    module: 'esnext',
    moduleResolution: 'bundler',
    lib: ['es2023', 'esnext.disposable'],
    types: ['@cloudflare/workers-types', 'node'],
    strict: true,
    noEmit: true,
    // Our declarations are checked with the snippet; the platform's are not ours.
    skipLibCheck: true,
  }
  await writeFile(
    `${folder}/tsconfig.json`,
    JSON.stringify({ compilerOptions, files: snippets.map(({ file }) => file.split('/').at(-1)) }),
  )
  await run('node_modules/.bin/tsc', ['-p', folder]).catch(({ stdout }) => expect.fail(stdout))
})

const ASKED = { method: 'POST', headers: { 'x-conversation': 'talk' } }

describe('every Worker snippet runs and delivers its session', () => {
  test.each(ofKind('worker'))('$file', async ({ file, code }) => {
    const models = await startModels('')
    const isFramework = code.includes('aiSdk()')
    const bindings = { MODEL_API: models.base(isFramework ? 'tools' : 'json') }
    const worker = await backend.start({ entry: file, bindings })
    const hono = code.includes("from 'hono'")
    const response = hono
      ? await fetch(`${worker.url}/ask`, { ...ASKED, body: JSON.stringify({ question: 'cats' }) })
      : await fetch(worker.url)
    expect(response.status).toBe(200)
    if (isFramework) {
      expect(await response.json()).toHaveProperty('text')
      const names = (await backend.session()).spans.map(({ name }) => name)
      expect(names.slice(0, 5)).toEqual([
        'POST /ask.session',
        'planner.agent',
        'step 1.operation',
        'chat.llm',
        'get_weather.tool',
      ])
      expect(worker.logs).toEqual([])
      return models.close()
    }
    expect(await response.text()).toBe(hono ? '["a page about cats"]' : 'Cats sleep.')
    const { root, spans } = await backend.session()
    expect(root?.attributes['agentops.session.end_state']).toBe('Success')
    expect(named(spans, 'search.tool').attributes['tool.status']).toBe('succeeded')
    if (code.includes('MODEL_API')) {
      expect(named(spans, 'chat.llm').attributes).toMatchObject({
        'gen_ai.response.model': 'gpt-4o-mini-2024-07-18',
        'gen_ai.usage.prompt_tokens': 12,
        'gen_ai.usage.input_tokens': 20,
      })
    } else if (code.includes('redact')) {
      expect(root?.attributes).toMatchObject({ country: 'unknown', team: 'search' })
      expect(named(spans, 'chat.llm').attributes['gen_ai.usage.prompt_tokens']).toBe(12)
    } else if (hono) {
      const tags = code.includes("'searched'") ? ['searched'] : []
      expect(root).toMatchObject({ name: 'POST /ask.session', attributes: { 'agentops.tags': tags } })
      if (code.includes('sessionId')) expect(root?.attributes['session.id']).toBe('talk')
    } else
      expect(named(spans, 'chat.llm').attributes).toMatchObject({
        'gen_ai.usage.prompt_tokens': 12,
        'agent.name': 'planner',
      })
    expect(worker.logs).toEqual([])
    await models.close()
  })
})

async function expectSession(name: string, code: string): Promise<void> {
  const { root, spans } = await backend.session()
  expect(root).toMatchObject({ name, attributes: { 'agentops.session.end_state': 'Success' } })
  if (code.includes('llm(')) expect(named(spans, 'chat.llm').attributes['gen_ai.usage.prompt_tokens']).toBe(12)
  expect(named(spans, 'search.tool').attributes['tool.status']).toBe('succeeded')
}

test.each(ofKind('lambda'))(
  'the Lambda snippet runs: $file',
  async ({ file, code }) => {
    await installRuntimeClient()
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url }
    const running = await startFunction({ handler: `${await bundleFunction(file)}.handler`, env })
    const { body } = await running.invoke({ version: '2.0', rawPath: '/ask' })
    expect(body).toBe('{"statusCode":200,"body":"Cats sleep."}')
    await expectSession('desk.session', code)
    expect(running.logs).toEqual([])
    await running.stop()
  },
  300_000,
)

test.each(ofKind('vercel'))('the Vercel snippet runs: $file', async ({ file, code }) => {
  const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url }
  const script = `import { GET } from './${file}'; console.log(await (await GET(new Request('http://x.example.com/'))).text())`
  const { stdout } = await run('node_modules/.bin/node', ['--input-type=module', '-e', script], { env })
  expect(stdout).toBe('Cats sleep.\n')
  await expectSession('GET.session', code)
})

test.each(ofKind('next'))('the Next.js snippet registers: $file', async ({ file }) => {
  const code = `import { register } from './${file}'; import { trace } from '@opentelemetry/api'
    register(); console.log(!!trace.getTracerProvider().getDelegate)`
  const { stdout, stderr } = await run('node_modules/.bin/node', ['--input-type=module', '-e', code])
  expect([stdout, stderr]).toEqual(['true\n', ''])
})

describe('every Node snippet runs', () => {
  test.each(ofKind('node'))('$file', async ({ file, code }) => {
    const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url, NO_COLOR: '1' }
    const { stdout, stderr } = await run('node_modules/.bin/node', [file], { env })
    expect(stderr).toBe('')
    const names = backend.collector.store.list().flatMap(({ spans }) => spans.map(({ name }) => name))
    if (code.includes('by hand')) {
      expect(stdout).toContain('{ sent: 1, dropped: 0, spooled: 0, pending: 0 }')
      expect(names.sort()).toEqual(['by hand.session', 'checksum.tool', 'fetch rows.tool', 'import.session'])
    } else if (code.includes('startBackend'))
      expect(stdout).toMatch(/^OTEL_EXPORTER_OTLP_ENDPOINT=http:\/\/127\.0\.0\.1:\d+$/m)
    else if (code.includes('sessionMetrics')) {
      expect(stdout).toMatch(/'agentops\.sessions'/)
      expect(stdout).toMatch(/'gen_ai\.client\.token\.usage'/)
    } else if (code.includes('exporters')) expect(stdout).toBe('0\n')
    else if (code.includes('assert')) expect(stdout).toBe('the session has its tool\n')
    else if (code.includes('withSession')) {
      expect(stdout).toBe('Cats sleep.\n')
      expect(names.sort()).toEqual(['ask.session', 'search.tool'])
    } else expect(names).toEqual(['anything'])
  })
})
