/**
 * Neighbours in every order of installing. `NEIGHBOURS=all` (`npm run test:neighbours`) tries all of them; without it,
 * those with a `quick` order in that one.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { type CollectedSession, type CollectedSpan, startCollector } from '../../src/collector/index.ts'
import { useBackend } from '../support/backend.ts'
import { named } from '../support/collected.ts'
import { startExample } from '../support/example.ts'
import { copies, type Installed, install, pack } from '../support/install.ts'
import { NEIGHBOURS, type Neighbour, ORDERS, type Order, WHOLE } from './neighbours.ts'

// Installing takes as long as the registry does.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const backend = useBackend()
let packed = ''
let tarball = ''
beforeAll(async () => {
  packed = await mkdtemp(join(tmpdir(), 'agentops-edge-packed-'))
  tarball = await pack(packed)
})
afterAll(() => rm(packed, { recursive: true, force: true }))

const cells = NEIGHBOURS.flatMap((neighbour) =>
  ORDERS.filter((order) => WHOLE || order === neighbour.quick).map((order) => ({ ...neighbour, neighbour, order })),
)

test.each(cells)('$name, installed $order us', async ({ neighbour, order }) => {
  const installed = await install({ commands: commands(neighbour, order), files: 'test/neighbours/apps' })
  onTestFinished(installed.remove)
  expect(installed.said.filter((line) => /peer|ERESOLVE/i.test(line))).toEqual([])

  const session = await sessionOf(neighbour, installed)
  const { spans, root } = session
  const app = named(spans, 'app')
  const enclosing = neighbour.enclosing ? named(spans, neighbour.enclosing) : root
  expect(parentOf(app, spans)).toBe(enclosing?.name)
  expect(parentOf(named(spans, 'neighbour'), spans)).toBe('app')
  expect(parentOf(named(spans, 'app again'), spans)).toBe('neighbour')
  for (const span of spans) {
    expect(span.traceId).toBe(root?.traceId)
    if (span !== root) expect(parentOf(span, spans), span.name).toBeDefined()
  }

  if (neighbour.provider) await checkProvider(neighbour.provider, installed)
})

function commands({ packages }: Neighbour, order: Order): string[][] {
  if (order === 'before') return [packages, [tarball]]
  if (order === 'after') return [[tarball], packages]
  return [[...packages, tarball]]
}

/** Runs the app once; the session that arrives. */
async function sessionOf({ packages, app, runtime }: Neighbour, installed: Installed): Promise<CollectedSession> {
  const { folder } = installed
  await installed.useCopyOf(`${packages[0]?.replace(/(?<=.)@.*/, '')}`)
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.collector.url }
  if (runtime === 'node') {
    expect(await installed.run(app, env)).toEqual({ stdout: '', stderr: '' })
  } else {
    const url =
      runtime === 'wrangler' ? await startExample(folder, backend.collector.url) : await start(join(folder, app))
    const response = await fetch(`${url}/ask`)
    expect([response.status, await response.text()]).toEqual([200, 'answered'])
  }
  return backend.session(({ spans }) => spans.some(({ name }) => name === 'app again'))
}

async function start(entry: string): Promise<string> {
  const worker = await backend.start({ entry, compatibilityFlags: ['nodejs_compat'] })
  onTestFinished(() => {
    expect(worker.logs).toEqual([])
    return worker.stop()
  })
  return worker.url
}

const parentOf = ({ parentSpanId }: CollectedSpan, spans: readonly CollectedSpan[]): string | undefined =>
  spans.find(({ spanId }) => spanId === parentSpanId)?.name

/** The neighbour's global provider sends through our processor, and through one of its own with our exporter. */
async function checkProvider(app: string, installed: Installed): Promise<void> {
  const theirs = await startCollector()
  onTestFinished(theirs.close)
  backend.collector.store.clear()
  const { stdout, stderr } = await installed.run(app, {
    OURS: `${backend.collector.url}/v1/traces`,
    THEIRS: `${theirs.url}/v1/traces`,
  })
  expect(JSON.parse(stdout)).toEqual({ sent: 2, dropped: 0, spooled: 0, pending: 0 })
  const older = (await copies(installed.folder)).some((copy) => copy.startsWith('node_modules/@opentelemetry/api 1.9.'))
  expect(stderr).toMatch(older ? /^agentops-edge: @opentelemetry\/api 1\.9\..*\n$/ : /^$/)
  for (const [{ store }, more] of [
    [backend.collector, ['first.session', 'search.tool', 'second.session']],
    [theirs, []],
  ] as const) {
    const spans = store.list().flatMap((session) => session.spans)
    // None for the requests of the delivery itself: each would be delivered with one more.
    expect(spans.map(({ name }) => name).sort()).toEqual(['inner', 'outer', ...more].sort())
    expect(parentOf(named(spans, 'inner'), spans)).toBe('outer')
    expect(named(spans, 'outer').resource['service.name']).toBe('theirs')
    if (more.length) expect(parentOf(named(spans, 'search.tool'), spans)).toBe('first.session')
  }
}
