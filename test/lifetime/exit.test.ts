/** Processes end as they would without us: exit code, signal and time, beside the same script without the library. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../support/backend.ts'
import { bundleScript, type Ended, installRuntimes, RUNTIMES, type Runtime, run } from '../support/runtimes.ts'

const ENTRY = 'test/fixtures/endings.ts'
const WITHOUT = 'test/fixtures/without.ts'
/** What a busy machine may take beside what is measured. */
const SLACK_MS = 4000
/** Node 20 is older than what is supported. */
const runtimes = (Object.keys(RUNTIMES) as Runtime[]).filter((runtime) => runtime !== 'Node 20')

const backend = useBackend()
let script = ''
let copy = ''
let without = ''
/** Takes each request, and answers as its path says. */
let server: Server
let asked = 0

beforeAll(async () => {
  await installRuntimes()
  script = await bundleScript(ENTRY)
  copy = resolve(await bundleScript(ENTRY, undefined, '-copy'))
  without = await bundleScript(ENTRY, WITHOUT)
  server = createServer((request, response) => {
    asked++
    request.resume()
    if (request.url?.startsWith('/down')) response.writeHead(503).end()
  }).listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
}, 300_000)
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const at = (path: string): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
/** Deno's listeners cannot be counted, so that nothing is done there at a signal. */
const sent = (runtime: Runtime, ...names: string[]): string[] => (runtime === 'Deno' ? [] : names)
const arrived = (): string[] =>
  backend.collector.store.list().flatMap(({ spans }) => spans.map(({ name }) => name).sort())

/** The script with us, what the one without it came to beside. */
async function compare(
  runtime: Runtime,
  form: string,
  { endpoint = backend.collector.url, signal }: { endpoint?: string; signal?: NodeJS.Signals } = {},
): Promise<Ended> {
  asked = 0
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }
  const [ours, plain] = await Promise.all([
    run(runtime, script, { args: [form, copy], env, signal }),
    run(runtime, without, { args: [form], env, signal }),
  ])
  expect({ code: ours.code, signal: ours.signal, stdout: ours.stdout }, ours.stderr).toEqual({
    code: plain.code,
    signal: plain.signal,
    stdout: plain.stdout,
  })
  expect(plain.signal, 'it ends').not.toBe('SIGKILL')
  // Their last flush takes less.
  expect(ours.ms - plain.ms).toBeLessThan(2000 + SLACK_MS)
  return ours
}

describe.each(runtimes)('%s, told to end by SIGTERM', (runtime) => {
  const signal = 'SIGTERM'

  test('with nobody else who listens: what has finished is sent, and the signal ends it', async () => {
    expect((await compare(runtime, 'alone', { signal })).signal).toBe('SIGTERM')
    expect(arrived()).toEqual(sent(runtime, 'search.tool'))
  })

  test.each(['drains, listening before', 'drains, listening after', 'drains, listening first'])(
    'with somebody who %s: that one decides',
    async (form) => {
      const { stdout } = await compare(runtime, form, { signal })
      expect(stdout).toContain('drained')
      expect(arrived()).toEqual(sent(runtime, 'search.tool'))
    },
  )

  test('with a server that closes: by what is left to do', async () => {
    await compare(runtime, 'closes its server', { signal })
    expect(arrived()).toEqual(['search.tool'])
  })

  test('with a library that leaves the end to whoever else listens', async () => {
    await compare(runtime, 'ends itself where nobody else listens', { signal })
  })

  test('with two copies of the library, neither of which takes the other for somebody who decides', async () => {
    await compare(runtime, 'two copies', { signal })
    expect(arrived()).toEqual(sent(runtime, 'search.tool', 'search.tool'))
  })

  test.each(['a spool', 'a fetch'])('with %s that never answers: soon all the same', async (what) => {
    const { signal: by } = await compare(runtime, `${what} that never answers`, { signal, endpoint: at('/down') })
    expect(by).toBe('SIGTERM')
  })

  test.each(['/hangs', '/down'])('with a backend that %s: soon all the same', async (path) => {
    const options = { signal, endpoint: at(path) } as const
    expect((await compare(runtime, 'alone', options)).signal).toBe('SIGTERM')
    await compare(runtime, 'nothing delivered yet', options)
    await compare(runtime, 'closes its server', options)
  })
})

test.each(['SIGINT', 'SIGHUP'] as const)('%s ends it at once, as without us', async (signal) => {
  expect((await compare('Node 24', 'alone', { signal })).signal).toBe(signal)
})

describe.each(runtimes)('%s, with nothing left to do', (runtime) => {
  test.each(['never settles', 'never settles, beside work', 'says its code'])(
    'a handler that never settles is no reason to go on: %s',
    async (form) => {
      const { stderr } = await compare(runtime, form)
      expect(arrived()).toEqual(['search.tool'])
      expect(stderr.match(/nobody has ended GET \([-0-9a-f]{36}\)/g)).toHaveLength(1)
    },
  )

  test.each(['/hangs', '/down', ''])('a backend that does not take it is asked once (%s)', async (path) => {
    const endpoint = path ? at(path) : 'http://127.0.0.1:9'
    const { stderr } = await compare(runtime, 'never settles', { endpoint })
    expect(asked).toBe(path ? 1 : 0)
    expect(stderr).toMatch(/1 spans were lost/)
  })

  test('a session that nobody has ended: its events are sent, and one line names it', async () => {
    const { stderr } = await compare(runtime, 'not ended')
    expect(arrived()).toEqual(['search.tool'])
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).toMatch(/nobody has ended nightly \([-0-9a-f]{36}\)/)
  })

  test('a response that nobody reads: its session ends with the process', async () => {
    await compare(runtime, 'a stream that nobody reads')
    expect(arrived()).toEqual(['GET.session'])
    expect(backend.collector.store.list()[0]?.root?.attributes['agentops.response.body_end']).toBe('abandoned')
  })

  test('a response that nobody reads of a session that is disabled', async () => {
    expect((await compare(runtime, 'unread, disabled')).stderr).toBe('')
    expect(arrived()).toEqual([])
  })

  test('work that is held and never settles: who waits for the end goes on', async () => {
    await compare(runtime, 'held for ever')
    expect(arrived()).toEqual(['held.session'])
  })

  // Bun awaits some promises natively, where nothing shows that they are handled: what nobody handles is silent there.
  const unhandled = ['a tool that nobody awaits throws', 'a tool that nobody awaits gives a promise that rejects']
  test.each(runtime === 'Bun' ? [] : unhandled)('is unhandled as without us: %s', async (form) => {
    await compare(runtime, form)
  })

  test.each(['throws', 'calls exit'])('an end of its own stays: %s', async (form) => {
    await compare(runtime, form)
  })
})
